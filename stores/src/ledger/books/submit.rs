//! A job enters the ledger.

use serde_json::json;
use shared::{JobId, JobState, Order, Plan, Route, TaskKind, TaskNode, TaskState, Terms, Timestamp, ports::Submitted};

use super::{
    dialect::{Connection, json as json_column, objects},
    fault::{self, Result},
    news::{self, News},
    readied,
    row::to_json,
};

/// Tasks, and needs, that one statement inserts.
const SLICE: usize = 2000;

pub(super) async fn submit(
    db: &mut Connection,
    order: &Order,
    terms: &Terms,
    plan: &Plan,
    now: Timestamp,
) -> Result<Submitted> {
    plan.check()?;
    let id = order.job_id_for(&terms.tenant);
    if !insert_job(db, &id, order, terms, plan, now).await? {
        return Ok(Submitted::Known);
    }
    for (name, value) in &terms.labels {
        sqlx::query("INSERT INTO labels (job, name, value) VALUES ($1, $2, $3)")
            .bind(id.as_str())
            .bind(name)
            .bind(value)
            .execute(&mut *db)
            .await
            .map_err(fault::on("submit a label", "labels", format_args!("{id}/{name}")))?;
    }
    insert_tasks(db, &id, terms, plan, now).await?;
    insert_needs(db, &id, plan).await?;
    readied::needs_met(db, &id, None, now).await?;
    let data = json!({ "frames": plan.shape.frames, "tasks": plan.tasks.len(), "external_id": terms.external_id });
    news::tell(db, &[News { job: id, kind: "job.accepted", data }], now).await?;
    Ok(Submitted::New)
}

async fn insert_job(
    db: &mut Connection,
    id: &JobId,
    order: &Order,
    terms: &Terms,
    plan: &Plan,
    now: Timestamp,
) -> Result<bool> {
    let inserted = sqlx::query(concat!(
        "INSERT INTO jobs (id, ordered, frames, state, submitted, terms, tenant, priority, most_at_once, external_id, tasks)
         VALUES ($1, ",
        json_column!("$2"),
        ", $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING"
    ))
    .bind(id.as_str())
    .bind(to_json(order)?)
    .bind(plan.shape.frames as i64)
    .bind(JobState::Running.name())
    .bind(now.0)
    .bind(to_json(terms)?)
    .bind(terms.tenant.as_str())
    .bind(i64::from(terms.priority.number()))
    .bind(terms.most_at_once.map(i64::from))
    .bind(terms.external_id.as_deref())
    .bind(plan.tasks.len() as i64)
    .execute(db)
    .await
    .map_err(fault::on("submit a job", "jobs", id))?;
    Ok(inserted.rows_affected() == 1)
}

/// A job may have a hundred thousand tasks, so each statement takes many of them, as JSON, which both databases read.
async fn insert_tasks(db: &mut Connection, id: &JobId, terms: &Terms, plan: &Plan, now: Timestamp) -> Result<()> {
    let rests = plan.rests();
    let row = |(ordinal, node): (usize, &TaskNode)| {
        // A bridge renders frames again that its chains rendered before; they are not counted twice.
        let counted = matches!(node.kind, TaskKind::Segment { .. }).then(|| node.kind.frames()).flatten();
        let route = Route::new(node.kind.lane(), terms.pool.clone(), terms.gpu_memory);
        json!({
            "id": node.id, "ordinal": ordinal, "kind": node.kind, "lane": route.lane, "gpu_memory": route.memory,
            "frames": counted.map_or(0, |frames| frames.len()), "rest": rests[ordinal],
            "size": node.kind.frames().map_or(0, |frames| frames.len()),
        })
    };
    let rows: Vec<_> = plan.tasks.iter().enumerate().map(row).collect();
    for slice in rows.chunks(SLICE) {
        sqlx::query(concat!(
            "INSERT INTO tasks (job, id, ordinal, kind, lane, frames, gpu_memory, rest, size, state, tenant, pool, submitted,
                                priority)
             SELECT $1, value ->> 'id', CAST(value ->> 'ordinal' AS BIGINT), ",
            json_column!("value ->> 'kind'"),
            ", value ->> 'lane', CAST(value ->> 'frames' AS BIGINT), CAST(value ->> 'gpu_memory' AS BIGINT),
               CAST(value ->> 'rest' AS BIGINT), CAST(value ->> 'size' AS BIGINT), $3, $4, $5, $6, $7 FROM ",
            objects!("$2")
        ))
        .bind(id.as_str())
        .bind(to_json(slice)?)
        .bind(TaskState::Waiting.name())
        .bind(terms.tenant.as_str())
        .bind(terms.pool.as_str())
        .bind(now.0)
        .bind(i64::from(terms.priority.number()))
        .execute(&mut *db)
        .await
        .map_err(fault::on("submit the tasks of a job", "tasks", id))?;
    }
    Ok(())
}

async fn insert_needs(db: &mut Connection, id: &JobId, plan: &Plan) -> Result<()> {
    let needs = |node: &TaskNode| {
        let task = node.id.clone();
        node.needs.clone().into_iter().map(move |need| json!({ "task": task, "need": need }))
    };
    let rows: Vec<_> = plan.tasks.iter().flat_map(needs).collect();
    for slice in rows.chunks(SLICE) {
        sqlx::query(concat!(
            "INSERT INTO needs (job, task, need) SELECT $1, value ->> 'task', value ->> 'need' FROM ",
            objects!("$2")
        ))
        .bind(id.as_str())
        .bind(to_json(slice)?)
        .execute(&mut *db)
        .await
        .map_err(fault::on("submit the needs of a job", "needs", id))?;
    }
    Ok(())
}
