//! Telling the ledger how an attempt ended, also when it does not listen at once.

use std::{future::Future, time::Duration};

use shared::{Error, Result, TaskState, Verdict, error::Cause, log::Level, outage::Outage, ports::records::kind_name};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::attempt::{Attempt, Ended};

/// How long beyond its lease a finished result is offered to a ledger that is down: nobody can have been given the task meanwhile.
pub(crate) const FINISHED: Duration = Duration::from_mins(10);

/// How long beyond its lease a failure is: by then it counts as one anyway.
const FAILED: Duration = Duration::ZERO;

/// How long a worker that ends takes to tell of it.
const ENDING: Duration = Duration::from_secs(2);

/// The first wait between two tries and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Tells the ledger, again and again while it is down, until `beyond` the end of the lease. Nothing when the lease is lost.
///
/// # Errors
/// What the ledger said last.
pub(crate) async fn told<T, F: Future<Output = Result<T>>>(
    attempt: &Attempt<'_>,
    cancel: &CancellationToken,
    beyond: Duration,
    tell: impl Fn() -> F,
) -> Result<Option<T>> {
    let clock = &attempt.worker.ports.clock;
    let end = Instant::now() + attempt.hold.until().since(clock.now()) + beyond;
    let (mut outage, mut wait) = (Outage::new(attempt.worker.seed()), WAITS.0);
    loop {
        let error = match tell().await {
            Ok(told) => return Ok(Some(told)),
            Err(error) => error,
        };
        if error.cause() == Cause::LeaseLost {
            lost(attempt, &error);
            return Ok(None);
        }
        let end = if cancel.is_cancelled() { end.min(Instant::now() + ENDING) } else { end };
        if error.cause() != Cause::Unreachable || Instant::now() + wait >= end {
            return Err(error);
        }
        if let Some(what) = outage.failed(&error, clock.now()).say {
            tracing::warn!(error = what, "the ledger is told how the task ended as soon as it listens");
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(WAITS.1);
    }
}

/// The attempt failed or was stopped: the verdict decides.
pub(crate) async fn ended(attempt: &Attempt<'_>, error: &Error, cancel: &CancellationToken) -> Result<Ended> {
    if error.verdict() == Verdict::Stop {
        return given_back(attempt, error).await;
    }
    let (worker, lease) = (attempt.worker, attempt.lease);
    let (ledger, clock) = (&worker.ports.ledger, &worker.ports.clock);
    attempt.journal.write(&attempt.journal.line(Level::Error, "failed").with("error", error.to_string()));
    let told = told(attempt, cancel, FAILED, || ledger.fail(lease, error, worker.settings.patience, clock.now()));
    let kind = kind_name(&lease.node.kind);
    if let Some(reason) = worker.streaks.failed(kind, &lease.key, error, worker.settings.set_aside_after) {
        tracing::error!(reason, "the worker is set aside: it takes nothing more until an operator says so");
        metrics::counter!("emofarm_workers_set_aside_total", "kind" => kind).increment(1);
        worker.post.set_aside(reason);
    }
    match told.await? {
        None => return Ok(Ended::Lost),
        Some(TaskState::Failed) => tracing::error!(%error, "failed for good"),
        Some(_) => tracing::warn!(%error, "failed, will be tried again"),
    }
    attempt.wake().await;
    Ok(Ended::Failed)
}

/// Unfinished, and nothing is counted.
async fn given_back(attempt: &Attempt<'_>, error: &Error) -> Result<Ended> {
    let ports = &attempt.worker.ports;
    attempt.journal.write(&attempt.journal.line(Level::Info, "given back").with("why", error.to_string()));
    let back = timeout(ENDING, ports.ledger.give_back(attempt.lease, ports.clock.now())).await;
    match back.unwrap_or_else(|_| Err(Error::unreachable("the ledger does not answer"))) {
        Ok(()) => {
            tracing::info!(%error, "given back");
            attempt.wake().await;
            Ok(Ended::GivenBack)
        }
        Err(error) if error.cause() == Cause::LeaseLost => {
            lost(attempt, &error);
            Ok(Ended::Lost)
        }
        Err(unanswered) => Err(unanswered),
    }
}

/// Somebody else has the task, or its job is over.
pub(crate) fn lost(attempt: &Attempt<'_>, error: &Error) {
    metrics::counter!("emofarm_fencing_rejections_total").increment(1);
    attempt.journal.write(&attempt.journal.line(Level::Warn, "the lease is lost").with("why", error.to_string()));
    tracing::warn!(%error, "the lease is lost");
}
