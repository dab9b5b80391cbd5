//! A job enters the ledger.

use shared::{Error, JobState, Order, Plan, Result, TaskKind, TaskNode, TaskState, Timestamp, ports::Submitted};
use sqlx::SqliteConnection;

use super::{fault, steps};

pub(super) async fn submit(db: &mut SqliteConnection, order: &Order, plan: &Plan, now: Timestamp) -> Result<Submitted> {
    plan.check()?;
    let id = order.job_id();
    let ordered = json(order, &id)?;
    let inserted = sqlx::query(
        "INSERT INTO jobs (id, ordered, frames, state, submitted) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(ordered)
    .bind(plan.shape.frames as i64)
    .bind(JobState::Running.name())
    .bind(now.0)
    .execute(&mut *db)
    .await
    .map_err(fault::on("submit a job", "jobs", &id))?;
    if inserted.rows_affected() == 0 {
        return Ok(Submitted::Known);
    }
    for (ordinal, node) in plan.tasks.iter().enumerate() {
        insert(db, id.as_str(), ordinal, node).await?;
    }
    steps::needs_met(db, &id, None).await?;
    Ok(Submitted::New)
}

async fn insert(db: &mut SqliteConnection, job: &str, ordinal: usize, node: &TaskNode) -> Result<()> {
    // A bridge renders frames again that its chains rendered before; they are not counted twice.
    let counted = matches!(node.kind, TaskKind::Segment { .. }).then(|| node.kind.frames()).flatten();
    sqlx::query("INSERT INTO tasks (job, id, ordinal, kind, lane, frames, state) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(job)
        .bind(node.id.as_str())
        .bind(ordinal as i64)
        .bind(json(&node.kind, &node.id)?)
        .bind(node.kind.lane().name())
        .bind(counted.map_or(0, |frames| frames.len()) as i64)
        .bind(TaskState::Waiting.name())
        .execute(&mut *db)
        .await
        .map_err(fault::on("submit a task", "tasks", format_args!("{job}/{}", node.id)))?;
    for need in &node.needs {
        sqlx::query("INSERT INTO needs (job, task, need) VALUES ($1, $2, $3)")
            .bind(job)
            .bind(node.id.as_str())
            .bind(need.as_str())
            .execute(&mut *db)
            .await
            .map_err(fault::on("submit a need", "needs", format_args!("{job}/{} on {need}", node.id)))?;
    }
    Ok(())
}

fn json(value: &impl serde::Serialize, of: &impl std::fmt::Display) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::world(format!("{of} has no form as JSON")).from_source(e))
}
