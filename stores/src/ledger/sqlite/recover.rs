//! What happens to tasks from outside of an attempt: lost workers, cancelled jobs, jobs that are taken up again.

use std::collections::BTreeSet;

use shared::{JobId, JobState, Result, TaskKey, TaskState, Timestamp, ports::ledger::MOST_FAILURES, task::Step};
use sqlx::SqliteConnection;

use super::{
    fault, outcome, row,
    steps::{self, Ended, Held},
};

/// Leases that ran out. The term was wait enough: the tasks are ready at once.
pub(super) async fn expire(db: &mut SqliteConnection, now: Timestamp) -> Result<Vec<TaskKey>> {
    let rows = sqlx::query(
        "SELECT job, id, worker, failures FROM tasks WHERE state = $1 AND lease_until < $2 ORDER BY job, ordinal",
    )
    .bind(TaskState::Leased.name())
    .bind(now.0)
    .fetch_all(&mut *db)
    .await
    .map_err(|e| fault::ledger("leases that ran out cannot be looked up", e))?;
    let (mut readied, mut over) = (Vec::new(), BTreeSet::new());
    for found in &rows {
        let key = row::full_key(found)?;
        // The other tasks of a job that just failed are cancelled and no longer leased.
        if over.contains(&key.job) {
            continue;
        }
        let found = row::of_task(&key, found);
        let held = Held { failures: found.number("failures")?, key: key.clone() };
        let worker = found.maybe_text("worker")?.unwrap_or_default();
        let why = format!("task {}: the worker {worker} was lost", key.task);
        let failures = held.failures + 1;
        if failures >= MOST_FAILURES {
            outcome::give_up(db, held, &format!("{why} in attempt after attempt"), now).await?;
            readied.retain(|readied: &TaskKey| readied.job != key.job);
            over.insert(key.job);
            continue;
        }
        let ended = Ended { failures, not_before: Timestamp(0), error: Some(&why) };
        steps::end_lease(db, &key, Step::Return, ended).await?;
        readied.push(key);
    }
    Ok(readied)
}

/// Every lease of a job, without counting a failure.
pub(super) async fn reclaim(db: &mut SqliteConnection, job: &JobId) -> Result<Vec<TaskKey>> {
    let rows = sqlx::query(
        "UPDATE tasks SET state = $2, worker = NULL, lease_until = NULL WHERE job = $1 AND state = $3 RETURNING id",
    )
    .bind(job.as_str())
    .bind(steps::after(TaskState::Leased, Step::Return)?.name())
    .bind(TaskState::Leased.name())
    .fetch_all(db)
    .await
    .map_err(fault::on("take back the leases of a job", "tasks", job))?;
    let mut keys = rows.iter().map(|found| row::key(job, found)).collect::<Result<Vec<_>>>()?;
    keys.sort();
    Ok(keys)
}

pub(super) async fn cancel(db: &mut SqliteConnection, job: &JobId, now: Timestamp) -> Result<bool> {
    steps::end_job(db, job, JobState::Cancelled, None, now).await
}

pub(super) async fn revive(db: &mut SqliteConnection, job: &JobId) -> Result<bool> {
    let revived =
        sqlx::query("UPDATE jobs SET state = $2, error = NULL, ended = NULL WHERE id = $1 AND state IN ($3, $4)")
            .bind(job.as_str())
            .bind(JobState::Running.name())
            .bind(JobState::Failed.name())
            .bind(JobState::Cancelled.name())
            .execute(&mut *db)
            .await
            .map_err(fault::on("take up a job", "jobs", job))?;
    if revived.rows_affected() == 0 {
        return Ok(false);
    }
    steps::step_all(db, job, Step::Revive).await?;
    sqlx::query("UPDATE tasks SET failures = 0, not_before = 0, error = NULL WHERE job = $1 AND state = $2")
        .bind(job.as_str())
        .bind(TaskState::Waiting.name())
        .execute(&mut *db)
        .await
        .map_err(fault::on("forget the failures of a job", "tasks", job))?;
    steps::needs_met(db, job, None).await?;
    Ok(true)
}
