//! Where a job stands among the others.

use std::collections::BTreeSet;

use shared::{Demand, JobId, TaskState, Timestamp, ports::records::Standing};

use super::{
    dialect::{Pool, Row},
    fault::{self, Result},
    row::Named,
};

/// Tasks that come before a job's are counted up to this many.
const MOST_AHEAD: i64 = 100_000;

pub(super) async fn standing(db: &Pool, job: &JobId, now: Timestamp) -> Result<Standing> {
    let rows = sqlx::query(
        "SELECT state, lane, pool, gpu_memory, released > 0 AS released, not_before > $2 AS backing_off, COUNT(*) AS tasks,
                MIN(not_before) AS earliest, MAX(rest) AS longest,
                CAST(SUM(CASE WHEN frames > frames_done THEN frames - frames_done ELSE 0 END) AS BIGINT) AS frames_left
         FROM tasks WHERE job = $1 AND state IN ('waiting', 'ready', 'leased')
         GROUP BY state, lane, pool, gpu_memory, released > 0, not_before > $2",
    )
    .bind(job.as_str())
    .bind(now.0)
    .fetch_all(db)
    .await
    .map_err(fault::on("look up where a job stands", "tasks", job))?;
    let mut standing = Standing::default();
    let mut demands = BTreeSet::new();
    for found in &rows {
        add(&mut standing, &mut demands, &Named { table: "tasks", name: job, row: found })?;
    }
    standing.demands = demands.into_iter().collect();
    standing.ahead = ahead(db, job).await?;
    Ok(standing)
}

fn add(standing: &mut Standing, demands: &mut BTreeSet<Demand>, row: &Named<'_, &JobId>) -> shared::Result<()> {
    let count: u64 = row.number("tasks")?;
    standing.frames_left += row.number::<u64>("frames_left")?;
    standing.longest_rest = standing.longest_rest.max(row.number("longest")?);
    match row.word("state", TaskState::named)? {
        TaskState::Leased => standing.leased += count,
        TaskState::Ready => {
            demands.insert(row.demand()?);
            if row.flag("backing_off")? {
                let earliest = row.time("earliest")?;
                let (tasks, until) = standing.backing_off.unwrap_or((0, earliest));
                standing.backing_off = Some((tasks + count, until.min(earliest)));
            } else if row.flag("released")? {
                standing.released += count;
            } else {
                standing.ready += count;
            }
        }
        _ => standing.waiting += count,
    }
    Ok(())
}

/// Ready tasks of other jobs that come before this one's first: in each lane and pool in which it has one that is not released.
async fn ahead(db: &Pool, job: &JobId) -> Result<u64> {
    let rows = sqlx::query(
        "SELECT lane, pool, priority, rest, submitted FROM tasks
         WHERE job = $1 AND state = 'ready' AND released = 0 AND held = FALSE
         ORDER BY priority DESC, rest DESC, ordinal",
    )
    .bind(job.as_str())
    .fetch_all(db)
    .await
    .map_err(fault::on("look up the ready tasks of a job", "tasks", job))?;
    let (mut seen, mut ahead) = (BTreeSet::new(), 0);
    for found in &rows {
        let row = Named { table: "tasks", name: job, row: found };
        if seen.insert((row.text("lane")?, row.text("pool")?)) {
            ahead += before(db, job, found).await?;
        }
    }
    Ok(ahead)
}

async fn before(db: &Pool, job: &JobId, first: &Row) -> Result<u64> {
    let first = Named { table: "tasks", name: job, row: first };
    let found = sqlx::query(
        "SELECT COUNT(*) AS ahead FROM (
             SELECT 1 AS one FROM tasks
             WHERE state = 'ready' AND released = 0 AND held = FALSE AND lane = $2 AND pool = $3 AND job <> $1
               AND (priority > $4 OR (priority = $4 AND (rest > $5 OR (rest = $5 AND (submitted < $6
                    OR (submitted = $6 AND job < $1))))))
             LIMIT $7) AS before
         ",
    )
    .bind(job.as_str())
    .bind(first.text("lane")?)
    .bind(first.text("pool")?)
    .bind(first.number::<i64>("priority")?)
    .bind(first.number::<i64>("rest")?)
    .bind(first.number::<i64>("submitted")?)
    .bind(MOST_AHEAD)
    .fetch_one(db)
    .await
    .map_err(fault::on("count the tasks ahead of a job", "tasks", job))?;
    Ok(Named { table: "tasks", name: job, row: &found }.number("ahead")?)
}
