//! Holding a lease while the work goes on.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use shared::{
    Clock, Result, Timestamp,
    outage::Outage,
    ports::{Lease, Ledger, Pulse, Renewal, records::kind_name},
};
use tokio::time::timeout;

use crate::{stop::Stop, tempo::Tempo};

/// Longest time between two renewals: a cancelled job is noticed after as much.
const LONGEST: Duration = Duration::from_secs(2);

/// Time between two steps that is granted while a model is loaded, whatever is usual, in milliseconds: twenty times that is what
/// counts as stuck.
const LOADING_MS: u64 = 60_000;

/// A lease being held, and how far the work under it is.
pub(crate) struct Hold<'a> {
    ledger: &'a dyn Ledger,
    clock: &'a dyn Clock,
    lease: &'a Lease,
    term: Duration,
    stop: Stop,
    tempo: &'a Tempo,
    frames: AtomicU64,
    /// Milliseconds since the epoch until which the ledger promised the lease.
    until: AtomicI64,
    loading: AtomicBool,
    /// Steps that were told last, and when.
    told: Mutex<(u64, Timestamp)>,
}

impl<'a> Hold<'a> {
    /// Holds `lease`, by `term` at a time.
    pub(crate) fn new(
        ledger: &'a dyn Ledger,
        clock: &'a dyn Clock,
        lease: &'a Lease,
        term: Duration,
        stop: Stop,
        tempo: &'a Tempo,
    ) -> Self {
        let (frames, until, loading) = (AtomicU64::new(0), AtomicI64::new(lease.until.0), AtomicBool::new(false));
        let told = Mutex::new((stop.steps(), clock.now()));
        Self { ledger, clock, lease, term, stop, tempo, frames, until, loading, told }
    }

    /// Renews at once, with the frames made so far.
    pub(crate) async fn renew(&self, frames: u64) -> Result<Renewal> {
        self.frames.store(frames, Ordering::SeqCst);
        let now = self.clock.now();
        let until = now.after(self.term);
        let renewal = self.ledger.renew(self.lease, &self.pulse(now), until, now).await?;
        if renewal == Renewal::Kept {
            // The ledger counts from the question, not from its answer.
            self.until.fetch_max(until.0, Ordering::SeqCst);
        }
        Ok(renewal)
    }

    /// Until when nobody else can have the task.
    pub(crate) fn until(&self) -> Timestamp {
        Timestamp(self.until.load(Ordering::SeqCst))
    }

    /// Says whether a model is being loaded: that may take minutes without a step.
    pub(crate) fn loading(&self, loading: bool) {
        self.loading.store(loading, Ordering::SeqCst);
    }

    /// How far the work is; the time between steps is measured on the way.
    fn pulse(&self, now: Timestamp) -> Pulse {
        let (steps, kind) = (self.stop.steps(), kind_name(&self.lease.node.kind));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if steps > told.0 {
            self.tempo.note(kind, now.since(told.1).as_secs_f64() * 1000.0 / (steps - told.0) as f64);
            *told = (steps, now);
        }
        let floor = if self.loading.load(Ordering::SeqCst) { LOADING_MS } else { 0 };
        let usual_ms = self.tempo.usual_ms(kind).max(floor);
        Pulse { frames_done: self.frames.load(Ordering::SeqCst), steps, usual_ms }
    }

    /// Renews three times in a term, and every two seconds; returns when the lease is lost.
    ///
    /// A ledger that refuses or does not answer loses the lease once the term is over: until then nobody else can have it.
    pub(crate) async fn until_lost(&self) {
        let mut outage = Outage::new(0);
        loop {
            tokio::time::sleep((self.term / 3).min(LONGEST).min(self.left())).await;
            match timeout(self.left(), self.renew(self.frames.load(Ordering::SeqCst))).await {
                Ok(Ok(Renewal::Kept)) => {
                    outage.over(self.clock.now());
                }
                Ok(Ok(Renewal::Lost)) => return,
                Err(_) => {
                    tracing::warn!("a lease ran out while it was being renewed");
                    return;
                }
                Ok(Err(error)) => {
                    if let Some(what) = outage.failed(&error, self.clock.now()).say {
                        tracing::warn!(error = what, "a lease was not renewed");
                    }
                    if self.left().is_zero() {
                        return;
                    }
                }
            }
        }
    }

    fn left(&self) -> Duration {
        self.until().since(self.clock.now())
    }
}

#[cfg(test)]
mod tests;
