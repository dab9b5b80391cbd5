//! Hearing: one message at a time from several queues, without keeping any other from other listeners.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, stream::SelectAll};
use lapin::{
    Acker, Channel,
    message::Delivery,
    options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::FieldTable,
};
use shared::{Error, Result, error::Cause};
use tokio::time::timeout;
use tracing::debug;

use super::{
    line::{Line, Open},
    topology::Place,
};

/// After this long without a message everything is asked for again, in case the broker forgot us without a word.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Hears messages of some queues.
///
/// A consumer for each queue would hold one message for each queue while its owner works on the first, and a limit over all consumers of
/// a channel is gone from `RabbitMQ` since 4.3. So consumers exist only while nothing is heard: when the first message arrives all of them
/// are cancelled, and what they got beyond it goes back.
#[derive(Debug)]
pub(super) struct Ear {
    line: Arc<Line>,
    places: Vec<Place>,
    idle: Option<Session>,
    turn: usize,
}

/// A channel that is used for one message at a time. When it is dropped, the broker gives everything unsettled on it to others; that is
/// what makes every await point of hearing safe to drop.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) open: Arc<Open>,
    channel: Channel,
}

impl Ear {
    /// An ear at some queues; nothing is connected yet.
    pub(super) fn new(line: Arc<Line>, places: Vec<Place>) -> Self {
        Self { line, places, idle: None, turn: 0 }
    }

    /// Waits for a message, and for the broker when that is away. The message is unsettled as long as the session is kept.
    ///
    /// # Errors
    /// [`Cause::Order`] when the broker refuses us.
    pub(super) async fn hear(&mut self) -> Result<(Session, Delivery)> {
        let mut failures = 0;
        loop {
            let error = match self.try_to_hear().await {
                Err(error) if error.cause() != Cause::Order => error,
                outcome => return outcome,
            };
            failures += 1;
            debug!(%error, "the listener begins anew");
            // The line has its own back-off; this one is for a broker that answers and cannot serve a queue.
            self.line.pause(failures).await;
        }
    }

    /// Keeps a session for the next message; all of it must be settled.
    pub(super) fn keep(&mut self, session: Session) {
        self.idle = Some(session);
    }

    async fn try_to_hear(&mut self) -> Result<(Session, Delivery)> {
        let usable = |session: &Session| session.channel.status().connected();
        let session = match self.idle.take().filter(usable) {
            Some(session) => session,
            None => self.session().await?,
        };
        for place in &self.places {
            self.line.declare(&session.open, place).await?;
        }
        self.turn = self.turn.wrapping_add(1);
        let delivery = self.first(&session).await?;
        Ok((session, delivery))
    }

    async fn session(&self) -> Result<Session> {
        let open = self.line.open_in_time().await?;
        let channel = self.line.channel(&open).await?;
        // For each consumer, not for the channel.
        let one = channel.basic_qos(1, BasicQosOptions { global: false });
        self.line.answer("limit the prefetch", one).await?;
        Ok(Session { open, channel })
    }

    /// The first message that comes, now or later. Not by `basic.get`: on a quorum queue that was just recovered it may go unanswered.
    async fn first(&self, session: &Session) -> Result<Delivery> {
        let mut arriving = SelectAll::new();
        let mut tags = Vec::with_capacity(self.places.len());
        let mut first = None;
        // Another queue goes first each time. Once something came there is no need to ask further queues.
        for place in self.places.iter().cycle().skip(self.turn % self.places.len()).take(self.places.len()) {
            let (queue, options) = (place.name.as_str().into(), BasicConsumeOptions::default());
            let consume = session.channel.basic_consume(queue, "".into(), options, FieldTable::default());
            let consumer = self.line.answer(&format!("listen to {}", place.name), consume).await;
            let consumer = consumer.inspect_err(|_| session.open.forget(place))?;
            tags.push(consumer.tag());
            // A queue that somebody removes ends one stream of several.
            arriving.push(consumer.map(Some).chain(futures_util::stream::iter([None])));
            first = arriving.next().now_or_never();
            if first.is_some() {
                break;
            }
        }
        let first = match first {
            Some(first) => Ok(first),
            None => timeout(LONGEST_WAIT, arriving.next()).await,
        };
        let delivery = match first {
            Ok(Some(Some(Ok(delivery)))) => delivery,
            Ok(Some(Some(Err(error)))) => return Err(self.line.failed("listen", &error)),
            Ok(Some(None) | None) => return Err(self.anew(session, "a queue was removed")),
            Err(_) => return Err(self.anew(session, "nothing was heard for a while")),
        };
        for tag in tags {
            let cancel = session.channel.basic_cancel(tag, BasicCancelOptions::default());
            self.line.answer("stop listening", cancel).await?;
        }
        // After the last cancellation nothing arrives any more; what came between is for others.
        while let Some(Some(more)) = arriving.next().now_or_never() {
            let Some(Ok(extra)) = more else { continue };
            let back = extra.nack(BasicNackOptions { requeue: true, ..Default::default() });
            self.line.answer("give a message back", back).await?;
        }
        Ok(delivery)
    }

    /// Makes sure that all queues are looked for again.
    fn anew(&self, session: &Session, why: &str) -> Error {
        self.places.iter().for_each(|place| session.open.forget(place));
        Error::world(format!("{why} on {}", self.line.address))
    }

    /// Settles a message, and keeps the session when that worked. When it did not, the message comes again.
    pub(super) async fn settle(&mut self, session: Session, delivery: &Acker) {
        match self.line.answer("settle", delivery.ack(BasicAckOptions::default())).await {
            Ok(true) => self.keep(session),
            Ok(false) => debug!("a message outlived its connection, and will come again"),
            Err(error) => debug!(%error, "a message could not be settled, and will come again"),
        }
    }
}
