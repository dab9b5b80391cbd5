//! Removes what ended jobs leave, when it was kept as long as their terms say.

use std::{sync::Arc, time::Duration};

use shared::{
    Clock, JobId, Result, TaskKind,
    outage::Outage,
    pace::Pace,
    ports::{BlobKey, Blobs, Books, retention::Kind},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::watch;

/// Time between two looks.
const PERIOD: Duration = Duration::from_mins(1);

/// Jobs of each kind that one look takes on: an hour of film is some thousand blobs.
const JOBS: u32 = 4;

/// A loop beside the sweep, so that removing a long film keeps no task waiting. Any number may run: what is removed twice is gone once.
pub struct Retention {
    ledger: Arc<dyn Books>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    seed: u64,
}

impl Retention {
    /// Retention over these stores; several coordinators get different seeds.
    pub fn new(ledger: Arc<dyn Books>, blobs: Arc<dyn Blobs>, clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self { ledger, blobs, clock, seed }
    }

    /// Looks now and then until `cancel`. While a store is down it waits longer and longer and says once what it waits for.
    ///
    /// # Errors
    /// None today; the other loops of a coordinator have some.
    pub async fn run(&self, cancel: CancellationToken) -> Result<()> {
        let (mut pace, mut outage) = (Pace::new(PERIOD, self.seed), Outage::new(self.seed));
        loop {
            let wait = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                ticked = self.tick() => match ticked {
                    Ok(_) => {
                        outage.over(self.clock.now());
                        pace.wait()
                    }
                    Err(error) => {
                        let advice = outage.failed(&error, self.clock.now());
                        if let Some(what) = advice.say {
                            tracing::warn!(error = what, "nothing old is removed for now");
                        }
                        advice.wait
                    }
                },
            };
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = sleep(wait) => {}
            }
        }
    }

    /// One look: removes what of a few jobs is to be removed, and records it. What it is interrupted in is done again.
    ///
    /// # Errors
    /// What ledger or blobs say.
    pub async fn tick(&self) -> Result<Vec<(JobId, Kind)>> {
        let mut removed = Vec::new();
        for (job, kind) in self.ledger.outdated(JOBS, self.clock.now()).await? {
            let blobs = self.remove(&job, kind).await?;
            if self.ledger.removed(&job, kind, self.clock.now()).await? {
                tracing::info!(%job, what = kind.event(), blobs, "removed what was kept long enough");
            }
            removed.push((job, kind));
        }
        Ok(removed)
    }

    /// Removes one kind of a job's blobs; how many there were. Logs stay.
    async fn remove(&self, job: &JobId, kind: Kind) -> Result<u64> {
        let mut blobs = 0;
        for task in self.ledger.tasks(job).await? {
            let of = match task.kind {
                TaskKind::Prepare | TaskKind::Segment { .. } | TaskKind::Bridge { .. } => Kind::Latents,
                TaskKind::Part { .. } | TaskKind::Film => Kind::Film,
            };
            if of == kind {
                blobs += self.blobs.remove(&BlobKey::task_prefix(job, &task.id)).await?;
            }
        }
        if kind == Kind::Film {
            for prefix in [BlobKey::inputs_prefix(job), BlobKey::task_prefix(job, &watch::sound())] {
                blobs += self.blobs.remove(&prefix).await?;
            }
        }
        Ok(blobs)
    }
}
