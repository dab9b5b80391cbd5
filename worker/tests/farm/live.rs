//! A farm in real time: coordinators and workers that run beside each other on whatever stores.

use std::{path::PathBuf, sync::Arc, time::Duration};

use coordinator::Sweep;
use shared::{
    Clock, JobId, JobState, Order, Reach, Timestamp,
    clock::SystemClock,
    pace::Pace,
    ports::{Patience, Stores, WorkerId, records::Outcome},
    task::Lane,
};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use worker::{Ports, Settings, Shelf, Worker};

use super::{
    house::{order, submit},
    model::{Checksums, Script},
};

/// How long a lease lasts here: short, so that a killed worker is found out soon, and long enough for a busy machine.
const TERM: Duration = Duration::from_secs(5);

/// A farm and everything that runs in it.
pub(crate) struct Live {
    pub(crate) stores: Stores,
    pub(crate) script: Arc<Script>,
    pub(crate) cancel: CancellationToken,
    roles: JoinSet<()>,
    dir: tempfile::TempDir,
}

impl Live {
    /// A farm on these stores in which nobody works yet.
    pub(crate) fn on(stores: Stores) -> Self {
        let (script, cancel, roles) = (Arc::default(), CancellationToken::new(), JoinSet::new());
        Self { stores, script, cancel, roles, dir: tempfile::tempdir().unwrap() }
    }

    /// Records the job with this seed.
    pub(crate) async fn submit(&self, seed: u64) -> JobId {
        let order = Order { seed, ..order() };
        submit(&self.stores, &order, SystemClock.now()).await;
        self.stores.queue.wake().await.unwrap();
        order.job_id()
    }

    /// Another coordinator.
    pub(crate) fn coordinate(&mut self, seed: u64) {
        let Stores { ledger, queue, .. } = self.stores.clone();
        let sweep = Sweep::new(ledger, queue, Arc::new(SystemClock)).seeded(seed);
        let sweep = sweep.paced(Pace::new(Duration::from_millis(300), seed)).patient(Patience {
            workers: 99,
            failures: 99,
            losses: 99,
        });
        let cancel = self.cancel.clone();
        self.roles.spawn(async move { sweep.run(cancel).await.unwrap() });
    }

    /// Settings of a worker that does everything.
    pub(crate) fn settings(&self, name: &str) -> Settings {
        let settings = Settings::new(WorkerId(name.into()), Reach::plain(&Lane::ALL), self.scratch(name));
        let patience = Patience { workers: 99, failures: 99, losses: 99 };
        Settings { term: TERM, period: Duration::from_millis(300), patience, set_aside_after: None, ..settings }
    }

    fn scratch(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A worker that nobody started.
    pub(crate) fn worker(&self, settings: Settings) -> Worker {
        let shelf = Shelf::of(Arc::new(Checksums(self.script.clone())));
        Worker::new(Ports::of(&self.stores, Arc::new(SystemClock)), Arc::new(shelf), settings)
    }

    /// Another worker; aborting it is what killing its process looks like from outside.
    pub(crate) fn work(&mut self, name: &str) -> AbortHandle {
        let worker = self.worker(self.settings(name));
        self.run(worker)
    }

    /// Starts a worker.
    pub(crate) fn run(&mut self, worker: Worker) -> AbortHandle {
        let cancel = self.cancel.clone();
        self.roles.spawn(async move { worker.run(cancel).await.unwrap() })
    }

    /// Waits until a job is done, at most three minutes.
    pub(crate) async fn done(&self, job: &JobId) {
        let ended = async {
            loop {
                // A store that is down for a moment is part of some tests.
                if let Ok(Some(job)) = self.stores.ledger.job(job).await
                    && job.state != JobState::Running
                {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_mins(3), ended).await;
        let Ok(ended) = ended else {
            let attempts = self.stores.ledger.attempts(job, None, 0, 99).await;
            panic!("job {job} does not end: {attempts:#?} {:#?}", self.stores.ledger.crew(Timestamp(0)).await)
        };
        assert_eq!((ended.state, ended.error), (JobState::Done, None));
    }

    /// How the attempts at a job ended; exactly one of every task counts.
    pub(crate) async fn outcomes(&self, job: &JobId) -> Vec<Outcome> {
        let attempts = self.stores.ledger.attempts(job, None, 0, 1000).await.unwrap();
        for task in self.stores.ledger.tasks(job).await.unwrap() {
            let done = attempts.iter().filter(|one| one.task == task.id && one.outcome == Outcome::Done).count();
            assert_eq!(done, 1, "{} was completed {done} times", task.id);
        }
        attempts.into_iter().map(|attempt| attempt.outcome).collect()
    }

    /// Everybody goes home.
    pub(crate) async fn close(mut self) {
        self.cancel.cancel();
        while let Some(ended) = self.roles.join_next().await {
            if let Err(error) = ended {
                assert!(error.is_cancelled(), "{error}");
            }
        }
    }
}

/// `SQLite`, a queue in memory, a directory: what an embedded farm has.
pub(crate) async fn embedded(dir: &std::path::Path) -> Stores {
    let ledger = format!("sqlite://{}", dir.join("ledger.db").display());
    let blobs = format!("file://{}", dir.join("blobs").display());
    stores::open(&stores::Urls { ledger, queue: "memory:".into(), blobs }).await.unwrap()
}
