//! A worker's part by hand: tasks are claimed, failed and done.

use std::time::Duration;

use shared::{
    Clock as _, Error, TaskId, TaskKey, TaskKind, Timestamp,
    ports::{BlobKey, Lease, Patience, WorkerId, crew::WorkerCard, crew::WorkerState},
};

use super::{harness::Api, material};

/// For how long tasks are claimed.
const TERM: Duration = Duration::from_secs(30);

impl Api {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Claims a task that is ready.
    pub(crate) async fn claim(&self, job: &str, task: &str) -> Lease {
        let key = TaskKey { job: job.parse().unwrap(), task: TaskId::from_text(task) };
        let worker = WorkerId("w1".into());
        let lease = self.stores.ledger.claim(&key, &worker, TERM, self.now()).await.unwrap();
        lease.unwrap_or_else(|| panic!("{task} is not ready"))
    }

    /// Does a task; every part and film is three frames of colour. It takes so many seconds.
    pub(crate) async fn work(&self, job: &str, task: &str, seconds: u64) {
        let lease = self.claim(job, task).await;
        let name = match lease.node.kind {
            TaskKind::Part { .. } => Some("part.mp4"),
            TaskKind::Film => Some("film.mp4"),
            _ => None,
        };
        if let Some(name) = name {
            let file = self.dir.path().join(format!("{task}.mp4"));
            material::part(&file);
            let key = BlobKey::made(&lease.key.job, &lease.key.task, lease.attempt, name).unwrap();
            self.stores.blobs.put_file(&key, &file).await.unwrap();
        }
        self.clock.advance(Duration::from_secs(seconds));
        self.stores.ledger.complete(&lease, self.now()).await.unwrap();
    }

    /// Does everything of a job.
    pub(crate) async fn finish(&self, job: &str) {
        for task in self.stores.ledger.tasks(&job.parse().unwrap()).await.unwrap() {
            if task.state != shared::TaskState::Done {
                self.work(job, task.id.as_str(), 1).await;
            }
        }
    }

    /// Fails a task once.
    pub(crate) async fn fail(&self, job: &str, task: &str, error: &Error) {
        let lease = self.claim(job, task).await;
        self.stores.ledger.fail(&lease, error, Patience::FARM, self.now()).await.unwrap();
    }

    /// A worker tells what it is at.
    pub(crate) async fn worker(&self, id: &str, gpu_memory: u32, pool: &str, state: WorkerState) {
        let lanes = shared::task::Lane::ALL.to_vec();
        let card = WorkerCard {
            id: WorkerId(id.into()),
            host: "host-1".into(),
            device: "cpu".into(),
            version: "0.1.0".into(),
            reach: shared::Reach { lanes, pools: vec![pool.parse().unwrap()], gpu_memory },
            models: vec!["sizes".into()],
        };
        self.stores.ledger.report(&card, &state, self.now()).await.unwrap();
    }
}
