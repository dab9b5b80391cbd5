//! The embedded house: ledger, queue and blobs of one job in one directory, with a coordinator and workers in this process.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use coordinator::Sweep;
use shared::{
    Clock as _, Error, Hold, JobId, JobState, Reach, Result, TaskId,
    clock::SystemClock,
    ports::{Job, Model, Patience, WorkerId},
    task::Lane,
};
use stores::{Stores, Urls};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::Shelf;

use crate::{progress::Bar, watching::Watching};

/// How often the bar looks at the ledger.
const LOOK: Duration = Duration::from_millis(150);

/// What the name of a directory begins with whose removal has begun.
const GONE: &str = ".gone-";

/// What somebody sees of a render while it runs.
pub(crate) struct Shown {
    /// How far it is.
    pub(crate) bar: Bar,
    /// The film as far as it is made, where somebody wants to watch it.
    pub(crate) watching: Option<Watching>,
}

/// One job's directory, held by this process alone.
pub(crate) struct House {
    dir: PathBuf,
    /// Where the job's records and blobs are kept.
    pub(crate) stores: Stores,
    // The lock goes with the process, however it ends; that is what makes taking back leases safe.
    _lock: File,
}

impl House {
    /// Where the work of `job` is kept under `data`.
    pub(crate) fn place(data: &Path, job: &JobId) -> PathBuf {
        data.join("renders").join(job.as_str())
    }

    /// Opens the directory of `job` under `data`, making it when it is new.
    ///
    /// # Errors
    /// When another process renders the same job, or the directory cannot be used.
    pub(crate) async fn open(data: &Path, job: &JobId) -> Result<Self> {
        let dir = Self::place(data, job);
        let unusable = |e: std::io::Error| {
            Error::order(format!("cannot keep work in {}", dir.display()))
                .from_source(e)
                .mend("choose another place with --data-dir or the setting data_dir")
        };
        std::fs::create_dir_all(&dir).map_err(unusable)?;
        remove_gone(&data.join("renders"));
        let dir = dir.canonicalize().map_err(unusable)?;
        let lock = File::create(dir.join("lock")).map_err(unusable)?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => Error::order(format!("job {job} is being rendered by another process"))
                .mend("wait for it, or give another --seed"),
            TryLockError::Error(e) => unusable(e),
        })?;
        let stores = stores::open(&Urls {
            ledger: format!("sqlite://{}", dir.join("ledger.db").display()),
            queue: "memory:".into(),
            blobs: format!("file://{}", dir.join("blobs").display()),
        })
        .await?;
        Ok(Self { dir, stores, _lock: lock })
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs coordinator and workers until the job has ended or `cancel` asks to stop; with the tasks of a `preview`, until those are done.
    ///
    /// # Errors
    /// [`Error::stopped`] when asked to; what a role failed with.
    pub(crate) async fn work(
        &self,
        job: &JobId,
        model: Arc<dyn Model>,
        shown: &mut Shown,
        preview: Option<&[TaskId]>,
        cancel: &CancellationToken,
    ) -> Result<Job> {
        // Whoever held leases in this directory is dead: we hold the lock. A job that failed in an earlier run is
        // taken up again, since the same command was given again.
        let now = SystemClock.now();
        self.stores.ledger.revive(job, now).await?;
        self.stores.ledger.reclaim(job, now).await?;
        match preview {
            Some(needed) => self.stores.ledger.preview(job, needed, true, now).await?,
            None => self.stores.ledger.approve(job, now).await?,
        };
        let stop = cancel.child_token();
        let mut roles = JoinSet::new();
        let sweep = Sweep::new(self.stores.ledger.clone(), self.stores.queue.clone(), Arc::new(SystemClock));
        let sweep = sweep.patient(Patience::EMBEDDED);
        let until = stop.clone();
        roles.spawn(async move { sweep.run(until).await });
        let shelf = Arc::new(Shelf::of(model));
        for lane in Lane::ALL {
            let worker = self.worker(lane, shelf.clone())?;
            let until = stop.clone();
            roles.spawn(async move { worker.run(until).await });
        }
        let ended = self.watch(job, shown, &mut roles, cancel).await;
        stop.cancel();
        // What a role says while it is being stopped does not change how the job ended.
        while let Some(role) = roles.join_next().await {
            if let Err(error) = flatten(role) {
                tracing::warn!(%error, "a role of the embedded farm ended badly");
            }
        }
        ended
    }

    async fn watch(
        &self,
        job: &JobId,
        shown: &mut Shown,
        roles: &mut JoinSet<Result<()>>,
        cancel: &CancellationToken,
    ) -> Result<Job> {
        loop {
            let known = self.stores.ledger.job(job).await?;
            let record = known.ok_or_else(|| Error::world(format!("job {job} is not in the ledger")))?;
            let progress = self.stores.ledger.progress(job).await?;
            shown.bar.show(&progress);
            if let Some(watching) = &mut shown.watching
                && let Err(error) = watching.look(&self.stores, &record, &progress).await
            {
                tracing::warn!(%error, "the film cannot be watched any further; it is rendered all the same");
                shown.watching = None;
            }
            if record.state != JobState::Running || record.hold == Hold::Approval {
                return Ok(record);
            }
            tokio::select! {
                // Roles end when they are asked to stop, so the asking is looked at first.
                biased;
                () = cancel.cancelled() => return Err(Error::stopped()),
                Some(role) = roles.join_next() => {
                    flatten(role)?;
                    return Err(Error::world("a role of the embedded farm ended before the job"));
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    fn worker(&self, lane: Lane, shelf: Arc<Shelf>) -> Result<worker::Worker> {
        let scratch = self.dir.join("scratch").join(lane.name());
        std::fs::create_dir_all(&scratch)
            .map_err(|e| Error::world(format!("cannot make {}", scratch.display())).from_source(e))?;
        let id = WorkerId(format!("embedded-{}-{}", std::process::id(), lane.name()));
        let settings = worker::Settings::embedded(id, Reach::plain(&[lane]), scratch);
        let ports = worker::Ports::of(&self.stores, Arc::new(SystemClock));
        Ok(worker::Worker::new(ports, shelf, settings))
    }

    /// Removes everything of the job from the disk. The directory gets another name first, all at once and under the
    /// lock: nobody ever finds half of a job in it.
    ///
    /// # Errors
    /// Names the directory that cannot be removed.
    pub(crate) fn clear(self) -> Result<()> {
        remove(&self.dir)
            .map_err(|e| Error::world(format!("the work in {} cannot be removed", self.dir.display())).from_source(e))
    }
}

/// Removes the directory of a job whose lock the caller holds.
pub(crate) fn remove(dir: &Path) -> std::io::Result<()> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let gone = dir.with_file_name(format!("{GONE}{name}-{}", std::process::id()));
    std::fs::rename(dir, &gone)?;
    std::fs::remove_dir_all(&gone)
}

/// Removes what a killed process began to remove; what cannot be removed now is left for the next time.
pub(crate) fn remove_gone(renders: &Path) {
    for entry in std::fs::read_dir(renders).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(GONE) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A role's own error, or its panic as one.
fn flatten(role: std::result::Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    role.map_err(|e| Error::world("a role of the embedded farm broke").from_source(e))?
}
