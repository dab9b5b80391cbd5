//! What a task's maker sees of the farm: its inputs, a place for files, and a place to keep what it made.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use shared::{
    Bundle, Error, Result, TaskId,
    log::{Level, Line},
    ports::{BlobKey, Lease, Model, Renderer, Renewal, blobs::Told, model::Packs},
    quality::Measured,
};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{attempt::Attempt, moment::Moment, patiently::patiently, stop::Stop, worker::Worker};

/// Directories of tasks in a worker's scratch directory begin like this.
pub(crate) const SCRATCH: &str = "task-";

/// An attempt at work.
pub(crate) struct Work<'a> {
    /// What is to be made, and from what.
    pub(crate) lease: &'a Lease,
    /// Whether to go on.
    pub(crate) stop: Stop,
    attempt: &'a Attempt<'a>,
    worker: &'a Worker,
    scratch: TempDir,
}

impl<'a> Work<'a> {
    /// Work with an empty directory for files.
    pub(crate) fn new(attempt: &'a Attempt<'a>) -> Result<Self> {
        let Attempt { worker, lease, stop, .. } = attempt;
        let root = &worker.settings.scratch;
        let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(root).map_err(|e| {
            Error::world(format!("no directory for files can be made in {}", root.display())).from_source(e)
        })?;
        Ok(Self { lease, stop: stop.clone(), attempt, worker, scratch })
    }

    /// The model that the job was ordered with; loaded when it is not.
    pub(crate) async fn model(&self) -> Result<Arc<dyn Model>> {
        let (shelf, order) = (self.worker.shelf.clone(), &self.lease.order);
        if let Some(model) = shelf.loaded(&order.model, &order.model_digest) {
            return Ok(model);
        }
        // Renderers hold the model that they were made of; it must be able to go.
        self.worker.renderers.clear();
        let (name, digest, began) = (order.model.clone(), order.model_digest.clone(), Instant::now());
        self.attempt.hold.loading(true);
        let model = self.compute(move || shelf.load(&name, &digest)).await;
        self.attempt.hold.loading(false);
        let seconds = began.elapsed().as_secs_f64();
        metrics::histogram!("emofarm_model_load_seconds", "model" => order.model.clone()).record(seconds);
        self.note("the model is loaded", |line| line.with("model", order.model.as_str()).with("seconds", seconds));
        model
    }

