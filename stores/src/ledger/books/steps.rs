//! The steps of tasks in SQL; each asks [`TaskState::after`] whether it is legal and where it leads.

use serde_json::json;
use shared::{
    Error, Hold, JobId, JobState, TaskKey, TaskState, Timestamp,
    ports::{Lease, records::Outcome},
    task::Step,
};

use super::{
    dialect::{Connection, locked},
    fault::{self, Result},
    news::News,
    row::{self, Named, is_held},
};

/// Holds a job's row until the end of the transaction; everything that changes what is ready of a job does this first.
/// Its state and hold, or nothing when there is no such job.
pub(super) async fn hold_job(db: &mut Connection, job: &JobId) -> Result<Option<(JobState, Hold)>> {
    let found = sqlx::query(concat!("SELECT state, hold FROM jobs WHERE id = $1", locked!("jobs")))
        .bind(job.as_str())
        .fetch_optional(db)
        .await
        .map_err(fault::on("look up a job", "jobs", job))?;
    let Some(found) = found else { return Ok(None) };
    let found = Named { table: "jobs", name: job, row: &found };
    Ok(Some((found.word("state", JobState::named)?, found.word("hold", Hold::named)?)))
}

/// A task whose lease is being ended.
pub(super) struct Held {
    /// Which one.
    pub(super) key: TaskKey,
    /// Which attempt has it.
    pub(super) attempt: u32,
    /// Who works on it.
    pub(super) worker: String,
    /// How many attempts failed before this one.
    pub(super) failures: u32,
}

/// The task behind a lease, if the lease still holds.
pub(super) async fn held(db: &mut Connection, lease: &Lease) -> Result<Held> {
    let key = &lease.key;
    let query = concat!("SELECT state, attempt, failures FROM tasks WHERE job = $1 AND id = $2", locked!("tasks"));
    let found = sqlx::query(query)
        .bind(key.job.as_str())
        .bind(key.task.as_str())
        .fetch_optional(db)
        .await
        .map_err(fault::on("look up a lease", "tasks", key))?;
    let Some(found) = found else {
        return Err(Error::lease_lost(format!("task {key} is not in the ledger")).into());
    };
    let found = row::of_task(key, &found);
    let (state, attempt) = (found.word("state", TaskState::named)?, found.number::<u32>("attempt")?);
    if state != TaskState::Leased || attempt != lease.attempt {
        return Err(Error::lease_lost(format!(
            "attempt {} of task {key} does not count any more: the task is {} at attempt {attempt}",
            lease.attempt,
            state.name()
        ))
        .into());
    }
    Ok(Held { key: key.clone(), attempt, worker: lease.worker.0.clone(), failures: found.number("failures")? })
}

/// What a task looks like after its lease ended.
pub(super) struct Ended<'a> {
    /// Failures so far.
    pub(super) failures: u32,
    /// When it may be claimed again.
    pub(super) not_before: Timestamp,
    /// What the failure said; nothing keeps what an earlier one said.
    pub(super) error: Option<&'a str>,
    /// How the attempt ended.
    pub(super) outcome: Outcome,
}

/// Ends the lease on a task with `step`, and its attempt.
pub(super) async fn end_lease(
    db: &mut Connection,
    held: &Held,
    step: Step,
    ended: Ended<'_>,
    now: Timestamp,
) -> Result<TaskState> {
    let (key, after) = (&held.key, after(TaskState::Leased, step)?);
    let changed = sqlx::query(concat!(
        "UPDATE tasks SET state = $4, failures = $5, not_before = $6, error = COALESCE($7, error), worker = NULL,
                lease_until = NULL, released = 0, readied = $8, held = ",
        is_held!(),
        " WHERE job = $1 AND id = $2 AND attempt = $3 AND state = 'leased'"
    ))
    .bind(key.job.as_str())
    .bind(key.task.as_str())
    .bind(i64::from(held.attempt))
    .bind(after.name())
    .bind(i64::from(ended.failures))
    .bind(ended.not_before.0)
    .bind(ended.error)
    .bind(now.0)
    .execute(&mut *db)
    .await
    .map_err(fault::on("end a lease", "tasks", key))?;
    if changed.rows_affected() == 0 {
        return Err(Error::lease_lost(format!("task {key} is not leased")).into());
    }
    end_attempt(db, held, ended.outcome, ended.error, now).await?;
    Ok(after)
}

