//! Webhooks: news that must arrive.

use async_trait::async_trait;

use crate::{JobId, Result, Timestamp, ports::records::Event, terms::Webhook};

/// What is recorded of a try that a receiver answered with "I want nothing more of this job" (HTTP status 410).
pub const GONE: &str = "answered 410";

/// What becomes of [`GONE`] when one of the job's deliveries is sent again on request.
pub const GONE_ONCE: &str = "answered 410, before a delivery of the job was sent again";

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is tried, or will be again.
    Waiting,
    /// It was taken.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// The state's name in ledgers and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id; the `webhook-id` of every try.
    pub id: u64,
    /// Where it goes.
    pub webhook: Webhook,
    /// What happened.
    pub event: Event,
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: u32,
    /// When it is tried next.
    pub next: Timestamp,
    /// What the last try ended in.
    pub last: Option<String>,
}

/// Keeps deliveries.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Takes at most `limit` deliveries that are due, of each job only the earliest, and makes each due again at `until` unless it is settled
    /// before: so that several coordinators never send the same one at once, and one that dies sends nothing into oblivion. Events of jobs
    /// with a webhook become deliveries in the transaction in which they happen.
    async fn due(&self, limit: u32, until: Timestamp, now: Timestamp) -> Result<Vec<Delivery>>;

    /// Records how a try ended: `Waiting` with the moment of the next one, `Delivered` or `Failed`.
    async fn settle_delivery(&self, id: u64, state: DeliveryState, next: Timestamp, last: &str) -> Result<()>;

    /// Makes a delivery that was taken due again at `next`, without counting a try.
    async fn put_off_delivery(&self, id: u64, next: Timestamp) -> Result<()>;

    /// The deliveries of a job, oldest first.
    async fn deliveries(&self, job: &JobId) -> Result<Vec<Delivery>>;

    /// Sends one again from the start; whether there was one of this job. Whoever asks for that knows that the receiver is there
    /// again: what it answered with [`GONE`] keeps no delivery of the job back any more.
    async fn replay(&self, job: &JobId, id: u64, now: Timestamp) -> Result<bool>;
}
