//! The moments of an attempt at which a worker may die, for tests that kill it there.

use async_trait::async_trait;
use shared::ports::Lease;

/// A moment in the life of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The lease is taken, nothing is made.
    Claimed,
    /// A blob was kept; comes once for each.
    Kept,
    /// All is made and kept, and the ledger does not know yet.
    BeforeCommit,
    /// The ledger knows, and nobody was rung for yet.
    AfterCommit,
}

/// Told of each moment. A worker that waits forever here and is dropped died at that moment.
#[async_trait]
pub trait Watch: Send + Sync {
    /// The attempt under `lease` reached `moment`.
    async fn at(&self, moment: Moment, lease: &Lease);
}

/// Watches nothing.
pub(crate) struct Unwatched;

#[async_trait]
impl Watch for Unwatched {
    async fn at(&self, _: Moment, _: &Lease) {}
}
