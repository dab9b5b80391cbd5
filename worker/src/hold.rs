//! Holding a lease while the work goes on.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use shared::{
    Clock, Result,
    ports::{Lease, Ledger, Pulse, Renewal},
};
use tokio::time::timeout;

/// A lease being held, and how far the work under it is.
pub(crate) struct Hold<'a> {
    ledger: &'a dyn Ledger,
    clock: &'a dyn Clock,
    lease: &'a Lease,
    term: Duration,
    frames: AtomicU64,
    renewals: AtomicU64,
}

impl<'a> Hold<'a> {
    /// Holds `lease`, by `term` at a time.
    pub(crate) fn new(ledger: &'a dyn Ledger, clock: &'a dyn Clock, lease: &'a Lease, term: Duration) -> Self {
        Self { ledger, clock, lease, term, frames: AtomicU64::new(0), renewals: AtomicU64::new(0) }
    }

    /// Renews at once, with the frames made so far.
    pub(crate) async fn renew(&self, frames: u64) -> Result<Renewal> {
        self.frames.store(frames, Ordering::SeqCst);
        // Whoever renews counts as getting on.
        let steps = self.renewals.fetch_add(1, Ordering::SeqCst) + 1;
        let (now, pulse) = (self.clock.now(), Pulse { frames_done: frames, steps, usual_ms: 0 });
        self.ledger.renew(self.lease, &pulse, now.after(self.term), now).await
    }

    /// Renews three times in a term; returns when the lease is lost.
    ///
    /// A ledger that refuses or does not answer loses the lease once the term is over: until then nobody else can have it.
    pub(crate) async fn until_lost(&self) {
        let mut until = self.lease.until;
        loop {
            tokio::time::sleep((self.term / 3).min(until.since(self.clock.now()))).await;
            let now = self.clock.now();
            match timeout(until.since(now), self.renew(self.frames.load(Ordering::SeqCst))).await {
                // The ledger counts from the question, not from its answer.
                Ok(Ok(Renewal::Kept)) => until = now.after(self.term),
                Ok(Ok(Renewal::Lost)) => return,
                Err(_) => {
                    tracing::warn!("a lease ran out while it was being renewed");
                    return;
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a lease was not renewed");
                    if self.clock.now() >= until {
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
