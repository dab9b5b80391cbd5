//! Standing at queues for an ear: consumers that stay from one message to the next.
//!
//! The broker gives a consumer one message and no other until that is settled. So the consumer that the message at work came through is quiet, but those
//! at further queues are not, and one limit for all consumers of a channel is gone from `RabbitMQ` since 4.3. What they bring
//! while somebody is at work, or what nobody hears, goes back at once, and its consumer with it until the next message is waited for.

use std::{convert::Infallible, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _};
use lapin::{
    Acker, Channel, Consumer,
    message::Delivery,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::FieldTable,
};
use shared::{Error, Result, error::Cause};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::{
    line::{Line, Open},
    topology::Place,
    tray::{Letter, Mood, Tray},
};

/// After this long without a message everything is asked for again, in case the broker forgot us without a word.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Whoever works for so long needs no consumers meanwhile: what they bring only travels back and forth. With shorter work it is
/// cheaper to keep them.
const LONG_WORK: Duration = Duration::from_secs(1);

/// Stands at some queues as long as its task lives.
pub(super) struct Vigil {
    pub(super) line: Arc<Line>,
    pub(super) places: Vec<Place>,
    pub(super) tray: Arc<Tray>,
    /// How long a message may lie in the tray when nobody waits for it.
    pub(super) grace: Duration,
}

impl Vigil {
    /// Connects whenever somebody wants to hear, and brings messages until that breaks; never ends by itself.
    pub(super) async fn keep(self) {
        let mut failures = 0;
        loop {
            while !self.tray.is_wanted() {
                self.tray.touched().await;
            }
            let mut heard = false;
            let Err(error) = self.stand(&mut heard).await;
            self.tray.channel_is_gone();
            if error.cause() == Cause::Order {
                self.tray.refuse(error);
                continue;
            }
            failures = if heard { 1 } else { failures + 1 };
            debug!(%error, "the listener begins anew");
            // The line has its own back-off; this one is for a broker that answers and cannot serve a queue.
            self.line.pause(failures).await;
        }
    }

    async fn stand(&self, heard: &mut bool) -> Result<Infallible> {
        let open = self.line.open_in_time().await?;
        let channel = self.line.channel(&open).await?;
        // For each consumer, not for the channel.
        let one = channel.basic_qos(1, BasicQosOptions { global: false });
        self.line.answer("limit the prefetch", one).await?;
        let (consumers, known) = self.places.iter().map(|_| (None, 0)).unzip();
        let (now, vigil, turn, removals) = (Instant::now(), self, 0, 0);
        let work = (Mood::default(), now);
        Stand { vigil, open, channel, consumers, known, turn, removals, heard: now, laid: now, work }.serve(heard).await
    }
}

/// A channel with its consumers. When it is dropped, the broker gives everything unsettled on it to others.
struct Stand<'a> {
    vigil: &'a Vigil,
    open: Arc<Open>,
    channel: Channel,
    /// One for each place, or none where nothing may come at the moment.
    consumers: Vec<Option<Consumer>>,
    /// How often each queue was known to be removed when its consumer was asked for.
    known: Vec<u64>,
    /// Whose message is taken first when several have one.
    turn: usize,
    /// Queues that were removed since a message came.
    removals: u32,
    /// When the last message came or was worked on.
    heard: Instant,
    /// When the message in the tray was laid there.
    laid: Instant,
    /// Since when the owner is at the work that it is at.
    work: (Mood, Instant),
}

