//! The sweep: whatever got lost on the way is found and set going again.

use std::{sync::Arc, time::Duration};

use shared::{
    Clock, Result,
    pace::Pace,
    ports::{Ledger, Queue},
    task::Lane,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Time between two sweeps that nobody asked for.
const PERIOD: Duration = Duration::from_secs(2);

/// Ready tasks that a sweep rings for in each lane. More than there are workers, so that none waits for the next sweep;
/// not many more, so that a job that comes later is not behind a thousand rings.
const RINGS: u32 = 64;

/// The reconciler. It keeps nothing between two sweeps, so that any number may run and any may die.
pub struct Sweep {
    ledger: Arc<dyn Ledger>,
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    nudged: Notify,
    pace: Pace,
}

impl Sweep {
    /// A sweep over these stores.
    pub fn new(ledger: Arc<dyn Ledger>, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>) -> Self {
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
                () = tokio::time::sleep(pace.wait()) => {}
            }
        }
        Ok(())
    }

    /// One sweep: takes back leases that ran out, and rings for tasks that are ready.
    ///
    /// # Errors
    /// What ledger or queue say; the next sweep starts from the ledger again.
    pub async fn tick(&self) -> Result<()> {
        let now = self.clock.now();
        for key in self.ledger.expire(now).await? {
            tracing::warn!(job = %key.job, task = %key.task, "a lease ran out");
        }
        for lane in Lane::ALL {
            for (key, _) in self.ledger.ready(&[lane], now, RINGS).await? {
                self.queue.ring(lane, &key).await?;
            }
        }
        Ok(())
    }
}
