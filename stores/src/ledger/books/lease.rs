//! Claiming a task and holding its lease.

use std::time::Duration;

use serde_json::json;
use shared::{
    Order, TaskId, TaskKey, TaskNode, TaskState, Terms, Timestamp,
    ports::{Lease, Pulse, Renewal, WorkerId, ledger::stuck_after},
    task::Step,
};

use super::{
    dialect::{Connection, Pool},
    fault::{self, Result},
    news::{self, News},
    row::{self, Named},
    steps,
};

/// A lease, and whether it is the first on its job.
pub(super) struct Claimed {
    pub(super) lease: Lease,
    pub(super) first: bool,
}

/// Compare and set: of all who ask for a ready task, one gets it.
pub(super) async fn claim(
    db: &mut Connection,
    key: &TaskKey,
    worker: &WorkerId,
    term: Duration,
    now: Timestamp,
) -> Result<Option<Claimed>> {
    let until = now.after(term);
    let claimed = sqlx::query(
        "UPDATE tasks SET state = $3, attempt = attempt + 1, worker = $4, lease_until = $5, frames_done = 0, released = 0,
                steps = 0, moved = $6, stuck_ms = $7
         WHERE job = $1 AND id = $2 AND state = 'ready' AND not_before <= $6 AND held = FALSE
         RETURNING attempt, CAST(kind AS TEXT) AS kind",
    )
    .bind(key.job.as_str())
    .bind(key.task.as_str())
    .bind(steps::after(TaskState::Ready, Step::Claim)?.name())
    .bind(&worker.0)
    .bind(until.0)
    .bind(now.0)
    .bind(stuck_ms(0))
    .fetch_optional(&mut *db)
    .await
    .map_err(fault::on("claim a task", "tasks", key))?;
    let Some(claimed) = claimed else { return Ok(None) };
    let claimed = row::of_task(key, &claimed);
    let (attempt, kind) = (claimed.number("attempt")?, claimed.json("kind")?);
    begin_attempt(db, key, worker, now).await?;
    let inputs = inputs(db, key).await?;
    let needs = inputs.iter().map(|(id, _)| id.clone()).collect();
    let (order, terms, first) = job(db, key).await?;
    let node = TaskNode { id: key.task.clone(), kind, needs };
    let lease = Lease { key: key.clone(), attempt, worker: worker.clone(), until, node, order, terms, inputs };
    Ok(Some(Claimed { lease, first }))
}

async fn begin_attempt(db: &mut Connection, key: &TaskKey, worker: &WorkerId, now: Timestamp) -> Result<()> {
    sqlx::query(
        "INSERT INTO attempts (job, task, attempt, worker, started, outcome, kind, model, pool, frames)
         SELECT tasks.job, tasks.id, tasks.attempt, $3, $4, 'running', tasks.kind ->> 'kind', jobs.ordered ->> 'model',
                tasks.pool, CASE WHEN tasks.size > 0 THEN tasks.size ELSE jobs.frames END
         FROM tasks JOIN jobs ON jobs.id = tasks.job WHERE tasks.job = $1 AND tasks.id = $2",
    )
    .bind(key.job.as_str())
    .bind(key.task.as_str())
    .bind(&worker.0)
    .bind(now.0)
    .execute(db)
    .await
    .map_err(fault::on("record an attempt", "attempts", key))?;
    Ok(())
}

/// What the task needs, in the order of the plan, each with the attempt that counts.
async fn inputs(db: &mut Connection, key: &TaskKey) -> Result<Vec<(TaskId, u32)>> {
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
    Ok(rows.iter().map(input).collect::<shared::Result<_>>()?)
}

async fn job(db: &mut Connection, key: &TaskKey) -> Result<(Order, Terms, bool)> {
    let found = sqlx::query(
        "SELECT CAST(ordered AS TEXT) AS ordered, terms, priority, started IS NULL AS first FROM jobs WHERE id = $1",
    )
    .bind(key.job.as_str())
    .fetch_one(db)
    .await
    .map_err(fault::on("look up the order of a job", "jobs", &key.job))?;
    let found = Named { table: "jobs", name: &key.job, row: &found };
    let terms = Terms { priority: found.priority()?, ..found.json("terms")? };
    Ok((found.json("ordered")?, terms, found.flag("first")?))
}

/// Records that a job was begun, unless somebody did meanwhile.
///
/// A transaction of its own after the claim: a claim holds the task's row, and must not wait for the job's. Should the
/// process die between the two, the next claim on the job records it.
pub(super) async fn start(db: &mut Connection, lease: &Lease, now: Timestamp) -> Result<()> {
    let job = &lease.key.job;
    let started = sqlx::query("UPDATE jobs SET started = $2 WHERE id = $1 AND started IS NULL AND state = 'running'")
        .bind(job.as_str())
        .bind(now.0)
        .execute(&mut *db)
        .await
        .map_err(fault::on("record the start of a job", "jobs", job))?;
    if started.rows_affected() == 1 {
        let data = json!({ "task": lease.key.task, "worker": lease.worker });
        news::tell(db, &[News { job: job.clone(), kind: "job.started", data }], now).await?;
    }
    Ok(())
}

pub(super) async fn renew(
    db: &Pool,
    lease: &Lease,
    pulse: &Pulse,
    until: Timestamp,
    now: Timestamp,
) -> Result<Renewal> {
    let renewed = sqlx::query(
        "UPDATE tasks SET lease_until = $4, frames_done = $5, moved = CASE WHEN $6 > steps THEN $7 ELSE moved END, steps = $6,
                stuck_ms = $8
         WHERE job = $1 AND id = $2 AND attempt = $3 AND state = 'leased'",
    )
    .bind(lease.key.job.as_str())
    .bind(lease.key.task.as_str())
    .bind(i64::from(lease.attempt))
    .bind(until.0)
    .bind(pulse.frames_done as i64)
    .bind(pulse.steps as i64)
    .bind(now.0)
    .bind(stuck_ms(pulse.usual_ms))
    .execute(db)
    .await
    .map_err(fault::on("renew a lease", "tasks", &lease.key))?;
    Ok(if renewed.rows_affected() == 1 { Renewal::Kept } else { Renewal::Lost })
}

/// How long work may make no step when `usual_ms` pass between two.
pub(super) fn stuck_ms(usual_ms: u64) -> i64 {
    let usual = Duration::from_millis(usual_ms.min(u64::from(u32::MAX)));
    i64::try_from(stuck_after(usual).as_millis()).unwrap_or(i64::MAX)
}
