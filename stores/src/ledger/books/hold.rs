//! Jobs are paused, resumed, drained, and made more or less urgent.

use serde_json::json;
use shared::{Hold, JobId, JobState, Priority, Timestamp};

use super::{
    dialect::{Connection, locked},
    fault::{self, Result},
    news::{self, News},
    preview,
    row::{Named, is_held},
    steps,
};

pub(super) async fn hold(db: &mut Connection, job: &JobId, hold: Hold, now: Timestamp) -> Result<bool> {
    let Some((JobState::Running, before)) = steps::hold_job(db, job).await? else {
        return Ok(false);
    };
    let hold = match hold {
        Hold::Paused | Hold::Draining => hold,
        // A job that is resumed still waits for its preview.
        Hold::None | Hold::Preview | Hold::Approval => preview::hold_of(db, job).await?,
    };
    if before == hold {
        return Ok(true);
    }
    sqlx::query("UPDATE jobs SET hold = $2 WHERE id = $1")
        .bind(job.as_str())
        .bind(hold.name())
        .execute(&mut *db)
        .await
        .map_err(fault::on("hold a job", "jobs", job))?;
    call_back(db, job).await?;
    let kind = match hold {
        Hold::None | Hold::Preview | Hold::Approval => "job.resumed",
        Hold::Paused => "job.paused",
        Hold::Draining => "job.draining",
    };
    news::tell(db, &[News { job: job.clone(), kind, data: json!({}) }], now).await?;
    Ok(true)
}

/// Holds the ready tasks of a job as the job is held now. Tasks that become ready later look at their job; those that are leased are
/// finished.
pub(super) async fn call_back(db: &mut Connection, job: &JobId) -> Result<()> {
    sqlx::query(concat!("UPDATE tasks SET released = 0, held = ", is_held!(), " WHERE job = $1 AND state = 'ready'"))
        .bind(job.as_str())
        .execute(db)
        .await
        .map_err(fault::on("call back the tasks of a job", "tasks", job))?;
    Ok(())
}

pub(super) async fn set_priority(db: &mut Connection, job: &JobId, priority: Priority, now: Timestamp) -> Result<bool> {
    let query = concat!("SELECT priority FROM jobs WHERE id = $1 AND state = 'running'", locked!("jobs"));
    let found = sqlx::query(query).bind(job.as_str()).fetch_optional(&mut *db).await.map_err(fault::on(
        "look up a job",
        "jobs",
        job,
    ))?;
    let Some(found) = found else { return Ok(false) };
    let before = Named { table: "jobs", name: job, row: &found }.priority()?;
    if before == priority {
        return Ok(true);
    }
    let number = i64::from(priority.number());
    for (query, table) in [
        ("UPDATE jobs SET priority = $2 WHERE id = $1", "jobs"),
        ("UPDATE tasks SET priority = $2 WHERE job = $1 AND state IN ('ready', 'leased')", "tasks"),
    ] {
        sqlx::query(query).bind(job.as_str()).bind(number).execute(&mut *db).await.map_err(fault::on(
            "change the priority of a job",
            table,
            job,
        ))?;
    }
    let data = json!({ "from": before, "to": priority });
    news::tell(db, &[News { job: job.clone(), kind: "job.priority_changed", data }], now).await?;
    Ok(true)
}

/// Ends draining jobs that have nothing under way any more, in the order of their ids.
pub(super) async fn drained(db: &mut Connection, now: Timestamp) -> Result<Vec<JobId>> {
    let rows = sqlx::query(concat!(
        "SELECT id FROM jobs WHERE state = 'running' AND hold = 'draining'
           AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.job = jobs.id AND tasks.state = 'leased')
         ORDER BY id LIMIT 1000",
        locked!("jobs")
    ))
    .fetch_all(&mut *db)
    .await
    .map_err(fault::to("look up draining jobs"))?;
    let (mut drained, mut news) = (Vec::new(), Vec::new());
    for found in &rows {
        let job = Named { table: "jobs", name: "of any id", row: found }.job("id")?;
        // Nothing of the job can be taken: its tasks are held since before it was seen here.
        news.extend(steps::end_job(db, &job, JobState::Cancelled, Some("drained"), now).await?);
        drained.push(job);
    }
    news::tell(db, &news, now).await?;
    Ok(drained)
}
