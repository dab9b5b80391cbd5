//! One farm with one job in it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use shared::{
    Clock as _, Cuts, Fps, JobId, JobState, Layout, Order, Reach, Shape, TaskState, Terms, Timestamp,
    clock::ManualClock,
    digest::sha256,
    job::{Input, Settings},
    ports::{BlobKey, Patience, Stores, Task, WorkerId, schedule::View},
    task::Lane,
};
use stores::Urls;
use worker::{Ports, Shelf, Worker};

use super::model::{CLIP, Checksums, Script};

/// Frames of the film: two whole segments and one of a single clip and a half.
pub(crate) const FRAMES: u64 = 22;

/// A farm in a temporary directory; its clock stands still until it is moved.
pub(crate) struct House {
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) script: Arc<Script>,
    pub(crate) job: JobId,
    dir: tempfile::TempDir,
}

impl House {
    /// A farm with a job of [`FRAMES`] frames that nobody has begun.
    pub(crate) async fn new() -> Self {
        Self::of(&order()).await
    }

    /// A farm with this job.
    pub(crate) async fn of(order: &Order) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let blobs = format!("file://{}", dir.path().join("blobs").display());
        // On the disk: a worker that dies inside a query takes its connection along, and a ledger in memory with it.
        let ledger = format!("sqlite://{}", dir.path().join("ledger.db").display());
        Self::with(order, &Urls { ledger, queue: "memory:".into(), blobs }, dir).await
    }

    /// The same as [`House::new`] on these stores.
    pub(crate) async fn at(urls: &Urls, dir: tempfile::TempDir) -> Self {
        Self::with(&order(), urls, dir).await
    }

    async fn with(order: &Order, urls: &Urls, dir: tempfile::TempDir) -> Self {
        let stores = stores::open(urls).await.unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
        let job = order.job_id();
        submit(&stores, order, clock.now()).await;
        let script = Arc::new(Script::default());
        let layout = Layout::of(order).unwrap();
        *script.chains.lock().unwrap() = (0..layout.chains()).map(|chain| layout.rendered(chain).start).collect();
        Self { stores, clock, script, job, dir }
    }

    /// A worker of these lanes.
    pub(crate) fn worker_of(&self, name: &str, lanes: &[Lane], term: Duration) -> Worker {
        self.worker_with(name, lanes, term, None)
    }

    /// The same with so many bytes of scratch space.
    pub(crate) fn worker_with(&self, name: &str, lanes: &[Lane], term: Duration, scratch: Option<u64>) -> Worker {
        let limit = scratch;
        let ports = Ports::of(&self.stores, self.clock.clone());
        let scratch = self.scratch_of(name);
        std::fs::create_dir_all(&scratch).unwrap();
        let mut settings = worker::Settings::embedded(WorkerId(name.into()), Reach::plain(lanes), scratch);
        // Rings alone move the farm in these tests: nobody looks on his own.
        (settings.term, settings.period) = (term, Duration::from_hours(1));
        settings.scratch_limit = limit;
        let shelf = Shelf::of(Arc::new(Checksums(self.script.clone())));
        Worker::new(ports, Arc::new(shelf), settings)
    }

    /// A worker that does everything.
    pub(crate) fn worker(&self, name: &str) -> Worker {
        self.worker_of(name, &Lane::ALL, TERM)
    }

    /// Works until nothing is ready.
    pub(crate) async fn work(&self, worker: &Worker) {
        self.release().await;
        while worker.tick().await.unwrap() {
            self.release().await;
        }
    }

    /// What a coordinator does: everything that is ready is released and rung for.
    pub(crate) async fn release(&self) {
        let all = |view: &View| view.candidates.iter().map(|candidate| candidate.key.clone()).collect();
        let released = self.stores.ledger.release(100, self.clock.now(), &all).await.unwrap();
        self.stores.queue.ring(&released).await.unwrap();
    }

    /// A coordinator that is woken and never looks on its own.
    pub(crate) async fn coordinate(&self) {
        loop {
            self.release().await;
            self.stores.queue.woken().await.unwrap();
        }
    }

    /// Lets every lease run out.
    pub(crate) async fn expire(&self) {
        self.clock.advance(TERM + Duration::from_millis(1));
        self.stores.ledger.expire(Patience::EMBEDDED, self.clock.now()).await.unwrap();
    }

    /// The job's state, and why it failed.
    pub(crate) async fn ended(&self) -> (JobState, String) {
        let job = self.stores.ledger.job(&self.job).await.unwrap().unwrap();
        (job.state, job.error.unwrap_or_default())
    }

    /// A task of the job.
    pub(crate) async fn task(&self, id: &str) -> Task {
        self.tasks().await.into_iter().find(|task| task.id.as_str() == id).unwrap()
    }

    /// All tasks of the job.
    pub(crate) async fn tasks(&self) -> Vec<Task> {
        self.stores.ledger.tasks(&self.job).await.unwrap()
    }

    /// The bytes of everything that counts: the latents of each segment and bridge, and the film.
    pub(crate) async fn results(&self) -> BTreeMap<String, Vec<u8>> {
        results(&self.stores, &self.job).await
    }

    /// Names below the job of all blobs.
    pub(crate) async fn blobs(&self) -> Vec<String> {
        let prefix = format!("jobs/{}/", self.job);
        let keys = self.stores.blobs.list(&prefix).await.unwrap();
        keys.iter().map(|key| key.as_str()[prefix.len()..].to_owned()).collect()
    }

    /// A worker's scratch directory.
    pub(crate) fn scratch_of(&self, worker: &str) -> PathBuf {
        self.dir.path().join("scratch").join(worker)
    }

    /// Files that workers left in their scratch directories.
    pub(crate) fn scratch(&self) -> usize {
        fn count(dir: &Path) -> usize {
            let below = std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
            below.map(|path| if path.is_dir() { 1 + count(&path) } else { 1 }).sum()
        }
        count(&self.dir.path().join("scratch"))
    }
}

