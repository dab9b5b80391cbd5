//! The one connection of a process to its broker: made when it is needed, made again when it broke.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex as Lock, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{ConfirmSelectOptions, QueueDeclareOptions},
};
use shared::{Error, Result, error::Cause};
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout},
};
use tracing::{info, warn};

use super::{address::Address, failure, topology::Place};
use crate::backoff::wait_after;

/// Longest that connecting, or one call that the broker should answer at once, may take.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

/// A connection that is restored when somebody needs it, but not more often than the back-off allows.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) address: Address,
    seed: u64,
    open: Lock<Option<Arc<Open>>>,
    gate: Mutex<Gate>,
}

/// Whoever is in it connects; the others wait for the outcome.
#[derive(Debug, Default)]
struct Gate {
    failures: u32,
    closed: Option<Closed>,
}

/// Why there is no connection, and when the next attempt is due.
#[derive(Clone, Debug)]
struct Closed {
    until: Instant,
    refused: bool,
    reason: String,
}

impl Closed {
    /// The error of the last attempt again.
    fn error(&self) -> Error {
        if self.refused { Error::order(self.reason.clone()) } else { Error::unreachable(self.reason.clone()) }
    }
}

/// A connection with what every ring needs.
pub(super) struct Open {
    connection: Connection,
    /// For rings and dead letters: the broker confirms each message.
    pub(super) confirmed: Channel,
    /// For wakes: nobody waits for a confirmation.
    pub(super) hasty: Channel,
    declared: Lock<HashSet<String>>,
    /// Held by whoever declares a queue.
    declaring: Mutex<()>,
    removed: Lock<HashMap<String, u64>>,
    /// Somebody found a queue removed.
    pub(super) removals: Notify,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}

impl Line {
    /// A line that nobody used yet; `seed` spreads its attempts.
    pub(super) fn new(address: Address, seed: u64) -> Self {
        Self { address, seed, open: Lock::default(), gate: Mutex::default() }
    }

    /// The connection, made again when it broke.
    ///
    /// # Errors
    /// [`Cause::Unreachable`](shared::error::Cause::Unreachable) when the broker does not answer, at once while an attempt is not due;
    /// [`Cause::Order`](shared::error::Cause::Order) when it refuses us.
    pub(super) async fn open(self: &Arc<Self>) -> Result<Arc<Open>> {
        if let Some(open) = self.working() {
            return Ok(open);
        }
        // In a task of its own: a future that nobody polls at the moment, such as the other branch of a `select!`, must not be the one
        // that all others wait for.
        let line = self.clone();
        let reopened = tokio::spawn(async move { line.reopen().await });
        reopened.await.map_err(|e| Error::world("connecting to the queue broke").from_source(e))?
    }

    async fn reopen(&self) -> Result<Arc<Open>> {
        let mut gate = self.gate.lock().await;
        if let Some(open) = self.working() {
            return Ok(open);
        }
        if let Some(closed) = gate.closed.as_ref().filter(|closed| closed.until > Instant::now()) {
            return Err(closed.error());
        }
        match self.connect().await {
            Ok(open) => {
                if gate.failures > 0 {
                    info!(queue = %self.address, attempts = gate.failures + 1, "the queue answers again");
                }
                let open = Arc::new(open);
                *self.slot() = Some(open.clone());
                *gate = Gate::default();
                Ok(open)
            }
            Err(error) => {
                gate.failures = gate.failures.saturating_add(1);
                let wait = wait_after(gate.failures, self.seed);
                warn!(queue = %self.address, %error, attempt = gate.failures, "waiting for the queue, next attempt in {wait:.1?}");
                let (until, refused) = (Instant::now() + wait, error.cause() == Cause::Order);
                gate.closed = Some(Closed { until, refused, reason: error.to_string() });
                Err(error)
            }
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn working(&self) -> Option<Arc<Open>> {
        self.slot().as_ref().filter(|open| open.works()).cloned()
    }

    /// The connection, however long it takes the broker to come back.
    ///
    /// # Errors
    /// [`Cause::Order`](shared::error::Cause::Order) when it refuses us.
    pub(super) async fn open_in_time(self: &Arc<Self>) -> Result<Arc<Open>> {
        loop {
            match self.open().await {
                // The gate says at once when it is too early, so asking again costs nothing.
                Err(error) if error.cause() == Cause::Unreachable => self.pause(1).await,
                outcome => return outcome,
            }
        }
    }

    /// Gives a connection up that does not do what it should; the next [`Line::open`] makes another.
    pub(super) fn give_up(&self, broken: &Arc<Open>) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|open| Arc::ptr_eq(open, broken)) {
            *slot = None;
        }
    }

