//! Tasks become ready.

use shared::{JobId, TaskKey, TaskState, Timestamp, task::Step};

use super::{
    dialect::{Connection, one_of},
    fault::{self, Result},
    row::{self, Named, is_held, to_json},
    steps,
};

/// A task is done: the tasks that need it lack one need less, and those that lack none are ready.
///
/// The caller holds the job's row.
pub(super) async fn by(db: &mut Connection, made: &TaskKey, now: Timestamp) -> Result<Vec<TaskKey>> {
    let job = &made.job;
    let rows = sqlx::query("SELECT task FROM needs WHERE job = $1 AND need = $2 AND direct = TRUE")
        .bind(job.as_str())
        .bind(made.task.as_str())
        .fetch_all(&mut *db)
        .await
        .map_err(fault::on("look up who needs a task", "needs", made))?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let task = |row| Named { table: "needs", name: made, row }.text("task");
    let tasks = rows.iter().map(task).collect::<shared::Result<Vec<_>>>()?;
    let rows = sqlx::query(concat!(
        "UPDATE tasks SET lacks = lacks - 1, state = CASE WHEN lacks = 1 THEN $3 ELSE state END,
                readied = CASE WHEN lacks = 1 THEN $4 ELSE readied END,
                priority = (SELECT jobs.priority FROM jobs WHERE jobs.id = $1), held = ",
        is_held!(),
        " WHERE job = $1 AND ",
        one_of!("id", "$2"),
        " AND state = 'waiting' RETURNING job, id, lacks"
    ))
    .bind(job.as_str())
    .bind(to_json(&tasks)?)
    .bind(steps::after(TaskState::Waiting, Step::NeedsMet)?.name())
    .bind(now.0)
    .fetch_all(db)
    .await
    .map_err(fault::on("ready the tasks of a job", "tasks", job))?;
    let mut readied = Vec::new();
    for found in &rows {
        let key = row::full_key(found)?;
        if row::of_task(&key, found).number::<u64>("lacks")? == 0 {
            readied.push(key);
        }
    }
    readied.sort();
    Ok(readied)
}

/// Readies every waiting task of a job that lacks nothing: its job is taken up again.
pub(super) async fn again(db: &mut Connection, job: &JobId, now: Timestamp) -> Result<()> {
    sqlx::query(concat!(
        "UPDATE tasks SET state = $2, readied = $3, priority = (SELECT jobs.priority FROM jobs WHERE jobs.id = $1), held = ",
        is_held!(),
        " WHERE job = $1 AND state = 'waiting' AND lacks = 0"
    ))
    .bind(job.as_str())
    .bind(steps::after(TaskState::Waiting, Step::NeedsMet)?.name())
    .bind(now.0)
    .execute(db)
    .await
    .map_err(fault::on("ready the tasks of a job", "tasks", job))?;
    Ok(())
}
