//! Taking and holding a lease.

use shared::{
    JobState, Result, TaskId, TaskKey, TaskNode, TaskState, Timestamp,
    ports::{Lease, Renewal, WorkerId},
    task::Step,
};
use sqlx::{SqliteConnection, SqlitePool};

use super::{
    fault,
    row::{self, Named},
    steps,
};

/// Compare and set: of all who ask for a ready task, one gets it.
pub(super) async fn claim(
    db: &mut SqliteConnection,
    key: &TaskKey,
    worker: &WorkerId,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<Lease>> {
    let claimed = sqlx::query(
        "UPDATE tasks SET state = $3, attempt = attempt + 1, worker = $4, lease_until = $5, frames_done = 0
         WHERE job = $1 AND id = $2 AND state = $6 AND not_before <= $7
           AND EXISTS (SELECT 1 FROM jobs WHERE jobs.id = $1 AND jobs.state = $8)
         RETURNING attempt, kind",
    )
    .bind(key.job.as_str())
    .bind(key.task.as_str())
    .bind(steps::after(TaskState::Ready, Step::Claim)?.name())
    .bind(&worker.0)
    .bind(until.0)
    .bind(TaskState::Ready.name())
    .bind(now.0)
    .bind(JobState::Running.name())
    .fetch_optional(&mut *db)
    .await
    .map_err(fault::on("claim a task", "tasks", key))?;
    let Some(claimed) = claimed else { return Ok(None) };
    let claimed = row::of_task(key, &claimed);
    let (attempt, kind) = (claimed.number("attempt")?, claimed.json("kind")?);
    let inputs = inputs(db, key).await?;
    let needs = inputs.iter().map(|(id, _)| id.clone()).collect();
    Ok(Some(Lease {
        key: key.clone(),
        attempt,
        worker: worker.clone(),
        until,
        node: TaskNode { id: key.task.clone(), kind, needs },
        order: order(db, key).await?,
        inputs,
    }))
}

/// What the task needs, in the order of the plan, each with the attempt that counts.
async fn inputs(db: &mut SqliteConnection, key: &TaskKey) -> Result<Vec<(TaskId, u32)>> {
    let rows = sqlx::query(
        "SELECT tasks.id, tasks.attempt FROM needs JOIN tasks ON tasks.job = needs.job AND tasks.id = needs.need
         WHERE needs.job = $1 AND needs.task = $2 ORDER BY tasks.ordinal",
    )
    .bind(key.job.as_str())
    .bind(key.task.as_str())
    .fetch_all(db)
    .await
    .map_err(fault::on("look up the needs of a task", "needs", key))?;
    let input = |found| {
        let need = row::key(&key.job, found)?;
        let attempt = row::of_task(&need, found).number("attempt")?;
        Ok((need.task, attempt))
    };
    rows.iter().map(input).collect()
}

async fn order(db: &mut SqliteConnection, key: &TaskKey) -> Result<shared::Order> {
    let found = sqlx::query("SELECT ordered FROM jobs WHERE id = $1")
        .bind(key.job.as_str())
        .fetch_one(db)
        .await
        .map_err(fault::on("look up the order of a job", "jobs", &key.job))?;
    Named { table: "jobs", name: &key.job, row: &found }.json("ordered")
}

pub(super) async fn renew(db: &SqlitePool, lease: &Lease, until: Timestamp, frames_done: u64) -> Result<Renewal> {
    let renewed = sqlx::query(
        "UPDATE tasks SET lease_until = $4, frames_done = $5 WHERE job = $1 AND id = $2 AND attempt = $3 AND state = $6",
    )
    .bind(lease.key.job.as_str())
    .bind(lease.key.task.as_str())
    .bind(i64::from(lease.attempt))
    .bind(until.0)
    .bind(frames_done as i64)
    .bind(TaskState::Leased.name())
    .execute(db)
    .await
    .map_err(fault::on("renew a lease", "tasks", &lease.key))?;
    Ok(if renewed.rows_affected() == 1 { Renewal::Kept } else { Renewal::Lost })
}
