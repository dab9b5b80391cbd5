//! The queue is a bell: a message says "look" and nothing more.

use async_trait::async_trait;

use crate::{Result, Route, TaskKey};

/// One ring: a task that may be ready. It can come late, twice or not at all; only the ledger decides who works on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bell {
    /// The task to look at.
    pub key: TaskKey,
    /// The queue's own mark for this delivery, handed back to [`Listener::settle`].
    pub tag: u64,
}

/// A message that could not be understood and was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue's own name for it while it is being looked at.
    pub id: String,
    /// The queue it came from.
    pub from: String,
    /// Why it was put aside.
    pub reason: String,
    /// Its bytes, as far as they can be shown.
    pub body: String,
}

/// Carries rings from whoever released a task to whoever may take it, and from whoever changed a job to the coordinators.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Rings for released tasks. Returns when the queue has taken every ring, or refused it because too many wait: refused
    /// rings are dropped, and the coordinator rings again later.
    async fn ring(&self, rings: &[(Route, TaskKey)]) -> Result<()>;

    /// Starts to listen on some routes.
    async fn listen(&self, routes: &[Route]) -> Result<Box<dyn Listener>>;

    /// Wakes one coordinator: something became ready, was submitted or changed. Many calls in a row may wake once.
    async fn wake(&self) -> Result<()>;

    /// Waits for [`Queue::wake`] as a coordinator. Safe to drop at any await point. It may return without a reason.
    async fn woken(&self) -> Result<()>;

    /// Messages that could not be understood, at most `limit`; they stay.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>>;

    /// How many messages could not be understood and lie aside.
    async fn count_dead_letters(&self) -> Result<u64>;

    /// Puts every dead letter back into the queue it came from; how many there were.
    async fn replay_dead_letters(&self) -> Result<u64>;

    /// Throws all dead letters away; how many there were.
    async fn purge_dead_letters(&self) -> Result<u64>;

    /// Asks the queue whether it answers.
    ///
    /// # Errors
    /// [`Cause::Unreachable`](crate::error::Cause::Unreachable) naming it when it does not.
    async fn ping(&self) -> Result<()>;
}

/// One listener's end of the queue.
#[async_trait]
pub trait Listener: Send {
    /// Waits for the next ring. Safe to drop at any await point: a ring not returned is not lost to others. Between a ring returned
    /// and its [`Listener::settle`] the listener keeps no other ring from others, however many routes it has: its owner is at work. Whoever
    /// asks for the next without settling leaves the one before to others, or to itself again.
    async fn next(&mut self) -> Result<Bell>;

    /// Says that a ring was looked at, whatever came of it, and needs no other delivery.
    async fn settle(&mut self, bell: Bell) -> Result<()>;
}
