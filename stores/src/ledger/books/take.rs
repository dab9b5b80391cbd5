//! A free worker takes the best released task that it can work on.

use std::time::Duration;

use shared::{
    JobId, Reach, TaskKey, Timestamp,
    ports::{WorkerId, crew::GONE_AFTER},
    task::Lane,
};

use super::{
    dialect::{Connection, locked_unless_held, texts},
    fault::{self, Result},
    lease::{self, Claimed},
    row::{self, to_json},
};

pub(super) async fn take(
    db: &mut Connection,
    worker: &WorkerId,
    reach: &Reach,
    held: &[JobId],
    term: Duration,
    now: Timestamp,
) -> Result<Option<Claimed>> {
    match best(db, worker, reach, held, now).await? {
        Some(key) => lease::claim(db, &key, worker, term, now).await,
        None => Ok(None),
    }
}

/// The best released task that nobody else is taking at this moment.
///
/// A task that this worker failed is left to others as long as one of them lives who can take it and did not fail it too.
async fn best(
    db: &mut Connection,
    worker: &WorkerId,
    reach: &Reach,
    held: &[JobId],
    now: Timestamp,
) -> Result<Option<TaskKey>> {
    let lane = |lane: Lane| reach.lanes.contains(&lane).then(|| lane.name());
    let found = sqlx::query(concat!(
        "SELECT tasks.job, tasks.id FROM tasks
         WHERE tasks.state = 'ready' AND tasks.released > 0 AND tasks.lane IN ($1, $2)
           AND tasks.pool IN (SELECT value FROM ",
        texts!("$3"),
        ") AND tasks.gpu_memory <= $4 AND tasks.not_before <= $5
           AND (tasks.failures = 0
                OR NOT EXISTS (
                    SELECT 1 FROM attempts
                    WHERE attempts.job = tasks.job AND attempts.task = tasks.id AND attempts.attempt > tasks.forgiven
                      AND attempts.worker = $6 AND attempts.outcome IN ('failed', 'lost', 'stuck'))
                OR NOT EXISTS (
                    SELECT 1 FROM workers
                    WHERE workers.id <> $6 AND workers.seen >= $7 AND workers.state IN ('idle', 'busy')
                      AND workers.gpu_memory >= tasks.gpu_memory
                      AND workers.lanes LIKE '%,' || tasks.lane || ',%' AND workers.pools LIKE '%,' || tasks.pool || ',%'
                      AND NOT EXISTS (
                          SELECT 1 FROM attempts
                          WHERE attempts.job = tasks.job AND attempts.task = tasks.id
                            AND attempts.attempt > tasks.forgiven AND attempts.worker = workers.id
                            AND attempts.outcome IN ('failed', 'lost', 'stuck'))))
         ORDER BY tasks.priority DESC, CASE WHEN tasks.job IN (SELECT value FROM ",
        texts!("$8"),
        ") THEN 0 ELSE 1 END, tasks.released, tasks.place, tasks.job, tasks.ordinal LIMIT 1",
        locked_unless_held!("tasks")
    ))
    .bind(lane(Lane::Render))
    .bind(lane(Lane::Stitch))
    .bind(to_json(&reach.pools)?)
    .bind(i64::from(reach.gpu_memory))
    .bind(now.0)
    .bind(&worker.0)
    .bind(now.0.saturating_sub(GONE_AFTER.as_millis() as i64))
    .bind(to_json(held)?)
    .fetch_optional(db)
    .await
    .map_err(fault::to("look for a released task"))?;
    Ok(found.as_ref().map(row::full_key).transpose()?)
}
