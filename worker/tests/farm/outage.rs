//! Stores that are down for a while.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use shared::{
    Clock as _, Error, Result,
    clock::ManualClock,
    ports::{BlobKey, Blobs, Lease, Patience, Put, Stores, blobs::Told, records::Outcome},
    task::Lane,
};
use tokio::sync::Notify;
use worker::{Moment, Watch};

use super::{
    house::{House, results},
    live::{Live, embedded},
};

/// A blob store that does not answer every fifth call, or is slow.
struct Moody {
    inner: Arc<dyn Blobs>,
    calls: AtomicU64,
    /// The film and the portrait move by this clock, more than a minute for each of two pieces; then everything answers.
    slow: Option<Arc<ManualClock>>,
    /// A slow transfer breaks off after its first piece.
    breaks: bool,
}

impl Moody {
    fn answers(&self) -> Result<()> {
        if self.slow.is_none() && self.calls.fetch_add(1, Ordering::SeqCst) % 5 == 4 {
            return Err(Error::unreachable("the blob store does not answer"));
        }
        Ok(())
    }

    async fn moves(&self, key: &BlobKey, told: &Told) -> Result<()> {
        let Some(clock) = self.slow.as_ref().filter(|_| ["film.mp4", "portrait"].contains(&key.name())) else {
            return Ok(());
        };
        for _ in 0..2 {
            // What is usual is measured, so the piece before a break comes soon.
            clock.advance(Duration::from_secs(if self.breaks { 1 } else { 70 }));
            told();
            // The lease is renewed every two seconds.
            tokio::time::sleep(Duration::from_millis(2500)).await;
            if self.breaks {
                clock.advance(Duration::from_secs(70));
                return Err(Error::unreachable("the blob store went away"));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Blobs for Moody {
    async fn put(&self, key: &BlobKey, bytes: &[u8]) -> Result<Put> {
        self.answers()?;
        self.inner.put(key, bytes).await
    }

    async fn put_file_with(&self, key: &BlobKey, file: &Path, told: &Told) -> Result<Put> {
        self.answers()?;
        self.moves(key, told).await?;
        self.inner.put_file_with(key, file, told).await
    }

    async fn get_with(&self, key: &BlobKey, told: &Told) -> Result<Vec<u8>> {
        self.answers()?;
        self.inner.get_with(key, told).await
    }

    async fn fetch_with(&self, key: &BlobKey, file: &Path, told: &Told) -> Result<()> {
        self.answers()?;
        self.moves(key, told).await?;
        self.inner.fetch_with(key, file, told).await
    }

    async fn size(&self, key: &BlobKey) -> Result<Option<u64>> {
        self.answers()?;
        self.inner.size(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobKey>> {
        self.answers()?;
        self.inner.list(prefix).await
    }

    async fn remove(&self, prefix: &str) -> Result<u64> {
        self.answers()?;
        self.inner.remove(prefix).await
    }

    async fn link(&self, key: &BlobKey, term: Duration) -> Result<Option<String>> {
        self.inner.link(key, term).await
    }

    async fn get_range(&self, key: &BlobKey, from: u64, to: u64) -> Result<Vec<u8>> {
        self.inner.get_range(key, from, to).await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }
}

#[tokio::test]
async fn a_blob_store_that_fails_every_fifth_call_costs_no_attempt() {
    let undisturbed = House::new().await;
    undisturbed.work(&undisturbed.worker("only")).await;
    let mut house = House::new().await;
    let sound = house.stores.clone();
    house.stores.blobs =
        Arc::new(Moody { inner: sound.blobs.clone(), calls: AtomicU64::new(0), slow: None, breaks: false });
    house.work(&house.worker("only")).await;
    house.stores = sound;
    assert!(house.tasks().await.iter().all(|task| (task.attempt, task.failures) == (1, 0)));
    assert!(house.results().await == undisturbed.results().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_takes_longer_than_being_stuck_is_finished() {
    let mut house = House::new().await;
    let (inner, slow) = (house.stores.blobs.clone(), Some(house.clock.clone()));
    house.stores.blobs = Arc::new(Moody { inner, calls: AtomicU64::new(0), slow, breaks: false });
    let worker = house.worker_of("slow", &Lane::ALL, Duration::from_hours(1));
    let sweep = async {
        loop {
            let taken_back = house.stores.ledger.expire(Patience::FARM, house.clock.now()).await.unwrap();
            assert_eq!(taken_back, [], "every piece is a step");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let began = house.clock.now();
    tokio::select! {
        () = sweep => {}
        () = house.work(&worker) => {}
    }
    assert!(house.clock.now().since(began) >= Duration::from_secs(280), "both were slow");
    assert!(house.tasks().await.iter().all(|task| (task.attempt, task.failures) == (1, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_never_gets_further_is_stuck() {
    let mut house = House::new().await;
    let (inner, slow) = (house.stores.blobs.clone(), Some(house.clock.clone()));
    house.stores.blobs = Arc::new(Moody { inner, calls: AtomicU64::new(0), slow, breaks: true });
    let worker = house.worker_of("slow", &Lane::ALL, Duration::from_hours(1));
    let sweep = async {
        loop {
            let taken_back = house.stores.ledger.expire(Patience::FARM, house.clock.now()).await.unwrap();
            if let Some(key) = taken_back.first() {
                return key.task.to_string();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let stuck = tokio::select! {
        stuck = sweep => stuck,
        () = house.work(&worker) => unreachable!("the portrait never came"),
        () = tokio::time::sleep(Duration::from_mins(1)) => panic!("the same piece over and over counts as getting on"),
    };
    assert_eq!(stuck, "prepare");
}

/// Tells when a task is about to be committed for the first time.
struct BeforeCommit {
    task: &'static str,
    reached: Notify,
    go_on: Notify,
}

#[async_trait]
impl Watch for BeforeCommit {
    async fn at(&self, moment: Moment, lease: &Lease) {
        if moment == Moment::BeforeCommit && lease.key.task.as_str() == self.task {
            self.reached.notify_one();
            self.go_on.notified().await;
        }
    }
}

/// Stores whose ledger is a `PostgreSQL` that belongs to one test alone.
async fn on_postgres(dir: &Path) -> (services::Postgres, Stores) {
    let postgres = services::own_postgres().await;
    let ledger = postgres.url().await;
    stores::migrate(&ledger).await.unwrap();
    let blobs = format!("file://{}", dir.join("blobs").display());
    let stores = stores::open(&stores::Urls { ledger, queue: "memory:".into(), blobs }).await.unwrap();
    (postgres, stores)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_result_waits_for_a_ledger_that_is_down() {
    let dir = tempfile::tempdir().unwrap();
    let (postgres, stores) = on_postgres(dir.path()).await;
    let mut live = Live::on(stores);
    live.coordinate(1);
    let watch = BeforeCommit { task: "segment-0-00001", reached: Notify::new(), go_on: Notify::new() };
    let watch = Arc::new(watch);
    // Without the sweep between them: which of both reaches a ledger first that is back is chance, once the lease has run out.
    let settings = worker::Settings { term: Duration::from_mins(5), ..live.settings("patient") };
    live.run(live.worker(settings).watched(watch.clone()));
    let job = live.submit(7).await;
    watch.reached.notified().await;
    postgres.stop().await;
    watch.go_on.notify_one();
    tokio::time::sleep(Duration::from_secs(5)).await;
    postgres.start().await;
    live.done(&job).await;
    assert_eq!(live.outcomes(&job).await, [Outcome::Done; 7], "the result was offered again and counted");
    assert_eq!(live.script.rendered.lock().unwrap().len(), 6, "each clip once");
    live.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_that_start_before_their_ledger_wait_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (postgres, stores) = on_postgres(dir.path()).await;
    let mut live = Live::on(stores);
    let job = live.submit(7).await;
    postgres.stop().await;
    live.coordinate(1);
    live.work("early");
    tokio::time::sleep(Duration::from_secs(2)).await;
    postgres.start().await;
    live.done(&job).await;
    assert_eq!(live.outcomes(&job).await, [Outcome::Done; 7]);
    live.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_coordinators_and_workers_do_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = services::postgres().await.url().await;
    stores::migrate(&ledger).await.unwrap();
    let blobs = format!("file://{}", dir.path().join("blobs").display());
    let stores = stores::open(&stores::Urls { ledger, queue: "memory:".into(), blobs }).await.unwrap();
    let mut live = Live::on(stores);
    for seed in 1..=3 {
        live.coordinate(seed);
    }
    for name in ["a", "b", "c", "d"] {
        live.work(name);
    }
    let mut jobs = Vec::new();
    for seed in 1..=6 {
        jobs.push(live.submit(seed).await);
    }
    for job in &jobs {
        live.done(job).await;
        assert_eq!(live.outcomes(job).await, [Outcome::Done; 7]);
        assert_eq!(results(&live.stores, job).await.len(), 4);
    }
    live.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_killed_leaves_its_task_to_another() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::on(embedded(dir.path()).await);
    live.coordinate(1);
    *live.script.slow.lock().unwrap() = Some((12, Duration::from_secs(3)));
    let first = live.work("killed");
    let job = live.submit(7).await;
    live.script.began.notified().await;
    first.abort();
    *live.script.slow.lock().unwrap() = None;
    live.work("other");
    live.done(&job).await;
    let outcomes = live.outcomes(&job).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Lost).count(), 1, "{outcomes:?}");
    live.close().await;
}
