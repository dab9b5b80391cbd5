//! The steps of tasks in SQL; each asks [`TaskState::after`] whether it is legal and where it leads.

use shared::{Error, JobId, JobState, Result, TaskKey, TaskKind, TaskState, Timestamp, ports::Lease, task::Step};
use sqlx::SqliteConnection;

use super::{fault, row};

/// A task whose lease is being ended.
pub(super) struct Held {
    /// Which one.
    pub(super) key: TaskKey,
    /// How many attempts failed before this one.
    pub(super) failures: u32,
}

/// The task behind a lease, if the lease still holds.
pub(super) async fn held(db: &mut SqliteConnection, lease: &Lease) -> Result<Held> {
    let key = &lease.key;
    let found = sqlx::query("SELECT state, attempt, failures FROM tasks WHERE job = $1 AND id = $2")
        .bind(key.job.as_str())
        .bind(key.task.as_str())
        .fetch_optional(db)
        .await
        .map_err(fault::on("look up a lease", "tasks", key))?;
    let Some(found) = found else {
        return Err(Error::lease_lost(format!("task {key} is not in the ledger")));
    };
    let found = row::of_task(key, &found);
    let (state, attempt) = (found.state(TaskState::named)?, found.number::<u32>("attempt")?);
    if state != TaskState::Leased || attempt != lease.attempt {
        return Err(Error::lease_lost(format!(
            "attempt {} of task {key} does not count any more: the task is {} at attempt {attempt}",
            lease.attempt,
            state.name()
        )));
    }
    Ok(Held { key: key.clone(), failures: found.number("failures")? })
}

/// What a task looks like after its lease ended.
pub(super) struct Ended<'a> {
    /// Failures so far.
    pub(super) failures: u32,
    /// When it may be claimed again.
    pub(super) not_before: Timestamp,
    /// What the failure said; nothing keeps what an earlier one said.
    pub(super) error: Option<&'a str>,
}

/// Ends the lease on a task with `step`.
pub(super) async fn end_lease(
    db: &mut SqliteConnection,
    key: &TaskKey,
    step: Step,
    ended: Ended<'_>,
) -> Result<TaskState> {
    let after = after(TaskState::Leased, step)?;
    let changed = sqlx::query(
        "UPDATE tasks SET state = $3, failures = $4, not_before = $5, error = COALESCE($6, error), worker = NULL,
                lease_until = NULL
         WHERE job = $1 AND id = $2 AND state = $7",
    )
    .bind(key.job.as_str())
    .bind(key.task.as_str())
    .bind(after.name())
    .bind(i64::from(ended.failures))
    .bind(ended.not_before.0)
    .bind(ended.error)
    .bind(TaskState::Leased.name())
    .execute(db)
    .await
    .map_err(fault::on("end a lease", "tasks", key))?;
    if changed.rows_affected() == 0 {
        return Err(Error::lease_lost(format!("task {key} is not leased")));
    }
    Ok(after)
}

/// Makes waiting tasks of a job ready when all they need is done: those that need `made`, or any.
pub(super) async fn needs_met(
    db: &mut SqliteConnection,
    job: &JobId,
    made: Option<&TaskKey>,
) -> Result<Vec<(TaskKey, TaskKind)>> {
    let rows = sqlx::query(
        "UPDATE tasks SET state = $3
         WHERE job = $1 AND state = $4
           AND ($2 IS NULL OR id IN (SELECT task FROM needs WHERE job = $1 AND need = $2))
           AND NOT EXISTS (SELECT 1 FROM needs JOIN tasks AS needed ON needed.job = needs.job AND needed.id = needs.need
                           WHERE needs.job = $1 AND needs.task = tasks.id AND needed.state <> $5)
         RETURNING job, id, kind",
    )
    .bind(job.as_str())
    .bind(made.map(|key| key.task.as_str()))
    .bind(after(TaskState::Waiting, Step::NeedsMet)?.name())
    .bind(TaskState::Waiting.name())
    .bind(TaskState::Done.name())
    .fetch_all(db)
    .await
    .map_err(fault::on("ready the tasks of a job", "tasks", job))?;
    let mut readied = rows.iter().map(row::key_and_kind).collect::<Result<Vec<_>>>()?;
    readied.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(readied)
}

/// Ends a running job and cancels its open tasks; whether it was running.
pub(super) async fn end_job(
    db: &mut SqliteConnection,
    job: &JobId,
    state: JobState,
    error: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    let ended = sqlx::query("UPDATE jobs SET state = $2, error = $3, ended = $4 WHERE id = $1 AND state = $5")
        .bind(job.as_str())
        .bind(state.name())
        .bind(error)
        .bind(now.0)
        .bind(JobState::Running.name())
        .execute(&mut *db)
        .await
        .map_err(fault::on("end a job", "jobs", job))?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    step_all(db, job, Step::Cancel).await?;
    Ok(true)
}

/// Takes `step` with every task of a job that can take it.
pub(super) async fn step_all(db: &mut SqliteConnection, job: &JobId, step: Step) -> Result<()> {
    for from in TaskState::ALL {
        let Some(to) = from.after(step) else { continue };
        sqlx::query("UPDATE tasks SET state = $3, worker = NULL, lease_until = NULL WHERE job = $1 AND state = $2")
            .bind(job.as_str())
            .bind(from.name())
            .bind(to.name())
            .execute(&mut *db)
            .await
            .map_err(fault::on("move the tasks of a job", "tasks", job))?;
    }
    Ok(())
}

/// The state after a step that the caller knows to be legal.
pub(super) fn after(from: TaskState, step: Step) -> Result<TaskState> {
    from.after(step)
        .ok_or_else(|| Error::world(format!("a task that is {} cannot take the step {step:?}", from.name())))
}
