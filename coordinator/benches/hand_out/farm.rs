//! A farm whose workers do nothing but take tasks and complete them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use coordinator::Sweep;
use shared::{
    Clock as _, Fps, Frames, JobId, Order, Plan, Priority, Reach, Shape, TaskId, TaskKind, TaskNode, Terms,
    clock::SystemClock,
    job::{Input, Settings},
    ports::{
        Lease, Stores, WorkerId,
        crew::{WorkerCard, WorkerState},
    },
    task::Lane,
};
use stores::Urls;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const TERM: Duration = Duration::from_secs(30);

/// Stores with jobs in them.
pub(crate) struct Farm {
    pub(crate) stores: Stores,
    _dir: tempfile::TempDir,
    _database: services::Postgres,
}

impl Farm {
    /// An empty farm on a new database and a new virtual host; a `durable` database waits for the disk.
    pub(crate) async fn new(durable: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = if durable { services::durable_postgres().await } else { services::postgres().await };
        let ledger = database.url().await;
        stores::migrate(&ledger).await.unwrap();
        let queue = services::rabbit().await.url().await;
        let blobs = format!("file://{}", dir.path().display());
        let stores = stores::open(&Urls { ledger, queue, blobs }).await.unwrap();
        Self { stores, _dir: dir, _database: database }
    }

    /// Jobs whose tasks are all ready at once, so that the queue is as long as can be.
    pub(crate) async fn submit(&self, first: u64, jobs: u64, tasks: u64, priority: Priority) -> JobId {
        let shape = Shape { frames: tasks, clip_frames: 1, segment_clips: 1, part_segments: tasks as u32 };
        let node = |kind: TaskKind, needs: Vec<TaskId>| TaskNode { id: TaskId::of(&kind), kind, needs };
        let segment = |at: u64| TaskKind::Segment { chain: 0, index: at as u32, frames: Frames::new(at, at + 1) };
        let mut nodes: Vec<_> = (0..tasks).map(|at| node(segment(at), vec![])).collect();
        let made = nodes.iter().map(|task| task.id.clone()).collect();
        let part = node(TaskKind::Part { index: 0, frames: Frames::new(0, tasks) }, made);
        let film = node(TaskKind::Film, vec![part.id.clone()]);
        nodes.extend([part, film]);
        let plan = Plan { shape, cuts: shared::Cuts::default(), retake: None, tasks: nodes };
        let terms = Terms { priority, ..Terms::default() };
        let mut last = None;
        for seed in first..first + jobs {
            let order = order(seed, shape);
            self.stores.ledger.submit(&order, &terms, &plan, SystemClock.now()).await.unwrap();
            last = Some(order.job_id());
        }
        self.stores.queue.wake().await.unwrap();
        last.expect("at least one job")
    }

    /// So many workers say that they are idle.
    pub(crate) async fn report(&self, workers: u32) {
        for n in 0..workers {
            let (host, device, version) = <(String, String, String)>::default();
            let (id, reach) = (WorkerId(format!("bench-{n}")), Reach::plain(&Lane::ALL));
            let card = WorkerCard { id, host, device, version, reach, models: vec![] };
            self.stores.ledger.report(&card, &WorkerState::Idle, SystemClock.now()).await.unwrap();
        }
    }

    pub(crate) async fn take(&self, worker: &str) -> Option<Lease> {
        let (id, reach) = (WorkerId(worker.into()), Reach::plain(&Lane::ALL));
        self.stores.ledger.take(&id, &reach, &[], TERM, SystemClock.now()).await.unwrap()
    }

    pub(crate) async fn complete(&self, lease: &Lease) {
        self.stores.ledger.complete(lease, SystemClock.now()).await.unwrap();
    }

    /// One coordinator and so many workers for some time; how many tasks they did.
    pub(crate) async fn work(&self, workers: u32, time: Duration) -> u64 {
        let (cancel, done) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
        let count = done.clone();
        let mut roles = self.roles(workers, &cancel, move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Duration::ZERO
        });
        tokio::time::sleep(time).await;
        let done = done.load(Ordering::SeqCst);
        cancel.cancel();
        while roles.join_next().await.is_some() {}
        done
    }

    /// While all workers are busy with tasks of this length, an urgent job is submitted: the time until its first task begins.
    pub(crate) async fn overtaken(&self, workers: u32, jobs: u64, length: Duration) -> Duration {
        let (cancel, (tell, mut begun)) = (CancellationToken::new(), tokio::sync::mpsc::unbounded_channel());
        let mut roles = self.roles(workers, &cancel, move |lease| {
            let _ = tell.send((lease.key.job.clone(), Instant::now()));
            length
        });
        for _ in 0..workers * 4 {
            begun.recv().await;
        }
        let submitted = Instant::now();
        let urgent = self.submit(jobs, 1, 4, Priority::URGENT).await;
        let began = loop {
            let (job, at) = begun.recv().await.expect("workers go on");
            if job == urgent {
                break at;
            }
        };
        cancel.cancel();
        while roles.join_next().await.is_some() {}
        began - submitted
    }

    fn roles(
        &self,
        workers: u32,
        cancel: &CancellationToken,
        work: impl Fn(&Lease) -> Duration + Clone + Send + 'static,
    ) -> JoinSet<()> {
        let mut roles = JoinSet::new();
        let Stores { ledger, queue, .. } = self.stores.clone();
        let sweep = Sweep::new(ledger, queue, Arc::new(SystemClock));
        let until = cancel.clone();
        roles.spawn(async move { sweep.run(until).await.unwrap() });
        for n in 0..workers {
            let (stores, until, work) = (self.stores.clone(), cancel.clone(), work.clone());
            roles.spawn(async move {
                tokio::select! {
                    () = until.cancelled() => {}
                    () = take_and_complete(stores, n, work) => {}
                }
            });
        }
        roles
    }
}

/// What a worker does around its work: hears a ring, takes, completes, wakes, settles.
async fn take_and_complete(stores: Stores, n: u32, work: impl Fn(&Lease) -> Duration) {
    let (id, reach) = (WorkerId(format!("bench-{n}")), Reach::plain(&Lane::ALL));
    let mut listener = stores.queue.listen(&reach.routes()).await.unwrap();
    loop {
        let bell = listener.next().await.unwrap();
        if let Some(lease) = stores.ledger.take(&id, &reach, &[], TERM, SystemClock.now()).await.unwrap() {
            tokio::time::sleep(work(&lease)).await;
            stores.ledger.complete(&lease, SystemClock.now()).await.unwrap();
            stores.queue.wake().await.unwrap();
        }
        listener.settle(bell).await.unwrap();
    }
}

fn order(seed: u64, shape: Shape) -> Order {
    let input = Input { name: "bench".into(), sha256: "0".repeat(64) };
    Order {
        portrait: input.clone(),
        audio: input,
        samples: 1,
        sample_rate: 1,
        fps: Fps::PAL,
        model: "test-pattern".into(),
        model_digest: "00".into(),
        seed,
        shape,
        settings: Settings::default(),
        cuts: shared::Cuts::default(),
        retake: None,
    }
}
