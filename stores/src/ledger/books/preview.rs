//! Previews: what they need is rendered first, and the rest waits for it.

use serde_json::json;
use shared::{Hold, JobId, JobState, TaskId, Timestamp};

use super::{
    dialect::{Connection, locked, one_of},
    fault::{self, Result},
    hold,
    news::{self, News},
    row::{Named, to_json},
    steps,
};

/// Jobs that one call looks at.
const MOST: i64 = 1000;

/// Marks what a preview needs, and holds everything else of the job.
pub(super) async fn mark(db: &mut Connection, job: &JobId, tasks: &[TaskId], approve: bool) -> Result<()> {
    sqlx::query(concat!("UPDATE tasks SET preview = TRUE WHERE job = $1 AND ", one_of!("id", "$2")))
        .bind(job.as_str())
        .bind(to_json(tasks)?)
        .execute(&mut *db)
        .await
        .map_err(fault::on("mark the preview of a job", "tasks", job))?;
    sqlx::query(
        "UPDATE jobs SET preview = 'rendering', approve = $2, hold = CASE hold WHEN 'none' THEN 'preview' ELSE hold END
         WHERE id = $1",
    )
    .bind(job.as_str())
    .bind(approve)
    .execute(&mut *db)
    .await
    .map_err(fault::on("begin the preview of a job", "jobs", job))?;
    hold::call_back(db, job).await
}

/// The same for a job that is known already.
pub(super) async fn begin(db: &mut Connection, job: &JobId, tasks: &[TaskId], approve: bool) -> Result<bool> {
    let Some((JobState::Running, _)) = steps::hold_job(db, job).await? else { return Ok(false) };
    mark(db, job, tasks, approve).await?;
    Ok(true)
}

/// What holds a job that nobody paused. The caller holds the job's row.
pub(super) async fn hold_of(db: &mut Connection, job: &JobId) -> Result<Hold> {
    let found = sqlx::query("SELECT preview FROM jobs WHERE id = $1")
        .bind(job.as_str())
        .fetch_one(db)
        .await
        .map_err(fault::on("look up the preview of a job", "jobs", job))?;
    Ok(match (Named { table: "jobs", name: job, row: &found }).text("preview")?.as_str() {
        "rendering" => Hold::Preview,
        "waiting" => Hold::Approval,
        _ => Hold::None,
    })
}

/// Jobs whose preview is made: they go on, or wait until somebody approves it.
pub(super) async fn previewed(db: &mut Connection, now: Timestamp) -> Result<Vec<JobId>> {
    let rows = sqlx::query(concat!(
        "SELECT id, approve FROM jobs WHERE preview = 'rendering' AND state = 'running'
           AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.job = jobs.id AND tasks.preview = TRUE AND tasks.state <> 'done')
         ORDER BY id LIMIT $1",
        locked!("jobs")
    ))
    .bind(MOST)
    .fetch_all(&mut *db)
    .await
    .map_err(fault::to("look up previews"))?;
    let (mut ready, mut news) = (Vec::new(), Vec::new());
    for found in &rows {
        let found = Named { table: "jobs", name: "of any id", row: found };
        let (job, approve) = (found.job("id")?, found.flag("approve")?);
        let (state, from, to) = if approve { ("waiting", "preview", "approval") } else { ("over", "preview", "none") };
        go_on(db, &job, state, &[from], to).await?;
        let parts = shown(db, &job).await?;
        news.push(News { job: job.clone(), kind: "job.preview_ready", data: json!({ "parts": parts }) });
        if approve {
            news.push(News { job: job.clone(), kind: "job.approval_required", data: json!({}) });
        }
        ready.push(job);
    }
    news::tell(db, &news, now).await?;
    Ok(ready)
}

/// The parts that a preview shows.
async fn shown(db: &mut Connection, job: &JobId) -> Result<Vec<String>> {
    let rows =
        sqlx::query("SELECT id FROM tasks WHERE job = $1 AND preview = TRUE AND lane = 'stitch' ORDER BY ordinal")
            .bind(job.as_str())
            .fetch_all(db)
            .await
            .map_err(fault::on("look up the parts of a preview", "tasks", job))?;
    let id = |found| Named { table: "tasks", name: job, row: found }.text("id");
    Ok(rows.iter().map(id).collect::<shared::Result<_>>()?)
}

/// The rest of a job may be rendered, also when its preview is not made yet.
pub(super) async fn approve(db: &mut Connection, job: &JobId, now: Timestamp) -> Result<bool> {
    let Some((JobState::Running, _)) = steps::hold_job(db, job).await? else { return Ok(false) };
    if hold_of(db, job).await? == Hold::None {
        return Ok(false);
    }
    go_on(db, job, "over", &["preview", "approval"], "none").await?;
    news::tell(db, &[News { job: job.clone(), kind: "job.approved", data: json!({}) }], now).await?;
    Ok(true)
}

/// The preview comes to `state`; a job that it holds in one of the ways in `from` is held as `to`. A pause stays one.
async fn go_on(db: &mut Connection, job: &JobId, state: &str, from: &[&str], to: &str) -> Result<()> {
    sqlx::query(concat!(
        "UPDATE jobs SET preview = $2, hold = CASE WHEN ",
        one_of!("hold", "$3"),
        " THEN $4 ELSE hold END WHERE id = $1"
    ))
    .bind(job.as_str())
    .bind(state)
    .bind(to_json(from)?)
    .bind(to)
    .execute(&mut *db)
    .await
    .map_err(fault::on("end the preview of a job", "jobs", job))?;
    hold::call_back(db, job).await
}