    /// A wait after so many failures in a row of something that the line itself cannot mend.
    pub(super) async fn pause(&self, failures: u32) {
        tokio::time::sleep(wait_after(failures, self.seed)).await;
    }

    /// The error for a call that failed.
    pub(super) fn failed(&self, what: &str, error: &lapin::Error) -> Error {
        failure::explain(&self.address, what, error)
    }

    /// The outcome of a call that the broker should answer at once.
    pub(super) async fn answer<T>(&self, what: &str, call: impl Future<Output = lapin::Result<T>>) -> Result<T> {
        match timeout(ANSWER, call).await {
            Ok(answer) => answer.map_err(|e| self.failed(what, &e)),
            Err(_) => Err(failure::silent(&self.address, what, ANSWER)),
        }
    }

    async fn connect(&self) -> Result<Open> {
        let properties = ConnectionProperties::default().with_connection_name("emofarm".into());
        let connection = self.answer("connect", Connection::connect_uri(self.address.uri(), properties)).await?;
        let confirmed = self.answer("open a channel", connection.create_channel()).await?;
        self.answer("ask for confirmations", confirmed.confirm_select(ConfirmSelectOptions::default())).await?;
        let hasty = self.answer("open a channel", connection.create_channel()).await?;
        let (declared, declaring, removed, removals) = <(Lock<_>, Mutex<_>, Lock<_>, Notify)>::default();
        Ok(Open { connection, confirmed, hasty, declared, declaring, removed, removals })
    }

    /// A channel of one's own. What is unsettled on it when it is dropped rings for others.
    pub(super) async fn channel(&self, open: &Open) -> Result<Channel> {
        self.answer("open a channel", open.connection.create_channel()).await
    }

    /// Makes sure that a queue is there, once for each connection, and one after the other: a connection on which many channels asked for the same
    /// new quorum queue at once was seen to end in an error of `RabbitMQ` 3.10, and with it whatever was rung for at that moment.
    pub(super) async fn declare(&self, open: &Open, place: &Place) -> Result<()> {
        let known = |place: &Place| open.declared().contains(&place.name);
        if known(place) {
            return Ok(());
        }
        let _alone = open.declaring.lock().await;
        let dead_letters = place.has_dead_letters().then(Place::dead_letters);
        for place in dead_letters.iter().chain([place]).filter(|place| !known(place)) {
            // A refusal closes the channel on which it is given.
            let channel = self.channel(open).await?;
            let declare =
                channel.queue_declare(place.name.as_str().into(), QueueDeclareOptions::durable(), place.arguments());
            self.answer(&format!("declare the queue {}", place.name), declare).await?;
            open.declared().insert(place.name.clone());
        }
        Ok(())
    }
}

impl Open {
    fn works(&self) -> bool {
        let channels = [&self.confirmed, &self.hasty];
        self.connection.status().connected() && channels.iter().all(|channel| channel.status().connected())
    }

    fn declared(&self) -> MutexGuard<'_, HashSet<String>> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets that a queue was there, so that it is looked for again.
    pub(super) fn forget(&self, place: &Place) {
        self.declared().remove(&place.name);
    }

    /// A queue was found removed. Whoever stands at it must know, because the broker does not always say so: a queue that is made again at
    /// once has the same name and none of the consumers.
    pub(super) fn is_removed(&self, place: &Place) {
        self.forget(place);
        *self.removed().entry(place.name.clone()).or_default() += 1;
        self.removals.notify_waiters();
    }

    /// How often a queue was found removed on this connection.
    pub(super) fn times_removed(&self, place: &Place) -> u64 {
        self.removed().get(&place.name).copied().unwrap_or_default()
    }

    fn removed(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
