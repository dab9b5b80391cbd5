//! Tasks become ready.

use shared::{JobId, TaskKey, TaskState, Timestamp, task::Step};

use super::{
    dialect::Connection,
    fault::{self, Result},
    row, steps,
};

/// Makes waiting tasks of a job ready when all they need is done: those that need `made`, or any.
///
/// The caller holds the job's row: of two needs that are done at the same moment, the second sees the first.
pub(super) async fn needs_met(
    db: &mut Connection,
    job: &JobId,
    made: Option<&TaskKey>,
    now: Timestamp,
) -> Result<Vec<TaskKey>> {
    let ready = steps::after(TaskState::Waiting, Step::NeedsMet)?.name();
    let query = match made {
        // Two statements, so that each is planned for what it looks for.
        Some(_) => {
            "UPDATE tasks SET state = $2, readied = $4, priority = (SELECT priority FROM jobs WHERE jobs.id = $1),
                    held = (SELECT hold <> 'none' FROM jobs WHERE jobs.id = $1)
             WHERE job = $1 AND state = 'waiting' AND id IN (SELECT task FROM needs WHERE job = $1 AND need = $3)
               AND NOT EXISTS (
                   SELECT 1 FROM needs JOIN tasks AS needed ON needed.job = needs.job AND needed.id = needs.need
                   WHERE needs.job = $1 AND needs.task = tasks.id AND needed.state <> 'done')
             RETURNING job, id"
        }
        None => {
            "UPDATE tasks SET state = $2, readied = $4, priority = (SELECT priority FROM jobs WHERE jobs.id = $1),
                    held = (SELECT hold <> 'none' FROM jobs WHERE jobs.id = $1)
             WHERE job = $1 AND state = 'waiting' AND $3 IS NULL
               AND NOT EXISTS (
                   SELECT 1 FROM needs JOIN tasks AS needed ON needed.job = needs.job AND needed.id = needs.need
                   WHERE needs.job = $1 AND needs.task = tasks.id AND needed.state <> 'done')
             RETURNING job, id"
        }
    };
    let rows = sqlx::query(query)
        .bind(job.as_str())
        .bind(ready)
        .bind(made.map(|key| key.task.as_str()))
        .bind(now.0)
        .fetch_all(db)
        .await
        .map_err(fault::on("ready the tasks of a job", "tasks", job))?;
    let mut readied = rows.iter().map(row::full_key).collect::<shared::Result<Vec<_>>>()?;
    readied.sort();
    Ok(readied)
}
