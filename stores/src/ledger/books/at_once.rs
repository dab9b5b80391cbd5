//! Taking and completing, each in one statement, where the database has functions for them
//! ([`dialect::AT_ONCE`](super::dialect::AT_ONCE)).
//!
//! The functions are in the migrations. What they do is said step by step in [`take`](super::take), [`lease`](super::lease),
//! [`outcome`](super::outcome) and [`readied`](super::readied); the same cases hold for both.

use std::time::Duration;

use shared::{
    JobId, Name, Order, Reach, TaskId, TaskKey, TaskKind, TaskNode, TaskState, Terms, Timestamp,
    ports::{Lease, WorkerId, crew::GONE_AFTER},
    task::{Lane, Step},
};

use super::{
    dialect::{Connection, Row},
    fault::{self, Result},
    lease::{Claimed, stuck_ms},
    row::{self, Named},
    steps,
};

pub(super) async fn take(
    db: &mut Connection,
    worker: &WorkerId,
    reach: &Reach,
    held: &[JobId],
    term: Duration,
    now: Timestamp,
) -> Result<Option<Claimed>> {
    let until = now.after(term);
    let found = sqlx::query("SELECT * FROM take_task($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
        // No name of a lane or a pool holds a comma, nor does the id of a job.
        .bind(reach.lanes.iter().copied().map(Lane::name).collect::<Vec<_>>().join(","))
        .bind(reach.pools.iter().map(Name::as_str).collect::<Vec<_>>().join(","))
        .bind(i64::from(reach.gpu_memory))
        .bind(&worker.0)
        .bind(held.iter().map(JobId::as_str).collect::<Vec<_>>().join(","))
        .bind(now.0.saturating_sub(GONE_AFTER.as_millis() as i64))
        .bind(now.0)
        .bind(until.0)
        .bind(stuck_ms(0))
        .bind(steps::after(TaskState::Ready, Step::Claim)?.name())
        .fetch_optional(db)
        .await
        .map_err(fault::to("take a released task"))?;
    Ok(found.map(|found| claimed(&found, worker, until)).transpose()?)
}

fn claimed(found: &Row, worker: &WorkerId, until: Timestamp) -> shared::Result<Claimed> {
    let key = row::full_key(found)?;
    let task = row::of_task(&key, found);
    let inputs = match task.maybe_text("inputs")? {
        Some(_) => task.json("inputs")?,
        None => Vec::new(),
    };
    let needs = inputs.iter().map(|(id, _)| id).cloned().collect();
    let (attempt, node) = (task.number("attempt")?, TaskNode { id: key.task.clone(), kind: task.json("kind")?, needs });
    let job = Named { table: "jobs", name: &key.job, row: found };
    let order: Order = job.json("ordered")?;
    let (terms, first) = (Terms { priority: job.priority()?, ..job.json("terms")? }, job.flag("first")?);
    Ok(Claimed { lease: Lease { key, attempt, worker: worker.clone(), until, node, order, terms, inputs }, first })
}

/// What became ready; nothing when the lease does not hold any more, or when more ends with the task than the function knows of: the
/// steps one by one then do it or say why not.
pub(super) async fn complete(db: &mut Connection, lease: &Lease, now: Timestamp) -> Result<Option<Vec<TaskKey>>> {
    let key = &lease.key;
    if lease.node.kind == TaskKind::Film {
        return Ok(None);
    }
    let rows = sqlx::query("SELECT * FROM complete_task($1, $2, $3, $4, $5, $6, $7)")
        .bind(key.job.as_str())
        .bind(key.task.as_str())
        .bind(i64::from(lease.attempt))
        .bind(&lease.worker.0)
        .bind(now.0)
        .bind(steps::after(TaskState::Leased, Step::Complete)?.name())
        .bind(steps::after(TaskState::Waiting, Step::NeedsMet)?.name())
        .fetch_all(db)
        .await
        .map_err(fault::on("complete a task", "tasks", key))?;
    let Some((_, needing)) = rows.split_first() else { return Ok(None) };
    let mut readied = Vec::new();
    for found in needing {
        let found = row::of_task(key, found);
        if found.number::<u64>("lacking")? == 0 {
            readied.push(TaskKey { job: key.job.clone(), task: TaskId::from_text(found.text("needing")?) });
        }
    }
    readied.sort();
    Ok(Some(readied))
}
