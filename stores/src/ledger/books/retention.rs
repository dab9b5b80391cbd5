//! What ended jobs leave is removed when its time is up.

use serde_json::json;
use shared::{
    JobId, Timestamp,
    ports::retention::{GRACE, Kind},
    task::Step,
};

use super::{
    access,
    dialect::{Connection, Pool},
    fault::{self, Result},
    news::{self, News},
    row::Named,
    steps,
};

/// Who the audit names.
const WHO: &str = "retention";

pub(super) async fn outdated(db: &Pool, limit: u32, now: Timestamp) -> Result<Vec<(JobId, Kind)>> {
    let mut outdated = Vec::new();
    for kind in Kind::ALL {
        // A running job that renders frames of another anew names the other's blobs in its order.
        let query = match kind {
            Kind::Latents => {
                "SELECT id FROM jobs WHERE keep_latents IS NOT NULL AND latents_gone IS NULL AND ended IS NOT NULL
                    AND ended + CASE WHEN keep_latents > $2 THEN keep_latents ELSE $2 END <= $1
                    AND NOT EXISTS (SELECT 1 FROM jobs AS other WHERE other.state = 'running'
                        AND CAST(other.ordered AS TEXT) LIKE '%jobs/' || jobs.id || '/%')
                 ORDER BY ended LIMIT $3"
            }
            Kind::Film => {
                "SELECT id FROM jobs WHERE keep_film IS NOT NULL AND film_gone IS NULL AND ended IS NOT NULL
                    AND ended + CASE WHEN keep_film > $2 THEN keep_film ELSE $2 END <= $1
                    AND NOT EXISTS (SELECT 1 FROM jobs AS other WHERE other.state = 'running'
                        AND CAST(other.ordered AS TEXT) LIKE '%jobs/' || jobs.id || '/%')
                 ORDER BY ended LIMIT $3"
            }
        };
        let rows = sqlx::query(query)
            .bind(now.0)
            .bind(GRACE.as_millis() as i64)
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
            .map_err(fault::to("look up jobs whose time is up"))?;
        for found in &rows {
            outdated.push((Named { table: "jobs", name: "of any id", row: found }.job("id")?, kind));
        }
    }
    Ok(outdated)
}

pub(super) async fn removed(db: &mut Connection, job: &JobId, kind: Kind, now: Timestamp) -> Result<bool> {
    let query = match kind {
        Kind::Latents => {
            "UPDATE jobs SET latents_gone = $2 WHERE id = $1 AND ended IS NOT NULL AND latents_gone IS NULL RETURNING tenant"
        }
        Kind::Film => {
            "UPDATE jobs SET film_gone = $2 WHERE id = $1 AND ended IS NOT NULL AND film_gone IS NULL RETURNING tenant"
        }
    };
    let found = sqlx::query(query).bind(job.as_str()).bind(now.0).fetch_optional(&mut *db).await.map_err(fault::on(
        "record what was removed of a job",
        "jobs",
        job,
    ))?;
    let Some(found) = found else { return Ok(false) };
    let tenant = Named { table: "jobs", name: job, row: &found }.name("tenant")?;
    access::audit(db, WHO, &tenant, kind.event(), job.as_str(), now).await?;
    news::tell(db, &[News { job: job.clone(), kind: kind.event(), data: json!({}) }], now).await?;
    Ok(true)
}

/// Nothing is done any more of a job that is taken up again and whose work was removed.
pub(super) async fn forget(db: &mut Connection, job: &JobId) -> Result<()> {
    let forgotten = sqlx::query(
        "UPDATE jobs SET latents_gone = NULL, film_gone = NULL, tasks_done = 0, frames_done = 0
         WHERE id = $1 AND (latents_gone IS NOT NULL OR film_gone IS NOT NULL)",
    )
    .bind(job.as_str())
    .execute(&mut *db)
    .await
    .map_err(fault::on("forget what was removed of a job", "jobs", job))?;
    if forgotten.rows_affected() == 0 {
        return Ok(());
    }
    steps::step_all(db, job, Step::Redo).await?;
    sqlx::query(
        "UPDATE tasks SET frames_done = 0, lacks = (SELECT COUNT(*) FROM needs
             WHERE needs.job = tasks.job AND needs.task = tasks.id AND needs.direct = TRUE)
         WHERE job = $1",
    )
    .bind(job.as_str())
    .execute(db)
    .await
    .map_err(fault::on("forget the tasks of a job", "tasks", job))?;
    Ok(())
}
