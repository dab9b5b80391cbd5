//! The queue is a bell: a message says "look at this task" and nothing more.

use async_trait::async_trait;

use crate::{Result, TaskKey, task::Lane};

/// One ring: a task that may be ready. It can come late, twice or not at all; only the ledger's `claim` decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bell {
    /// The task to look at.
    pub key: TaskKey,
    /// The queue's own mark for this delivery, handed back to [`Listener::settle`].
    pub tag: u64,
}

/// Carries rings from whoever readied a task to whoever may take it.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Rings for a task in a lane. Bounded: when too many rings wait, the ring is dropped
    /// and the coordinator's sweep rings again later.
    async fn ring(&self, lane: Lane, key: &TaskKey) -> Result<()>;

    /// Starts to listen on some lanes.
    async fn listen(&self, lanes: &[Lane]) -> Result<Box<dyn Listener>>;
}

/// One listener's end of the queue.
#[async_trait]
pub trait Listener: Send {
    /// Waits for the next ring. Safe to drop at any await point: a ring not returned is not lost to others.
    async fn next(&mut self) -> Result<Bell>;

    /// Says that a ring was looked at, whatever came of it, and needs no other delivery.
    async fn settle(&mut self, bell: Bell) -> Result<()>;
}
