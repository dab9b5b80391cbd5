//! Listening for rings, and listening again after the queue was down.

use shared::{
    Clock, Route,
    outage::Outage,
    ports::{Bell, Listener, Queue},
};
use tokio::time::{Instant, sleep_until};

/// A worker's end of the queue.
pub(crate) struct Ears<'a> {
    queue: &'a dyn Queue,
    clock: &'a dyn Clock,
    routes: Vec<Route>,
    listener: Option<Box<dyn Listener>>,
    outage: Outage,
    again: Instant,
}

impl<'a> Ears<'a> {
    pub(crate) fn new(queue: &'a dyn Queue, clock: &'a dyn Clock, routes: Vec<Route>, seed: u64) -> Self {
        Self { queue, clock, routes, listener: None, outage: Outage::new(seed), again: Instant::now() }
    }

    /// The next ring; none comes while the queue is down. Safe to drop at any await point.
    pub(crate) async fn next(&mut self) -> Bell {
        loop {
            let heard = if let Some(listener) = &mut self.listener {
                listener.next().await.map(Some)
            } else {
                sleep_until(self.again).await;
                let listening = self.queue.listen(&self.routes).await;
                listening.map(|listener| self.listener.replace(listener).and(None))
            };
            match heard {
                Ok(Some(bell)) => return bell,
                Ok(None) => {
                    if self.outage.over(self.clock.now()).is_some() {
                        tracing::info!("the worker hears the queue again");
                    }
                }
                Err(error) => self.failed(&error),
            }
        }
    }

    /// Says that a ring was looked at. When that cannot be said, the ring comes again, which does no harm.
    pub(crate) async fn settle(&mut self, bell: Bell) {
        if let Some(listener) = &mut self.listener
            && let Err(error) = listener.settle(bell).await
        {
            self.failed(&error);
        }
    }

    /// Hears nothing more: what would ring here is for others.
    pub(crate) fn close(&mut self) {
        self.listener = None;
    }

    fn failed(&mut self, error: &shared::Error) {
        let advice = self.outage.failed(error, self.clock.now());
        if let Some(what) = advice.say {
            tracing::warn!(error = what, "the worker hears nothing and looks by the clock");
        }
        (self.listener, self.again) = (None, Instant::now() + advice.wait);
    }
}
