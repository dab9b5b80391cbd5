//! One attempt at one task: taken, made, kept, committed, or what became of it instead.

use std::{pin::pin, time::Duration};

use shared::{
    Error, Result, TaskKind,
    log::Level,
    ports::{BlobKey, Lease, records::kind_name},
};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    bridge, film, hold::Hold, journal::Journal, moment::Moment, part, prepare, segment, stop::Stop, verdict,
    work::Work, worker::Worker,
};

/// Work whose lease was lost ends at its next step. When no step comes for so long, the device hangs.
const WEDGED: Duration = Duration::from_mins(1);

/// How an attempt ended, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    Failed,
    GivenBack,
    Lost,
}

impl Ended {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::GivenBack => "given_back",
            Self::Lost => "lost",
        }
    }
}

/// What an attempt is made with.
pub(crate) struct Attempt<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) lease: &'a Lease,
    pub(crate) stop: Stop,
    pub(crate) hold: Hold<'a>,
    pub(crate) journal: Journal<'a>,
}

/// Leads a leased task to its end.
///
/// # Errors
/// When the ledger cannot be told how it ended; the lease then runs out, and another attempt goes on from what was kept.
pub(crate) async fn run(worker: &Worker, lease: &Lease, cancel: &CancellationToken) -> Result<()> {
    let (ports, stop) = (&worker.ports, Stop::default());
    let clock = ports.clock.as_ref();
    let hold = Hold::new(ports.ledger.as_ref(), clock, lease, worker.settings.term, stop.clone(), &worker.tempo);
    let journal = Journal::new(ports.blobs.as_ref(), clock, lease);
    let attempt = Attempt { worker, lease, stop, hold, journal };
    let (job, task) = (&lease.key.job, &lease.key.task);
    let span = tracing::info_span!("task", %job, %task, attempt = lease.attempt, worker = lease.worker.0);
    attempt.lead(cancel).instrument(span).await
}

