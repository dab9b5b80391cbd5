//! What a task's maker sees of the farm: its inputs, a place for files, and a place to keep what it made.

use std::{path::Path, sync::Arc};

use shared::{
    Bundle, Error, Result, TaskId,
    ports::{BlobKey, Lease, Model, Renderer, Renewal},
};
use tempfile::TempDir;

use crate::{hold::Hold, moment::Moment, stop::Stop, worker::Worker};

/// Directories of tasks in a worker's scratch directory begin like this.
pub(crate) const SCRATCH: &str = "task-";

/// An attempt at work.
pub(crate) struct Work<'a> {
    /// What is to be made, and from what.
    pub(crate) lease: &'a Lease,
    /// Whether to go on.
    pub(crate) stop: Stop,
    worker: &'a Worker,
    hold: &'a Hold<'a>,
    scratch: TempDir,
}

impl<'a> Work<'a> {
    /// Work under `lease`, with an empty directory for files.
    pub(crate) fn new(worker: &'a Worker, lease: &'a Lease, stop: Stop, hold: &'a Hold<'a>) -> Result<Self> {
        let root = &worker.settings.scratch;
        let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(root).map_err(|e| {
            Error::world(format!("no directory for files can be made in {}", root.display())).from_source(e)
        })?;
        Ok(Self { lease, stop, worker, hold, scratch })
    }

    /// The model.
    pub(crate) fn model(&self) -> Arc<dyn Model> {
        self.worker.model.clone()
    }

    /// A directory for files; it goes with the work.
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Keeps a blob of this attempt.
    pub(crate) async fn keep(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.may_keep()?;
        self.worker.ports.blobs.put(&self.own(name)?, bytes).await?;
        self.worker.watch.at(Moment::Kept, self.lease).await;
        Ok(())
    }

    /// Keeps a file as a blob of this attempt.
    pub(crate) async fn keep_file(&self, name: &str, file: &Path) -> Result<()> {
        self.may_keep()?;
        self.worker.ports.blobs.put_file(&self.own(name)?, file).await?;
        self.worker.watch.at(Moment::Kept, self.lease).await;
        Ok(())
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

    /// Copies what a needed task made into a file.
    pub(crate) async fn fetch(&self, need: &TaskId, name: &str, file: &Path) -> Result<()> {
        self.stop.check()?;
        self.worker.ports.blobs.fetch(&self.needed(need, name)?, file).await
    }

    /// Copies one of the job's inputs into a file.
    pub(crate) async fn fetch_input(&self, name: &str, file: &Path) -> Result<()> {
        self.worker.ports.blobs.fetch(&BlobKey::input(&self.lease.key.job, name)?, file).await
    }

    /// Everything that any attempt at this task kept so far.
    pub(crate) async fn kept_so_far(&self) -> Result<Vec<BlobKey>> {
        let prefix = BlobKey::task_prefix(&self.lease.key.job, &self.lease.key.task);
        self.worker.ports.blobs.list(&prefix).await
    }

    /// Reads a safetensors object.
    pub(crate) async fn read_blob(&self, key: &BlobKey) -> Result<Bundle> {
        self.stop.check()?;
        let bytes = self.worker.ports.blobs.get(key).await?;
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
        match self.hold.renew(frames).await {
            Ok(Renewal::Kept) => Ok(()),
            Ok(Renewal::Lost) => {
                self.stop.lose();
                self.stop.check()
            }
            // The holder of the lease tries again and decides when it is lost.
            Err(error) => {
                tracing::warn!(%error, "progress was not recorded");
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
        let (model, order) = (self.model(), self.lease.order.clone());
        off_the_runtime(move || model.renderer(&prepared, &order.settings, order.seed)).await
    }

    /// Keeps a renderer for the next task.
    pub(crate) fn put_back(&self, renderer: Box<dyn Renderer>) {
        self.worker.renderers.put_back(&self.lease.key.job, renderer);
    }
}

/// The task that everything else needs.
pub(crate) fn prepare() -> TaskId {
    TaskId::of(&shared::TaskKind::Prepare)
}

/// Runs blocking work on a thread of its own; a panic in it becomes an error.
pub(crate) async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let span = tracing::Span::current();
    let joined = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
    joined.map_err(|e| Error::world("the work broke").from_source(e))?
}
