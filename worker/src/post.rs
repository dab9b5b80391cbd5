//! A worker's place in the crew: what it says of itself, and what operators ask of it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shared::{
    Clock,
    outage::Outage,
    pace::Pace,
    ports::{
        Crew,
        crew::{WorkerCard, WorkerOrder, WorkerState},
    },
};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

/// How often a worker is heard of.
const PERIOD: Duration = Duration::from_secs(5);

/// Changes that come faster than this are told together.
const GAP: Duration = Duration::from_millis(250);

/// What a worker is at, and what it was asked.
pub(crate) struct Post {
    state: Mutex<WorkerState>,
    changed: Notify,
    back: Notify,
    draining: CancellationToken,
}

impl Default for Post {
    fn default() -> Self {
        let (changed, back) = (Notify::new(), Notify::new());
        Self { state: Mutex::new(WorkerState::Starting), changed, back, draining: CancellationToken::new() }
    }
}

impl Post {
    /// What it is at.
    pub(crate) fn state(&self) -> WorkerState {
        self.lock().clone()
    }

    /// It is at something else now. Who is set aside stays so until somebody asks for it.
    pub(crate) fn is_at(&self, state: WorkerState) {
        let mut now = self.lock();
        if matches!(*now, WorkerState::SetAside { .. }) || *now == state {
            return;
        }
        *now = state;
        self.changed.notify_one();
    }

    /// It takes nothing more, for this reason.
    pub(crate) fn set_aside(&self, reason: String) {
        *self.lock() = WorkerState::SetAside { reason };
        self.changed.notify_one();
    }

    /// Whether it is set aside.
    pub(crate) fn is_set_aside(&self) -> bool {
        matches!(*self.lock(), WorkerState::SetAside { .. })
    }

    /// Waits until it is asked to come back.
    pub(crate) async fn until_back(&self) {
        while self.is_set_aside() {
            self.back.notified().await;
        }
    }

    /// Whether it was asked to end after the task at hand.
    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Reports for ever, every few seconds and soon after each change, and takes orders.
    pub(crate) async fn report(&self, crew: &dyn Crew, clock: &dyn Clock, card: impl Fn() -> WorkerCard, seed: u64) {
        let (mut pace, mut outage) = (Pace::new(PERIOD, seed), Outage::new(seed));
        loop {
            let state = if self.draining.is_cancelled() { self.drained_state() } else { self.state() };
            let wait = match crew.report(&card(), &state, clock.now()).await {
                Ok(order) => {
                    outage.over(clock.now());
                    if let Some(order) = order {
                        self.obey(order);
                    }
                    pace.wait()
                }
                Err(error) => {
                    let advice = outage.failed(&error, clock.now());
                    if let Some(what) = advice.say {
                        tracing::warn!(error = what, "the worker cannot report");
                    }
                    advice.wait.min(PERIOD)
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.changed.notified() => sleep(GAP).await,
            }
        }
    }

    /// Busy or not, nothing more is taken; a reason to be set aside is not hidden by that.
    fn drained_state(&self) -> WorkerState {
        match self.state() {
            aside @ WorkerState::SetAside { .. } => aside,
            _ => WorkerState::Draining,
        }
    }

    fn obey(&self, order: WorkerOrder) {
        match order {
            WorkerOrder::Drain if !self.draining.is_cancelled() => {
                tracing::info!("asked to end after the task at hand");
                self.draining.cancel();
                self.changed.notify_one();
            }
            WorkerOrder::Work if self.is_set_aside() => {
                tracing::info!("asked to come back");
                *self.lock() = WorkerState::Idle;
                self.back.notify_one();
                self.changed.notify_one();
            }
            WorkerOrder::Drain | WorkerOrder::Work => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, WorkerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