impl Attempt<'_> {
    async fn lead(&self, cancel: &CancellationToken) -> Result<()> {
        let (began, kind) = (Instant::now(), kind_name(&self.lease.node.kind));
        self.worker.watch.at(Moment::Claimed, self.lease).await;
        self.begins();
        let _stop_threads_with_me = self.stop.on_drop();
        let ended = match self.made(cancel).await {
            Ok(()) => self.commit(cancel).await,
            Err(error) if self.stop.is_lost() => {
                verdict::lost(self, &error);
                Ok(Ended::Lost)
            }
            Err(error) => verdict::ended(self, &error, cancel).await,
        };
        self.journal.close().await;
        if ended.as_ref().is_ok_and(|ended| *ended == Ended::Done)
            && let Err(error) = self.tidy().await
        {
            tracing::warn!(%error, "blobs that nobody needs any more were not removed");
        }
        let outcome = ended.as_ref().map_or("unknown", |ended| ended.name());
        metrics::counter!("emofarm_task_attempts_total", "kind" => kind, "outcome" => outcome).increment(1);
        metrics::histogram!("emofarm_task_seconds", "kind" => kind).record(began.elapsed().as_secs_f64());
        ended.map(drop)
    }

    fn begins(&self) {
        tracing::debug!("taken");
        let settings = &self.worker.settings;
        let line = self.journal.line(Level::Info, "the attempt begins").with("job", self.lease.key.job.as_str());
        let line = line.with("task", self.lease.key.task.as_str()).with("attempt", self.lease.attempt);
        let line = line.with("worker", settings.id.0.as_str()).with("host", settings.host.as_str());
        let line = line.with("device", settings.device.as_str()).with("version", env!("CARGO_PKG_VERSION"));
        self.journal.write(&line.with("tenant", self.lease.terms.tenant.as_str()));
    }

    /// Makes and keeps while the lease is held and nobody asks to stop.
    async fn made(&self, cancel: &CancellationToken) -> Result<()> {
        let work = Work::new(self)?;
        let mut making = pin!(make(&work));
        let mut losing = pin!(self.hold.until_lost());
        let mut logging = pin!(self.journal.keep_on());
        let (mut lost, mut stopped, mut end) = (false, false, Instant::now());
        loop {
            tokio::select! {
                ended = &mut making => return ended,
                () = &mut losing, if !lost => {
                    (lost, end) = (true, Instant::now() + WEDGED);
                    self.stop.lose();
                }
                () = cancel.cancelled(), if !stopped => {
                    // A lost lease need not be given back, so there is nothing to wait for.
                    (stopped, end) = (true, Instant::now() + self.worker.settings.grace);
                    self.stop.stop();
                }
                () = sleep_until(end), if lost || stopped => return Err(self.abandoned(stopped)),
                () = &mut logging => {}
            }
        }
    }

    /// The work does not come to its next step. Its thread is left alone: it can keep nothing any more.
    fn abandoned(&self, stopped: bool) -> Error {
        if stopped {
            tracing::warn!("the work did not stop in time; its task is given back without it");
            return Error::stopped();
        }
        let reason =
            format!("the work on {} made no step for {} s after its lease was lost", self.lease.key, WEDGED.as_secs());
        if self.worker.settings.set_aside_after.is_some() {
            self.worker.post.set_aside(format!("{reason}: the device may hang; restart the worker"));
        }
        Error::lease_lost(reason)
    }

    /// The result counts from here on. A ledger that is down meanwhile is asked again: a finished result is worth waiting for, and
    /// whether it still counts is decided by the ledger alone.
    async fn commit(&self, cancel: &CancellationToken) -> Result<Ended> {
        let ports = &self.worker.ports;
        self.worker.watch.at(Moment::BeforeCommit, self.lease).await;
        let told =
            verdict::told(self, cancel, verdict::FINISHED, || ports.ledger.complete(self.lease, ports.clock.now()));
        let Some(readied) = told.await? else { return Ok(Ended::Lost) };
        tracing::info!(readied = readied.len(), "done");
        self.journal.write(&self.journal.line(Level::Info, "done"));
        self.worker.streaks.done(kind_name(&self.lease.node.kind));
        if let Some(frames) = self.lease.node.kind.frames().filter(|_| self.lease.node.kind.renders()) {
            metrics::counter!("emofarm_frames_rendered_total").increment(frames.len());
        }
        self.worker.watch.at(Moment::AfterCommit, self.lease).await;
        self.wake().await;
        Ok(Ended::Done)
    }

    /// Something may be ready now. Coordinators that are not woken find it by the clock.
    pub(crate) async fn wake(&self) {
        let wake = tokio::time::timeout(Duration::from_secs(1), self.worker.ports.queue.wake());
        match wake.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "no coordinator was woken"),
            Err(_) => tracing::debug!("no coordinator was woken in time"),
        }
    }

    /// Removes what earlier attempts left and the clips of this one: the task is done, so nobody resumes from them. Logs stay.
    async fn tidy(&self) -> Result<()> {
        let blobs = &self.worker.ports.blobs;
        let task = BlobKey::task_prefix(&self.lease.key.job, &self.lease.key.task);
        for attempt in 1..self.lease.attempt {
            blobs.remove(&format!("{task}{attempt}/")).await?;
        }
        if self.lease.node.kind.renders() {
            blobs.remove(&format!("{task}{}/{}", self.lease.attempt, crate::checkpoint::CLIPS)).await?;
        }
        Ok(())
    }
}

/// One file for each kind.
async fn make(work: &Work<'_>) -> Result<()> {
    match work.lease.node.kind {
        TaskKind::Prepare => prepare::make(work).await,
        TaskKind::Segment { frames, .. } => segment::make(work, frames).await,
        TaskKind::Bridge { seam, frames } => bridge::make(work, seam, frames).await,
        TaskKind::Part { frames, .. } => part::make(work, frames).await,
        TaskKind::Film => film::make(work).await,
    }
}
