//! A ledger with a job in it, and short words for what the cases do with it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use shared::{
    Error, Fps, JobId, Name, Order, Plan, Reach, Shape, TaskId, TaskKey, TaskState, Terms, Timestamp,
    job::{Input, Settings},
    ports::{
        Books, Lease, Patience, Pulse, Stores, WorkerId,
        crew::WorkerCard,
        ledger::{MOST_FAILURES, back_off},
        schedule::View,
    },
    task::Lane,
};
use stores::Urls;

/// A keeper under test.
pub(crate) trait Farm {
    /// The ledger.
    fn ledger(&self) -> &dyn Books;

    /// Records a film of `frames` frames at the moment `at`.
    async fn submit(&self, frames: u64, at: i64) -> JobId {
        let order = order(frames);
        self.ledger().submit(&order, &Terms::default(), &plan(frames), Timestamp(at)).await.unwrap();
        order.job_id()
    }

    /// Records a film under some terms.
    async fn submit_as(&self, frames: u64, at: i64, terms: &Terms) -> JobId {
        let order = order(frames);
        self.ledger().submit(&order, terms, &plan(frames), Timestamp(at)).await.unwrap();
        order.job_id_for(&terms.tenant)
    }

    /// Claims for half a minute at the moment `at`.
    async fn claim(&self, job: &JobId, task: &str, at: i64) -> Option<Lease> {
        self.ledger().claim(&key(job, task), &worker("one"), TERM, Timestamp(at)).await.unwrap()
    }

    /// Claims and completes.
    async fn make(&self, job: &JobId, task: &str) -> Vec<String> {
        let lease = self.claim(job, task, NOW).await.unwrap_or_else(|| panic!("{task} is not ready"));
        let readied = self.ledger().complete(&lease, Timestamp(NOW)).await.unwrap();
        names(&readied)
    }

    /// Claims and completes at the moment `at`.
    async fn make_at(&self, job: &JobId, task: &str, at: i64) {
        let lease = self.claim(job, task, at).await.unwrap_or_else(|| panic!("{task} is not ready"));
        self.ledger().complete(&lease, Timestamp(at)).await.unwrap();
    }

    /// Fails an attempt by the world's fault; when the task may be tried again.
    async fn fail(&self, lease: &Lease, at: i64) -> i64 {
        let error = Error::world("disk full");
        let state = self.ledger().fail(lease, &error, Patience::FARM, Timestamp(at)).await.unwrap();
        assert_eq!(state, TaskState::Ready);
        Timestamp(at).after(back_off(MOST_FAILURES)).0
    }

    /// The task as it stands.
    async fn task(&self, job: &JobId, task: &str) -> shared::ports::Task {
        let tasks = self.ledger().tasks(job).await.unwrap();
        tasks.into_iter().find(|found| found.id.as_str() == task).unwrap()
    }

    /// The state of every task, in the order of the plan.
    async fn states(&self, job: &JobId) -> Vec<TaskState> {
        self.ledger().tasks(job).await.unwrap().iter().map(|task| task.state).collect()
    }

    /// What a release would be decided from at the moment `at`, with so many candidates of each tenant, lane and pool.
    async fn view(&self, each: u32, at: i64) -> View {
        let seen = Mutex::new(View::default());
        let look = |view: &View| {
            *seen.lock().unwrap() = view.clone();
            Vec::new()
        };
        assert_eq!(self.ledger().release(each, Timestamp(at), &look).await.unwrap(), []);
        seen.into_inner().unwrap()
    }

    /// Names of the tasks that may be released at the moment `at`.
    async fn ready(&self, at: i64) -> Vec<String> {
        self.view(100, at).await.candidates.iter().map(|candidate| candidate.key.task.to_string()).collect()
    }

    /// Releases everything that may be at the moment `at`, in order.
    async fn release(&self, at: i64) -> Vec<TaskKey> {
        let all = |view: &View| view.candidates.iter().map(|candidate| candidate.key.clone()).collect();
        let released = self.ledger().release(1000, Timestamp(at), &all).await.unwrap();
        released.into_iter().map(|(_, key)| key).collect()
    }

    /// The best released task for a worker that does everything in the default pool.
    async fn take(&self, name: &str, at: i64) -> Option<Lease> {
        self.take_within(name, &Reach::plain(&Lane::ALL), at).await
    }

    /// The best released task for a worker.
    async fn take_within(&self, name: &str, reach: &Reach, at: i64) -> Option<Lease> {
        self.ledger().take(&worker(name), reach, &[], TERM, Timestamp(at)).await.unwrap()
    }
}

/// A keeper whose ledger outlives it.
pub(crate) trait Lasting: Farm {
    /// Opens the same ledger again, as another process would.
    async fn again(&self) -> Arc<dyn Books>;
}

/// A moment after every submission of the cases.
pub(crate) const NOW: i64 = 1_000_000;

/// How long leases are.
pub(crate) const TERM: Duration = Duration::from_secs(30);