/// Keeps the inputs of a job and records it.
pub(crate) async fn submit(stores: &Stores, order: &Order, now: Timestamp) {
    for (name, bytes) in [("portrait", portrait()), ("audio", tone_of(order.shape.frames))] {
        stores.blobs.put(&BlobKey::input(&order.job_id(), name).unwrap(), &bytes).await.unwrap();
    }
    stores.ledger.submit(order, &Terms::default(), &order.plan().unwrap(), now).await.unwrap();
}

/// The bytes of everything that counts of a job: the latents of each segment and bridge, and the film.
pub(crate) async fn results(stores: &Stores, job: &JobId) -> BTreeMap<String, Vec<u8>> {
    let mut results = BTreeMap::new();
    for task in stores.ledger.tasks(job).await.unwrap() {
        assert_eq!(task.state, TaskState::Done, "{}", task.id);
        let made = match task.id.as_str() {
            "film" => "film.mp4",
            id if id.starts_with("segment") || id.starts_with("bridge") => "latents.safetensors",
            _ => continue,
        };
        let key = BlobKey::made(job, &task.id, task.attempt, made).unwrap();
        results.insert(task.id.to_string(), stores.blobs.get(&key).await.unwrap());
    }
    results
}

/// How long leases are on the standing clock.
pub(crate) const TERM: Duration = Duration::from_secs(30);

pub(crate) fn order() -> Order {
    order_of(FRAMES, Cuts::default())
}

/// A film of so many frames, cut into chains.
pub(crate) fn order_of(frames: u64, cuts: Cuts) -> Order {
    let input = |name: &str, bytes: &[u8]| Input { name: name.into(), sha256: sha256(bytes) };
    Order {
        portrait: input("face.png", &portrait()),
        audio: input("speech.wav", &tone_of(frames)),
        samples: frames * 320,
        sample_rate: 8000,
        fps: Fps::PAL,
        model: "checksums".into(),
        model_digest: "00".into(),
        seed: 7,
        shape: Shape { frames, clip_frames: CLIP, segment_clips: 2, part_segments: 2 },
        settings: Settings::default(),
        cuts,
        retake: None,
    }
}

/// A PNG of a slope.
pub(crate) fn portrait() -> Vec<u8> {
    let picture = image::RgbImage::from_fn(80, 96, |x, y| image::Rgb([x as u8 * 3, y as u8 * 2, 90]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A WAV of [`FRAMES`] frames.
pub(crate) fn tone() -> Vec<u8> {
    tone_of(FRAMES)
}

/// A WAV of so many frames: 8000 samples a second, 16 bits, a tone that grows.
pub(crate) fn tone_of(frames: u64) -> Vec<u8> {
    let samples = (0..frames * 320).map(|i| ((i as f64 * 0.3).sin() * i as f64 * 3.0) as i16);
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let length = data.len() as u32;
    let header: [&[u8]; 12] = [
        b"RIFF",
        &(36 + length).to_le_bytes(),
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &8000_u32.to_le_bytes(),
        &16_000_u32.to_le_bytes(),
        &2_u16.to_le_bytes(),
        &16_u16.to_le_bytes(),
        b"data",
        &length.to_le_bytes(),
    ];
    [header.concat(), data].concat()
}