    /// Computes, away from the threads of the runtime; see [`Desks`](crate::desks::Desks).
    ///
    /// # Errors
    /// What `work` says.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.worker.desks.run(work).await
    }

    /// A directory for files; it goes with the work.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Writes a line into the attempt's log.
    pub(crate) fn note(&self, message: &str, details: impl FnOnce(Line) -> Line) {
        self.attempt.journal.write(&details(self.attempt.journal.line(Level::Info, message)));
    }

    /// Keeps a blob of this attempt.
    pub(crate) async fn keep(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let key = self.own(name)?;
        self.kept(&key, |_| self.worker.ports.blobs.put(&key, bytes)).await
    }

    /// Keeps a file as a blob of this attempt.
    pub(crate) async fn keep_file(&self, name: &str, file: &Path) -> Result<()> {
        let key = self.own(name)?;
        let (blobs, key) = (&self.worker.ports.blobs, &key);
        self.kept(key, |told| async move { blobs.put_file_with(key, file, &told).await }).await
    }

    /// Keeps a file as a blob of this attempt, under another name than the task's.
    pub(crate) async fn keep_file_under(&self, task: &TaskId, name: &str, file: &Path) -> Result<()> {
        let key = BlobKey::made(&self.lease.key.job, task, self.lease.attempt, name)?;
        let (blobs, key) = (&self.worker.ports.blobs, &key);
        self.kept(key, |told| async move { blobs.put_file_with(key, file, &told).await }).await
    }

    /// Whether so many bytes more may lie in the scratch directory.
    ///
    /// # Errors
    /// [`Cause::World`](shared::error::Cause::World) when they may not: another worker may have more room.
    pub(crate) fn room_for(&self, bytes: u64) -> Result<()> {
        let Some(limit) = self.worker.settings.scratch_limit else { return Ok(()) };
        let used = used(self.scratch());
        if used + bytes <= limit {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        Err(Error::world(format!(
            "the task needs {} MiB of scratch space, and this worker may use {} MiB",
            mib(used + bytes),
            mib(limit)
        ))
        .mend("raise the setting scratch_limit of a worker of this lane, and give it the disk for that"))
    }

    async fn kept<T, F: Future<Output = Result<T>>>(&self, key: &BlobKey, put: impl Fn(Told) -> F) -> Result<()> {
        self.may_keep()?;
        let began = Instant::now();
        self.moved("a blob is to be kept", put).await?;
        metrics::histogram!("emofarm_object_put_seconds").record(began.elapsed().as_secs_f64());
        self.note("kept", |line| line.with("blob", key.as_str()));
        // The work got on, whether or not it goes on.
        let _ = self.stop.step();
        self.worker.watch.at(Moment::Kept, self.lease).await;
        Ok(())
    }

    /// Moves a blob, again when the store was away. Every piece is a step, so that a transfer may take hours; but a piece that is moved
    /// once more is none, so that one that never gets further is taken back as stuck.
    async fn moved<T, F: Future<Output = Result<T>>>(&self, what: &str, ask: impl Fn(Told) -> F) -> Result<T> {
        let furthest = Arc::new(AtomicU64::new(0));
        let again = || {
            let (stop, furthest, at) = (self.stop.clone(), furthest.clone(), AtomicU64::new(0));
            ask(Arc::new(move || {
                let at = at.fetch_add(1, Ordering::SeqCst) + 1;
                if furthest.fetch_max(at, Ordering::SeqCst) < at {
                    let _ = stop.step();
                }
            }))
        };
        patiently(self.worker, &self.stop, what, again).await
    }

    fn may_keep(&self) -> Result<()> {
        if self.stop.is_lost() { self.stop.check() } else { Ok(()) }
    }

    fn own(&self, name: &str) -> Result<BlobKey> {
        BlobKey::made(&self.lease.key.job, &self.lease.key.task, self.lease.attempt, name)
    }

    /// Reads what a needed task made.
    pub(crate) async fn read(&self, need: &TaskId, name: &str) -> Result<Bundle> {
        self.read_blob(&self.needed(need, name)?).await
    }

    /// Whether a needed task left no blob of this name, as programs of an earlier version did not.
    pub(crate) async fn lacks(&self, need: &TaskId, name: &str) -> Result<bool> {
        let (key, blobs) = (self.needed(need, name)?, &self.worker.ports.blobs);
        let size = patiently(self.worker, &self.stop, "a blob is to be looked up", || blobs.size(&key)).await?;
        Ok(size.is_none())
    }

    /// Gives the ledger what was measured.
    pub(crate) async fn keep_quality(&self, records: &[Measured]) -> Result<()> {
        let ports = &self.worker.ports;
        let keep = || ports.ledger.keep_quality(self.lease, records, ports.clock.now());
        patiently(self.worker, &self.stop, "measures are to be kept", keep).await?;
        self.stop.step()
    }

    /// Copies what a needed task made into a file.
    pub(crate) async fn fetch(&self, need: &TaskId, name: &str, file: &Path) -> Result<()> {
        self.fetch_blob(&self.needed(need, name)?, file).await
    }

    /// Copies one of the job's inputs into a file.
    pub(crate) async fn fetch_input(&self, name: &str, file: &Path) -> Result<()> {
        self.fetch_blob(&BlobKey::input(&self.lease.key.job, name)?, file).await
    }

    /// Copies a blob into a file.
    pub(crate) async fn fetch_blob(&self, key: &BlobKey, file: &Path) -> Result<()> {
        self.stop.check()?;
        let blobs = &self.worker.ports.blobs;
        if self.worker.settings.scratch_limit.is_some() {
            let size = patiently(self.worker, &self.stop, "a blob is to be measured", || blobs.size(key)).await?;
            self.room_for(size.unwrap_or(0))?;
        }
        self.moved("a blob is to be read", |told| async move { blobs.fetch_with(key, file, &told).await }).await?;
        self.stop.step()
    }

    /// Everything that any attempt at this task kept so far.
    pub(crate) async fn kept_so_far(&self) -> Result<Vec<BlobKey>> {
        let prefix = BlobKey::task_prefix(&self.lease.key.job, &self.lease.key.task);
        let blobs = &self.worker.ports.blobs;
        patiently(self.worker, &self.stop, "blobs are to be listed", || blobs.list(&prefix)).await
    }

    /// Reads a safetensors object.
    pub(crate) async fn read_blob(&self, key: &BlobKey) -> Result<Bundle> {
        self.stop.check()?;
        let (blobs, began) = (&self.worker.ports.blobs, Instant::now());
        let bytes = self.moved("a blob is to be read", |told| async move { blobs.get_with(key, &told).await }).await?;
        metrics::histogram!("emofarm_object_get_seconds").record(began.elapsed().as_secs_f64());
        self.stop.step()?;
        Bundle::from_bytes(&bytes).map_err(|e| Error::world(format!("blob {key} cannot be read")).from_source(e))
    }

    fn needed(&self, need: &TaskId, name: &str) -> Result<BlobKey> {
        let lease = self.lease;
        let input = lease.inputs.iter().find(|(id, _)| id == need);
        let (_, attempt) = input.ok_or_else(|| Error::world(format!("task {} does not need {need}", lease.key)))?;
        BlobKey::made(&lease.key.job, need, *attempt, name)
    }

    /// Records the frames made so far and holds the lease.
    pub(crate) async fn progress(&self, frames: u64) -> Result<()> {
        match self.attempt.hold.renew(frames).await {
            Ok(Renewal::Kept) => Ok(()),
            Ok(Renewal::Lost) => {
                self.stop.lose();
                self.stop.check()
            }
            // The holder of the lease tries again and decides when it is lost.
            Err(error) => {
                tracing::debug!(%error, "progress was not recorded");
                Ok(())
            }
        }
    }

    /// A renderer of this job: one that is idle, or a new one.
    pub(crate) async fn renderer(&self) -> Result<Box<dyn Renderer>> {
        if let Some(renderer) = self.worker.renderers.take(&self.lease.key.job) {
            return Ok(renderer);
        }
        let prepared = self.read(&prepare(), crate::prepare::PREPARED).await?;
        let (model, order) = (self.model().await?, self.lease.order.clone());
        self.compute(move || model.renderer(&prepared, &order.settings, order.seed)).await
    }

    /// Keeps a renderer for the next task.
    pub(crate) fn put_back(&self, renderer: Box<dyn Renderer>) {
        self.worker.renderers.put_back(&self.lease.key.job, renderer);
    }
}

/// Bytes in the files below a directory.
fn used(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => used(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// The task that everything else needs.
pub(crate) fn prepare() -> TaskId {
    TaskId::of(&shared::TaskKind::Prepare)
}