/// Records how an attempt ended. Attempts that began before there was a record of attempts have none.
pub(super) async fn end_attempt(
    db: &mut Connection,
    held: &Held,
    outcome: Outcome,
    error: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "UPDATE attempts SET outcome = $4, ended = $5, error = $6
         WHERE job = $1 AND task = $2 AND attempt = $3 AND outcome = 'running'",
    )
    .bind(held.key.job.as_str())
    .bind(held.key.task.as_str())
    .bind(i64::from(held.attempt))
    .bind(outcome.name())
    .bind(now.0)
    .bind(error)
    .execute(&mut *db)
    .await
    .map_err(fault::on("end an attempt", "attempts", &held.key))?;
    let count = match outcome {
        Outcome::Done => "UPDATE workers SET done = done + 1 WHERE id = $1",
        outcome if outcome.counts() => "UPDATE workers SET failed = failed + 1 WHERE id = $1",
        _ => return Ok(()),
    };
    sqlx::query(count).bind(&held.worker).execute(db).await.map_err(fault::on(
        "count what a worker did",
        "workers",
        &held.worker,
    ))?;
    Ok(())
}

/// Ends a running job and cancels its open tasks; the news of it, or nothing when it was not running.
pub(super) async fn end_job(
    db: &mut Connection,
    job: &JobId,
    state: JobState,
    error: Option<&str>,
    now: Timestamp,
) -> Result<Option<News>> {
    let ended = sqlx::query("UPDATE jobs SET state = $2, error = $3, ended = $4 WHERE id = $1 AND state = 'running'")
        .bind(job.as_str())
        .bind(state.name())
        .bind(error)
        .bind(now.0)
        .execute(&mut *db)
        .await
        .map_err(fault::on("end a job", "jobs", job))?;
    if ended.rows_affected() == 0 {
        return Ok(None);
    }
    let (kind, data) = match state {
        JobState::Done => ("job.completed", json!({})),
        JobState::Failed => ("job.failed", json!({ "error": error })),
        JobState::Cancelled | JobState::Running => ("job.cancelled", json!({ "reason": error })),
    };
    step_all(db, job, Step::Cancel).await?;
    sqlx::query("UPDATE attempts SET outcome = $2, ended = $3 WHERE job = $1 AND outcome = 'running'")
        .bind(job.as_str())
        .bind(Outcome::Cancelled.name())
        .bind(now.0)
        .execute(db)
        .await
        .map_err(fault::on("end the attempts of a job", "attempts", job))?;
    Ok(Some(News { job: job.clone(), kind, data }))
}

/// Takes `step` with every task of a job that can take it. One statement: a task that a worker takes meanwhile is still in
/// one of the states that it looks for.
pub(super) async fn step_all(db: &mut Connection, job: &JobId, step: Step) -> Result<()> {
    let able: Vec<_> = TaskState::ALL.into_iter().filter_map(|from| Some((from, from.after(step)?))).collect();
    let to = able.first().map(|(_, to)| *to);
    let to = to.filter(|to| able.len() <= 3 && able.iter().all(|(_, other)| other == to));
    let to = to.ok_or_else(|| Error::world(format!("tasks cannot all take the step {step:?}")))?;
    let from = |place: usize| able.get(place).map(|(from, _)| from.name());
    sqlx::query(
        "UPDATE tasks SET state = $2, worker = NULL, lease_until = NULL, released = 0
         WHERE job = $1 AND state IN ($3, $4, $5)",
    )
    .bind(job.as_str())
    .bind(to.name())
    .bind(from(0))
    .bind(from(1))
    .bind(from(2))
    .execute(db)
    .await
    .map_err(fault::on("move the tasks of a job", "tasks", job))?;
    Ok(())
}

/// The state after a step that the caller knows to be legal.
pub(super) fn after(from: TaskState, step: Step) -> Result<TaskState> {
    let after = from.after(step);
    after.ok_or_else(|| Error::world(format!("a task that is {} cannot take the step {step:?}", from.name())).into())
}
