//! Quality: what was measured of a film, kept beside its tasks.

use async_trait::async_trait;

use crate::{JobId, Result, Timestamp, ports::ledger::Lease, quality::Measured};

/// Keeps measures of clips and pictures.
#[async_trait]
pub trait QualityBook: Send + Sync {
    /// Keeps what the task of `lease` measured; what earlier attempts at it measured goes. Kept twice by one attempt is kept once. Where
    /// records warn (see [`Measured::warning`]), an event tells of them.
    ///
    /// # Errors
    /// [`Cause::LeaseLost`](crate::error::Cause::LeaseLost) when the lease does not hold any more.
    async fn keep_quality(&self, lease: &Lease, records: &[Measured], now: Timestamp) -> Result<()>;

    /// What was measured of a job, in the order of the film; at most `limit`, after the first `skip`.
    async fn quality(&self, job: &JobId, skip: u32, limit: u32) -> Result<Vec<Measured>>;
}