impl Stand<'_> {
    async fn serve(mut self, heard: &mut bool) -> Result<Infallible> {
        let (tray, open) = (&self.vigil.tray, self.open.clone());
        loop {
            // Made before looking, so that nothing is missed between the look and the wait.
            let removals = open.removals.notified();
            self.give_back(tray.returned()).await?;
            let (mood, wanted, full) = (tray.mood(), tray.is_wanted(), tray.is_full());
            if mood != self.work.0 {
                self.work = (mood, Instant::now());
            }
            if wanted {
                self.ask().await?;
            }
            let works_long = mood.at_work > 0 && self.consumers.iter().any(Option::is_some);
            let (tired, stale) = (self.work.1 + LONG_WORK, self.heard.max(self.work.1) + LONGEST_WAIT);
            let unheard = self.laid + self.vigil.grace;
            tokio::select! {
                biased;
                (at, arrived) = arrives(&mut self.consumers, self.turn), if !full => {
                    *heard |= matches!(arrived, Some(Ok(_)));
                    self.arrived(at, arrived).await?;
                }
                () = tray.touched() => {}
                () = removals => {}
                () = sleep_until(unheard), if full => self.unheard().await?,
                () = sleep_until(tired), if works_long => self.hush(0..self.consumers.len(), vec![]).await?,
                () = sleep_until(stale), if wanted => return Err(self.anew()),
            }
        }
    }

    /// Asks for what is missing. A queue that somebody removed is made again, less and less eagerly.
    async fn ask(&mut self) -> Result<()> {
        let line = &self.vigil.line;
        for ((place, consumer), known) in self.vigil.places.iter().zip(&mut self.consumers).zip(&mut self.known) {
            let removed = self.open.times_removed(place);
            match consumer {
                Some(_) if *known == removed => continue,
                // The channel believes that it has a consumer there, so it takes another one.
                Some(_) => return Err(Error::world(format!("the queue {} was made anew", place.name))),
                None => *known = removed,
            }
            if self.removals > 0 {
                line.pause(self.removals).await;
            }
            line.declare(&self.open, place).await?;
            let (queue, options) = (place.name.as_str().into(), BasicConsumeOptions::default());
            let consume = self.channel.basic_consume(queue, "".into(), options, FieldTable::default());
            let asked = line.answer(&format!("listen to {}", place.name), consume).await;
            *consumer = Some(asked.inspect_err(|_| self.open.forget(place))?);
        }
        Ok(())
    }

    async fn arrived(&mut self, at: usize, arrived: Option<lapin::Result<Delivery>>) -> Result<()> {
        self.turn = at + 1;
        match arrived {
            Some(Ok(delivery)) => {
                (self.removals, self.heard) = (0, Instant::now());
                self.laid = self.heard;
                let letter = Letter { delivery, open: self.open.clone() };
                match self.vigil.tray.lay(letter) {
                    // Somebody is at work.
                    Some(letter) => self.hush(at..at + 1, vec![letter.delivery.acker]).await,
                    None => Ok(()),
                }
            }
            Some(Err(error)) => Err(self.vigil.line.failed("listen", &error)),
            // The broker ended the consumer, because its queue is gone.
            None => {
                let place = &self.vigil.places[at];
                debug!(queue = place.name, "a queue was removed");
                self.open.is_removed(place);
                (self.consumers[at], self.removals) = (None, self.removals.saturating_add(1));
                Ok(())
            }
        }
    }

    /// Nobody came for the message in the tray: it is for others, like all that would come after it.
    async fn unheard(&mut self) -> Result<()> {
        self.laid = Instant::now();
        match self.vigil.tray.unwanted() {
            Some(letter) => self.hush(0..self.consumers.len(), vec![letter.delivery.acker]).await,
            None => Ok(()),
        }
    }

    /// Ends some consumers, and gives back what came through them together with `back`.
    async fn hush(&mut self, which: std::ops::Range<usize>, mut back: Vec<Acker>) -> Result<()> {
        for consumer in &mut self.consumers[which] {
            let Some(mut ended) = consumer.take() else { continue };
            let cancel = self.channel.basic_cancel(ended.tag(), BasicCancelOptions::default());
            self.vigil.line.answer("stop listening", cancel).await?;
            // After the cancellation nothing arrives any more.
            while let Some(Some(Ok(more))) = ended.next().now_or_never() {
                back.push(more.acker);
            }
        }
        self.give_back(back).await
    }

    async fn give_back(&self, back: Vec<Acker>) -> Result<()> {
        for acker in back {
            let nack = acker.nack(BasicNackOptions { requeue: true, ..Default::default() });
            self.vigil.line.answer("give a message back", nack).await?;
        }
        Ok(())
    }

    /// Makes sure that all queues are looked for again.
    fn anew(&self) -> Error {
        self.vigil.places.iter().for_each(|place| self.open.forget(place));
        Error::world(format!("nothing was heard for a while on {}", self.vigil.line.address))
    }
}

/// The next message of any consumer, or that one ended, and whose; another goes first each `turn`.
async fn arrives(consumers: &mut [Option<Consumer>], turn: usize) -> (usize, Option<lapin::Result<Delivery>>) {
    poll_fn(|context| {
        let many = consumers.len();
        for at in (0..many).map(|offset| (turn + offset) % many) {
            let Some(consumer) = &mut consumers[at] else { continue };
            if let Poll::Ready(arrived) = consumer.poll_next_unpin(context) {
                return Poll::Ready((at, arrived));
            }
        }
        Poll::Pending
    })
    .await
}
