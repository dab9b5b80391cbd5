//! How an attempt ends: its result counts, it failed, or it is given back.

use shared::{
    Error, JobState, Result, TaskKey, TaskKind, TaskState, Timestamp, Verdict,
    ports::{
        Lease,
        ledger::{back_off, most_failures},
    },
    task::Step,
};
use sqlx::SqliteConnection;

use super::steps::{self, Ended, Held};

pub(super) async fn complete(
    db: &mut SqliteConnection,
    lease: &Lease,
    now: Timestamp,
) -> Result<Vec<(TaskKey, TaskKind)>> {
    let Held { key, failures } = steps::held(db, lease).await?;
    let ended = Ended { failures, not_before: now, error: None };
    steps::end_lease(db, &key, Step::Complete, ended).await?;
    if lease.node.kind == TaskKind::Film {
        steps::end_job(db, &key.job, JobState::Done, None, now).await?;
    }
    steps::needs_met(db, &key.job, Some(&key)).await
}

pub(super) async fn fail(db: &mut SqliteConnection, lease: &Lease, error: &Error, now: Timestamp) -> Result<TaskState> {
    let held = steps::held(db, lease).await?;
    match error.verdict() {
        Verdict::Stop => returned(db, &held).await,
        Verdict::Fail => give_up(db, held, &error.to_string(), now).await,
        Verdict::Retry if held.failures + 1 >= most_failures(error) => give_up(db, held, &error.to_string(), now).await,
        Verdict::Retry => {
            let failures = held.failures + 1;
            let text = error.to_string();
            let ended = Ended { failures, not_before: now.after(back_off(failures)), error: Some(&text) };
            steps::end_lease(db, &held.key, Step::Return, ended).await
        }
    }
}

pub(super) async fn give_back(db: &mut SqliteConnection, lease: &Lease) -> Result<()> {
    let held = steps::held(db, lease).await?;
    returned(db, &held).await.map(drop)
}

async fn returned(db: &mut SqliteConnection, held: &Held) -> Result<TaskState> {
    let ended = Ended { failures: held.failures, not_before: Timestamp(0), error: None };
    steps::end_lease(db, &held.key, Step::Return, ended).await
}

/// The task fails, and its job with it.
pub(super) async fn give_up(db: &mut SqliteConnection, held: Held, why: &str, now: Timestamp) -> Result<TaskState> {
    let ended = Ended { failures: held.failures + 1, not_before: now, error: Some(why) };
    let state = steps::end_lease(db, &held.key, Step::GiveUp, ended).await?;
    steps::end_job(db, &held.key.job, JobState::Failed, Some(why), now).await?;
    Ok(state)
}
