//! The coordinator's loop: whatever got lost is found and set going again, and what is ready is released to the workers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use shared::{
    Clock, Result, Route, TaskKey,
    outage::Outage,
    pace::Pace,
    ports::{Books, Patience, Queue, schedule::View},
};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::schedule::{CANDIDATES, choose};

/// Time between two sweeps that nobody asked for.
pub(crate) const PERIOD: Duration = Duration::from_secs(2);

/// Least time between two rounds, however often the coordinator is woken: a thousand tasks that end together need one round, not a
/// thousand.
pub(crate) const GAP: Duration = Duration::from_millis(10);

/// How long the coordinator leaves the ledger alone after a round, for every task that the round looked at. A large farm ends tasks all the time;
/// were there a round for each, a coordinator would do nothing else. What is released already lasts much longer than this.
const REST: Duration = Duration::from_micros(200);

/// A released task that nobody took for so long is rung for again.
const UNHEARD: Duration = Duration::from_secs(10);

/// Rounds that follow one another at once.
const MOST_ROUNDS: u32 = 16;

/// Rings that are repeated in one sweep.
const REPEATS: u32 = 256;

/// The reconciler. It keeps nothing between two sweeps, so that any number may run and any may die.
pub struct Sweep {
    ledger: Arc<dyn Books>,
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    patience: Patience,
    seed: u64,
    /// Tasks that the last round looked at.
    seen: AtomicUsize,
}

impl Sweep {
    /// A sweep over these stores, with the patience of a farm.
    pub fn new(ledger: Arc<dyn Books>, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>) -> Self {
        let (pace, seen) = (Pace::new(PERIOD, 0), AtomicUsize::new(0));
        Self { ledger, queue, clock, pace, patience: Patience::FARM, seed: 0, seen }
    }

    /// Waits of its own: several coordinators get different seeds.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        (self.pace, self.seed) = (Pace::new(PERIOD, seed), seed);
        self
    }

    /// Another time between sweeps.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// How many failures a task is allowed whose worker was lost or stuck.
    #[must_use]
    pub fn patient(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Sweeps until `cancel`: a round of releases whenever somebody wakes the coordinators, everything else now and then. While a
    /// store is down it waits longer and longer and says once what it waits for.
    ///
    /// # Errors
    /// None today; the other roles of the farm have some.
    pub async fn run(&self, cancel: CancellationToken) -> Result<()> {
        let (mut pace, mut outage) = (self.pace.clone(), Outage::new(self.seed));
        let (mut deaf, mut due) = (Outage::new(!self.seed), Instant::now());
        loop {
            let everything = Instant::now() >= due;
            let swept = tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                swept = self.sweep(everything) => swept,
            };
            let rested = Instant::now() + self.rest();
            match swept {
                Ok(()) if everything => due = Instant::now() + pace.wait(),
                Ok(()) => {}
                Err(error) => {
                    let advice = outage.failed(&error, self.clock.now());
                    if let Some(what) = advice.say {
                        tracing::warn!(error = what, "the coordinator waits, and tries again");
                    }
                    due = Instant::now() + advice.wait;
                    tokio::select! {
                        () = cancel.cancelled() => return Ok(()),
                        () = sleep_until(due) => continue,
                    }
                }
            }
            if let Some(time) = outage.over(self.clock.now()) {
                tracing::info!(seconds = time.as_secs(), "the coordinator goes on");
            }
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                // Whoever wakes a coordinator that has rested waits only for others who do so at the same moment.
                () = self.woken(&mut deaf) => sleep_until(rested.max(Instant::now() + GAP).min(due)).await,
                () = sleep_until(due) => {}
            }
        }
    }

    /// Waits until somebody wakes the coordinators. A queue that fails meanwhile is asked again; the clock goes on without it.
    async fn woken(&self, deaf: &mut Outage) {
        loop {
            match self.queue.woken().await {
                Ok(()) => {
                    if deaf.over(self.clock.now()).is_some() {
                        tracing::info!("the coordinator hears the queue again");
                    }
                    return;
                }
                Err(error) => {
                    let advice = deaf.failed(&error, self.clock.now());
                    if let Some(what) = advice.say {
                        tracing::warn!(error = what, "the coordinator hears nothing and looks by the clock");
                    }
                    sleep(advice.wait).await;
                }
            }
        }
    }

    async fn sweep(&self, everything: bool) -> Result<()> {
        if everything { self.tick().await } else { self.round().await }
    }

    /// One sweep: takes back tasks whose worker was lost or is stuck, ends drained jobs, lets jobs go on whose preview is made, releases what is ready, and rings again for
    /// what nobody heard.
    ///
    /// # Errors
    /// What ledger or queue say; the next sweep starts from the ledger again.
    pub async fn tick(&self) -> Result<()> {
        let now = self.clock.now();
        for key in self.ledger.expire(self.patience, now).await? {
            metrics::counter!("emofarm_lease_expired_total").increment(1);
            tracing::warn!(job = %key.job, task = %key.task, "a task was taken back: its worker was lost or stuck");
        }
        for job in self.ledger.drained(now).await? {
            tracing::info!(%job, "drained");
        }
        for job in self.ledger.previewed(now).await? {
            tracing::info!(%job, "the preview is made");
        }
        self.round().await?;
        let before = shared::Timestamp(now.0.saturating_sub(UNHEARD.as_millis() as i64));
        let unheard = self.ledger.unheard(before, REPEATS, now).await?;
        self.ring(&unheard).await
    }

    /// Rounds of releases, until nothing more is to be released.
    pub(crate) async fn round(&self) -> Result<()> {
        // A full round may have left some; the depth of the routes ends this long before the bound.
        for _ in 0..MOST_ROUNDS {
            if self.release().await? < CANDIDATES as usize {
                break;
            }
        }
        Ok(())
    }

    /// How long the coordinator leaves the ledger alone after the last round, at the least.
    pub(crate) fn rest(&self) -> Duration {
        rest_after(self.seen.load(Ordering::Relaxed))
    }

    async fn release(&self) -> Result<usize> {
        let began = Instant::now();
        let decide = |view: &View| {
            let under_way: usize = view.under_way.iter().map(|alike| alike.tasks as usize).sum();
            self.seen.store(under_way + view.candidates.len(), Ordering::Relaxed);
            choose(view)
        };
        let released = self.ledger.release(CANDIDATES, self.clock.now(), &decide).await?;
        metrics::histogram!("emofarm_release_seconds").record(began.elapsed().as_secs_f64());
        for (route, _) in &released {
            let (lane, pool) = (route.lane.name(), route.pool.to_string());
            metrics::counter!("emofarm_tasks_released_total", "lane" => lane, "pool" => pool).increment(1);
        }
        self.ring(&released).await?;
        Ok(released.len())
    }

    async fn ring(&self, rings: &[(Route, TaskKey)]) -> Result<()> {
        if rings.is_empty() {
            return Ok(());
        }
        self.queue.ring(rings).await
    }
}

/// The rest after a round that looked at so many tasks.
fn rest_after(seen: usize) -> Duration {
    REST.saturating_mul(u32::try_from(seen).unwrap_or(u32::MAX)).clamp(GAP, PERIOD / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_farms_are_looked_after_at_once_and_large_ones_within_a_second() {
        assert_eq!([0, 50, 1000, usize::MAX].map(rest_after), [10, 10, 200, 1000].map(Duration::from_millis));
    }
}