pub(crate) fn worker(name: &str) -> WorkerId {
    WorkerId(name.into())
}

pub(crate) fn key(job: &JobId, task: &str) -> TaskKey {
    TaskKey { job: job.clone(), task: TaskId::from_text(task) }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// What a worker of this reach says of itself.
pub(crate) fn card(id: &str, reach: &Reach) -> WorkerCard {
    WorkerCard {
        id: worker(id),
        host: "node-7".into(),
        device: "a drawing board".into(),
        version: "0.1.0".into(),
        reach: reach.clone(),
        models: vec!["test-pattern".into()],
    }
}

pub(crate) fn names(keys: &[TaskKey]) -> Vec<String> {
    keys.iter().map(|key| key.task.to_string()).collect()
}

/// A pulse after so many frames.
pub(crate) fn frames(frames_done: u64) -> Pulse {
    Pulse { frames_done, steps: frames_done, usual_ms: 0 }
}

/// Says that `error` is about a lease that is gone.
pub(crate) fn assert_lost(error: &Error) {
    assert_eq!(error.cause(), shared::error::Cause::LeaseLost, "{error}");
}

/// Segments of 4 frames, parts of 8.
pub(crate) fn plan(frames: u64) -> Plan {
    Plan::new(Shape { frames, clip_frames: 2, segment_clips: 2, part_segments: 2 }).unwrap()
}

pub(crate) fn order(frames: u64) -> Order {
    Order {
        portrait: Input { name: "face.png".into(), sha256: "00".repeat(32) },
        audio: Input { name: "speech.wav".into(), sha256: "11".repeat(32) },
        samples: frames * 640,
        sample_rate: 16_000,
        fps: Fps::PAL,
        model: "test-pattern".into(),
        model_digest: "22".repeat(32),
        seed: u64::MAX,
        shape: plan(frames).shape,
        settings: Settings { guidance: Some(2.5), ..Settings::default() },
        cuts: shared::Cuts::default(),
        retake: None,
    }
}

/// `SQLite` in a file.
pub(crate) struct Sqlite {
    dir: tempfile::TempDir,
    stores: Stores,
}

impl Sqlite {
    pub(crate) async fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { stores: open(&format!("sqlite://{}/ledger.db", dir.path().display()), &dir).await, dir }
    }
}

impl Farm for Sqlite {
    fn ledger(&self) -> &dyn Books {
        self.stores.ledger.as_ref()
    }
}

impl Lasting for Sqlite {
    async fn again(&self) -> Arc<dyn Books> {
        open(&format!("sqlite://{}/ledger.db", self.dir.path().display()), &self.dir).await.ledger
    }
}

/// `SQLite` in memory.
pub(crate) struct SqliteInMemory {
    _dir: tempfile::TempDir,
    stores: Stores,
}

impl SqliteInMemory {
    pub(crate) async fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { stores: open("sqlite::memory:", &dir).await, _dir: dir }
    }
}

impl Farm for SqliteInMemory {
    fn ledger(&self) -> &dyn Books {
        self.stores.ledger.as_ref()
    }
}

/// `SQLite` in a file that need not last.
pub(crate) struct SqliteScratch {
    _dir: tempfile::TempDir,
    ledger: Arc<dyn Books>,
}

impl SqliteScratch {
    pub(crate) async fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { ledger: stores::scratch_ledger(&dir.path().join("ledger.db")).await.unwrap(), _dir: dir }
    }
}

impl Farm for SqliteScratch {
    fn ledger(&self) -> &dyn Books {
        self.ledger.as_ref()
    }
}

/// `PostgreSQL`.
pub(crate) struct Postgres {
    stores: Stores,
    dir: tempfile::TempDir,
    database: services::Database,
}

impl Postgres {
    pub(crate) async fn fresh() -> Self {
        let (dir, database) = (tempfile::tempdir().unwrap(), services::postgres().await.database().await);
        stores::migrate(database.url()).await.unwrap();
        Self { stores: open(database.url(), &dir).await, dir, database }
    }
}

impl Postgres {
    /// One whose ledger has a single connection.
    pub(crate) async fn with_one_connection() -> Self {
        let (dir, database) = (tempfile::tempdir().unwrap(), services::postgres().await.database().await);
        stores::migrate(database.url()).await.unwrap();
        Self { stores: open(&format!("{}?connections=1", database.url()), &dir).await, dir, database }
    }

    /// Where the database is.
    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }
}

impl Farm for Postgres {
    fn ledger(&self) -> &dyn Books {
        self.stores.ledger.as_ref()
    }
}

impl Lasting for Postgres {
    async fn again(&self) -> Arc<dyn Books> {
        open(self.database.url(), &self.dir).await.ledger
    }
}

async fn open(ledger: &str, dir: &tempfile::TempDir) -> Stores {
    let blobs = format!("file://{}", dir.path().join("blobs").display());
    stores::open(&Urls { ledger: ledger.into(), queue: "memory:".into(), blobs }).await.unwrap()
}
