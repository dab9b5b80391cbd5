//! One attempt at one task: claimed, made, kept, committed, or what became of it instead.

use std::pin::pin;

use shared::{
    Error, Result, TaskKind, TaskState, Verdict,
    error::Cause,
    ports::{BlobKey, Lease, Patience},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{bridge, film, hold::Hold, moment::Moment, part, prepare, segment, stop::Stop, work::Work, worker::Worker};

/// Leads a claimed task to its end.
///
/// # Errors
/// When the ledger cannot be told how it ended; the lease then runs out, and another attempt goes on from what was kept.
pub(crate) async fn run(worker: &Worker, lease: &Lease, cancel: &CancellationToken) -> Result<()> {
    let (job, task) = (&lease.key.job, &lease.key.task);
    let span = tracing::info_span!("task", %job, %task, attempt = lease.attempt, worker = lease.worker.0);
    attempt(worker, lease, cancel).instrument(span).await
}

async fn attempt(worker: &Worker, lease: &Lease, cancel: &CancellationToken) -> Result<()> {
    worker.watch.at(Moment::Claimed, lease).await;
    tracing::debug!("claimed");
    let stop = Stop::default();
    let _stop_threads_with_me = stop.on_drop();
    match made(worker, lease, &stop, cancel).await {
        Ok(()) => commit(worker, lease).await,
        Err(error) if stop.is_lost() => {
            lost(&error);
            Ok(())
        }
        Err(error) => ended(worker, lease, &error).await,
    }
}

/// Makes and keeps while the lease is held and nobody asks to stop.
async fn made(worker: &Worker, lease: &Lease, stop: &Stop, cancel: &CancellationToken) -> Result<()> {
    let ports = &worker.ports;
    let hold = Hold::new(ports.ledger.as_ref(), ports.clock.as_ref(), lease, worker.settings.term);
    let work = Work::new(worker, lease, stop.clone(), &hold)?;
    let mut making = pin!(make(&work));
    let mut losing = pin!(hold.until_lost());
    let (mut lost, mut stopped) = (false, false);
    loop {
        tokio::select! {
            ended = &mut making => return ended,
            () = &mut losing, if !lost => {
                lost = true;
                stop.lose();
            }
            () = cancel.cancelled(), if !stopped => {
                stopped = true;
                stop.stop();
            }
        }
    }
}

/// One file for each kind.
async fn make(work: &Work<'_>) -> Result<()> {
    match work.lease.node.kind {
        TaskKind::Prepare => prepare::make(work).await,
        TaskKind::Segment { index, frames, .. } => segment::make(work, index, frames).await,
        TaskKind::Bridge { seam, frames } => bridge::make(seam, frames),
        TaskKind::Part { frames, .. } => part::make(work, frames).await,
        TaskKind::Film => film::make(work).await,
    }
}

/// The result counts from here on; then a coordinator is woken for those who waited for it.
async fn commit(worker: &Worker, lease: &Lease) -> Result<()> {
    let ports = &worker.ports;
    worker.watch.at(Moment::BeforeCommit, lease).await;
    let readied = match ports.ledger.complete(lease, ports.clock.now()).await {
        Err(error) if error.cause() == Cause::LeaseLost => {
            lost(&error);
            return Ok(());
        }
        readied => readied?,
    };
    tracing::info!(readied = readied.len(), "done");
    worker.watch.at(Moment::AfterCommit, lease).await;
    ports.queue.wake().await?;
    if let Err(error) = tidy(worker, lease).await {
        tracing::warn!(%error, "blobs that nobody needs any more were not removed");
    }
    Ok(())
}

/// Removes what earlier attempts left and the clips of this one: the task is done, so nobody resumes from them.
async fn tidy(worker: &Worker, lease: &Lease) -> Result<()> {
    let blobs = &worker.ports.blobs;
    let task = BlobKey::task_prefix(&lease.key.job, &lease.key.task);
    for attempt in 1..lease.attempt {
        blobs.remove(&format!("{task}{attempt}/")).await?;
    }
    if lease.node.kind.renders() {
        blobs.remove(&format!("{task}{}/{}", lease.attempt, crate::checkpoint::CLIPS)).await?;
    }
    Ok(())
}

/// The attempt failed or was stopped: the verdict decides.
async fn ended(worker: &Worker, lease: &Lease, error: &Error) -> Result<()> {
    let ports = &worker.ports;
    let told = if error.verdict() == Verdict::Stop {
        tracing::info!(%error, "given back");
        ports.ledger.give_back(lease, ports.clock.now()).await.map(|()| TaskState::Ready)
    } else {
        ports.ledger.fail(lease, error, Patience::EMBEDDED, ports.clock.now()).await
    };
    match told {
        Ok(TaskState::Failed) => tracing::error!(%error, "failed for good"),
        Ok(_) if error.verdict() == Verdict::Retry => tracing::warn!(%error, "failed, will be tried again"),
        Ok(_) => {}
        Err(error) if error.cause() == Cause::LeaseLost => lost(&error),
        Err(unanswered) => return Err(unanswered),
    }
    ports.queue.wake().await
}

/// Somebody else has the task, or its job is over.
fn lost(error: &Error) {
    tracing::warn!(%error, "the lease is lost");
}
