//! A job enters the ledger.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use shared::{
    Demand, JobId, JobState, Order, Plan, TaskId, TaskNode, TaskState, Terms, Timestamp, memory_class,
    ports::Submitted, task::Step,
};

use super::{
    dialect::{Connection, json as json_column, objects},
    fault::{self, Result},
    news::{self, News},
    preview,
    row::to_json,
    steps,
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
    let direct = direct_needs(plan);
    insert_tasks(db, &id, terms, plan, &direct, now).await?;
    insert_needs(db, &id, plan, &direct).await?;
    if let Some(preview) = &terms.preview {
        preview::mark(db, &id, &plan.needed_for(&plan.shown(preview)?), terms.approve).await?;
    }
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
        "INSERT INTO jobs (id, ordered, frames, state, submitted, terms, tenant, priority, most_at_once, external_id, tasks,
                           keep_latents, keep_film)
         VALUES ($1, ",
        json_column!("$2"),
        ", $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO NOTHING"
    ))
    .bind(id.as_str())
    .bind(to_json(order)?)
    .bind(plan.counted()?.iter().sum::<u64>() as i64)
    .bind(JobState::Running.name())
    .bind(now.0)
    .bind(to_json(terms)?)
    .bind(terms.tenant.as_str())
    .bind(i64::from(terms.priority.number()))
    .bind(terms.most_at_once.map(i64::from))
    .bind(terms.external_id.as_deref())
    .bind(plan.tasks.len() as i64)
    .bind(terms.keep_latents.map(|span| span.duration().as_millis() as i64))
    .bind(terms.keep_film.map(|span| span.duration().as_millis() as i64))
    .execute(db)
    .await
    .map_err(fault::on("submit a job", "jobs", id))?;
    Ok(inserted.rows_affected() == 1)
}

/// A job may have a hundred thousand tasks, so each statement takes many of them, as JSON, which both databases read.
async fn insert_tasks(
    db: &mut Connection,
    id: &JobId,
    terms: &Terms,
    plan: &Plan,
    direct: &[HashSet<&TaskId>],
    now: Timestamp,
) -> Result<()> {
    let (rests, counted) = (plan.rests(), plan.counted()?);
    let (waiting, ready) = (TaskState::Waiting, steps::after(TaskState::Waiting, Step::NeedsMet)?);
    let row = |(ordinal, node): (usize, &TaskNode)| {
        let demand = Demand::new(node.kind.lane(), terms.pool.clone(), terms.gpu_memory);
        json!({
            "id": node.id, "ordinal": ordinal, "kind": node.kind, "lane": demand.lane,
            "gpu_memory": demand.gpu_memory, "memory_class": memory_class(demand.gpu_memory),
            "frames": counted[ordinal], "rest": rests[ordinal],
            "size": node.kind.frames().map_or(0, |frames| frames.len()),
            "lacks": direct[ordinal].len(), "state": if node.needs.is_empty() { ready } else { waiting },
        })
    };
    let rows: Vec<_> = plan.tasks.iter().enumerate().map(row).collect();
    for slice in rows.chunks(SLICE) {
        sqlx::query(concat!(
            "INSERT INTO tasks (job, id, ordinal, kind, lane, frames, gpu_memory, memory_class, rest, size, lacks, state, tenant, pool,
                                submitted, readied, priority)
             SELECT $1, value ->> 'id', CAST(value ->> 'ordinal' AS BIGINT), ",
            json_column!("value ->> 'kind'"),
            ", value ->> 'lane', CAST(value ->> 'frames' AS BIGINT), CAST(value ->> 'gpu_memory' AS BIGINT),
               CAST(value ->> 'memory_class' AS BIGINT),
               CAST(value ->> 'rest' AS BIGINT), CAST(value ->> 'size' AS BIGINT), CAST(value ->> 'lacks' AS BIGINT),
               value ->> 'state', $3, $4, $5, $5, $6 FROM ",
            objects!("$2")
        ))
        .bind(id.as_str())
        .bind(to_json(slice)?)
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

/// For each task, the needs that no other need of it needs itself. All segments and parts need what is prepared, but only the
/// first segment of a chain has to be told when it is.
fn direct_needs(plan: &Plan) -> Vec<HashSet<&TaskId>> {
    let needs: HashMap<&TaskId, &[TaskId]> = plan.tasks.iter().map(|node| (&node.id, &node.needs[..])).collect();
    let mut all = Vec::with_capacity(plan.tasks.len());
    for node in &plan.tasks {
        let beyond: HashSet<&TaskId> =
            node.needs.iter().filter_map(|need| needs.get(need)).copied().flatten().collect();
        all.push(node.needs.iter().filter(|need| !beyond.contains(need)).collect());
    }
    all
}

async fn insert_needs(db: &mut Connection, id: &JobId, plan: &Plan, direct: &[HashSet<&TaskId>]) -> Result<()> {
    let mut rows = Vec::new();
    for (node, direct) in plan.tasks.iter().zip(direct) {
        let row = |need| json!({ "task": node.id, "need": need, "direct": direct.contains(need) });
        rows.extend(node.needs.iter().map(row));
    }
    for slice in rows.chunks(SLICE) {
        sqlx::query(concat!(
            "INSERT INTO needs (job, task, need, direct)
             SELECT $1, value ->> 'task', value ->> 'need', CAST(value ->> 'direct' AS BOOLEAN) FROM ",
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
