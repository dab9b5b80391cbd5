//! What happens to tasks from outside of an attempt: lost and stuck workers, cancelled jobs, jobs that are taken up again.

use std::{collections::BTreeSet, time::Duration};

use shared::{
    Error, JobId, JobState, TaskKey, TaskState, Timestamp,
    ports::{Patience, records::Outcome},
    task::Step,
};

use super::{
    dialect::Connection,
    fault::{self, Result},
    news,
    outcome::Failure,
    readied, retention,
    row::{self, is_held},
    steps::{self, Held},
};

/// Most leases that one call takes back.
const MOST: i64 = 1000;

/// A lease that ran out, or whose work stands still.
struct Overdue {
    held: Held,
    outcome: Outcome,
    why: String,
}

/// Leases that ran out and work that stands still. The term was wait enough: the tasks are ready at once.
pub(super) async fn expire(db: &mut Connection, patience: Patience, now: Timestamp) -> Result<Vec<TaskKey>> {
    let (mut readied, mut over, mut news) = (Vec::new(), BTreeSet::new(), Vec::new());
    let mut job_held = None;
    for key in overdue(db, now).await? {
        // Jobs come in the order of their ids: whoever holds several holds them in this order.
        if job_held.as_ref() != Some(&key.job) {
            steps::hold_job(db, &key.job).await?;
            job_held = Some(key.job.clone());
        }
        // The other tasks of a job that just failed are cancelled; others may have been ended meanwhile.
        let Some(Overdue { held, outcome, why }) = still_overdue(db, &key, now).await? else { continue };
        let failure = Failure { error: &Error::world(why), outcome, wait: Duration::ZERO };
        let (state, told) = failure.attempt(db, &held, patience, now).await?;
        news.extend(told);
        if state == TaskState::Failed {
            over.insert(key.job);
        } else {
            readied.push(key);
        }
    }
    news::tell(db, &news, now).await?;
    readied.retain(|key| !over.contains(&key.job));
    Ok(readied)
}

async fn overdue(db: &mut Connection, now: Timestamp) -> Result<Vec<TaskKey>> {
    let rows = sqlx::query(
        "SELECT job, id FROM tasks WHERE state = 'leased' AND (lease_until < $1 OR $1 - moved > stuck_ms)
         ORDER BY job, ordinal LIMIT $2",
    )
    .bind(now.0)
    .bind(MOST)
    .fetch_all(db)
    .await
    .map_err(fault::to("look up leases that ran out"))?;
    Ok(rows.iter().map(row::full_key).collect::<shared::Result<_>>()?)
}

async fn still_overdue(db: &mut Connection, key: &TaskKey, now: Timestamp) -> Result<Option<Overdue>> {
    let found = sqlx::query(
        "SELECT attempt, failures, worker, lease_until, moved FROM tasks
         WHERE job = $1 AND id = $2 AND state = 'leased' AND (lease_until < $3 OR $3 - moved > stuck_ms)",
    )
    .bind(key.job.as_str())
    .bind(key.task.as_str())
    .bind(now.0)
    .fetch_optional(db)
    .await
    .map_err(fault::on("look up a lease that ran out", "tasks", key))?;
    let Some(found) = found else { return Ok(None) };
    let found = row::of_task(key, &found);
    let worker = found.maybe_text("worker")?.unwrap_or_default();
    let (outcome, why) = if found.maybe_time("lease_until")?.is_none_or(|until| until < now) {
        (Outcome::Lost, format!("task {}: the worker {worker} was lost", key.task))
    } else {
        let still = now.since(found.time("moved")?).as_secs();
        (Outcome::Stuck, format!("task {}: the worker {worker} was stuck, without a step for {still} s", key.task))
    };
    let (attempt, failures) = (found.number("attempt")?, found.number("failures")?);
    Ok(Some(Overdue { held: Held { key: key.clone(), attempt, worker, failures }, outcome, why }))
}

/// Every lease of a job, without counting a failure.
pub(super) async fn reclaim(db: &mut Connection, job: &JobId, now: Timestamp) -> Result<Vec<TaskKey>> {
    steps::hold_job(db, job).await?;
    let rows = sqlx::query(concat!(
        "UPDATE tasks SET state = $2, worker = NULL, lease_until = NULL, released = 0, readied = $3, held = ",
        is_held!(),
        " WHERE job = $1 AND state = 'leased' RETURNING id"
    ))
    .bind(job.as_str())
    .bind(steps::after(TaskState::Leased, Step::Return)?.name())
    .bind(now.0)
    .fetch_all(&mut *db)
    .await
    .map_err(fault::on("take back the leases of a job", "tasks", job))?;
    sqlx::query("UPDATE attempts SET outcome = $2, ended = $3 WHERE job = $1 AND outcome = 'running'")
        .bind(job.as_str())
        .bind(Outcome::GivenBack.name())
        .bind(now.0)
        .execute(db)
        .await
        .map_err(fault::on("end the attempts of a job", "attempts", job))?;
    let mut keys = rows.iter().map(|found| row::key(job, found)).collect::<shared::Result<Vec<_>>>()?;
    keys.sort();
    Ok(keys)
}

pub(super) async fn cancel(db: &mut Connection, job: &JobId, why: Option<&str>, now: Timestamp) -> Result<bool> {
    let news = steps::end_job(db, job, JobState::Cancelled, why, now).await?;
    news::tell(db, news.as_slice(), now).await?;
    Ok(news.is_some())
}

pub(super) async fn revive(db: &mut Connection, job: &JobId, now: Timestamp) -> Result<bool> {
    let revived = sqlx::query(
        "UPDATE jobs SET state = 'running', error = NULL, ended = NULL,
                hold = CASE preview WHEN 'rendering' THEN 'preview' WHEN 'waiting' THEN 'approval' ELSE 'none' END
         WHERE id = $1 AND (state IN ('failed', 'cancelled')
             OR (state = 'done' AND (latents_gone IS NOT NULL OR film_gone IS NOT NULL)))",
    )
    .bind(job.as_str())
    .execute(&mut *db)
    .await
    .map_err(fault::on("take up a job", "jobs", job))?;
    if revived.rows_affected() == 0 {
        return Ok(false);
    }
    steps::step_all(db, job, Step::Revive).await?;
    retention::forget(db, job).await?;
    sqlx::query(
        "UPDATE tasks SET failures = 0, forgiven = attempt, not_before = 0, error = NULL WHERE job = $1 AND state = 'waiting'",
    )
    .bind(job.as_str())
    .execute(&mut *db)
    .await
    .map_err(fault::on("forget the failures of a job", "tasks", job))?;
    readied::again(db, job, now).await?;
    Ok(true)
}
