//! The sweep: whatever got lost on the way is found and set going again.

use std::{sync::Arc, time::Duration};

use shared::{
    Clock, Result, TaskKey, Timestamp,
    pace::Pace,
    ports::{Books, Patience, Queue, schedule::View},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Time between two sweeps that nobody asked for.
const PERIOD: Duration = Duration::from_secs(2);

/// Ready tasks of a tenant that a sweep releases in each lane. More than there are workers, so that none waits for the next
/// sweep; not many more, so that a job that comes later is not behind a thousand rings.
const RINGS: u32 = 64;

/// Released tasks that nobody took for so long are rung for again.
const UNHEARD: Duration = Duration::from_secs(2);

/// The reconciler. It keeps nothing between two sweeps, so that any number may run and any may die.
pub struct Sweep {
    ledger: Arc<dyn Books>,
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    nudged: Notify,
    pace: Pace,
}

impl Sweep {
    /// A sweep over these stores.
    pub fn new(ledger: Arc<dyn Books>, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, queue, clock, nudged: Notify::new(), pace: Pace::new(PERIOD, 0) }
    }

    /// Another time between sweeps; several coordinators give theirs different seeds.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Asks for a sweep soon: something was submitted.
    pub fn nudge(&self) {
        self.nudged.notify_one();
    }

    /// Sweeps until `cancel`. A sweep that fails is logged, and the next one tries again.
    ///
    /// # Errors
    /// None today; the other roles of the farm have some.
    pub async fn run(&self, cancel: CancellationToken) -> Result<()> {
        let mut pace = self.pace.clone();
        while !cancel.is_cancelled() {
            if let Err(error) = self.tick().await {
                tracing::warn!(%error, "a sweep failed");
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = self.nudged.notified() => {}
                _ = self.queue.woken() => {}
                () = tokio::time::sleep(pace.wait()) => {}
            }
        }
        Ok(())
    }

    /// One sweep: takes back leases that ran out, releases tasks that are ready, and rings for them.
    ///
    /// # Errors
    /// What ledger or queue say; the next sweep starts from the ledger again.
    pub async fn tick(&self) -> Result<()> {
        let now = self.clock.now();
        for key in self.ledger.expire(Patience::EMBEDDED, now).await? {
            tracing::warn!(job = %key.job, task = %key.task, "a lease ran out");
        }
        let before = Timestamp(now.0.saturating_sub(UNHEARD.as_millis() as i64));
        self.queue.ring(&self.ledger.unheard(before, RINGS, now).await?).await?;
        self.queue.ring(&self.ledger.release(RINGS, now, &all).await?).await
    }
}

/// Everything in the order in which it comes.
fn all(view: &View) -> Vec<TaskKey> {
    view.candidates.iter().map(|candidate| candidate.key.clone()).collect()
}
