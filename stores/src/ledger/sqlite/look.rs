//! Reading without changing.

use shared::{
    JobId, JobState, Result, TaskKey, TaskKind, TaskState, Timestamp,
    ports::{Job, Progress, Task},
    task::Lane,
};
use sqlx::SqlitePool;

use super::{
    fault,
    row::{self, Named},
};

pub(super) async fn job(db: &SqlitePool, id: &JobId) -> Result<Option<Job>> {
    let found = sqlx::query("SELECT ordered, state, error, submitted, ended FROM jobs WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(db)
        .await
        .map_err(fault::on("look up a job", "jobs", id))?;
    found.map(|found| row::job(id, &found)).transpose()
}

pub(super) async fn tasks(db: &SqlitePool, id: &JobId) -> Result<Vec<Task>> {
    let rows = sqlx::query(
        "SELECT id, kind, state, attempt, failures, frames_done, error FROM tasks WHERE job = $1 ORDER BY ordinal",
    )
    .bind(id.as_str())
    .fetch_all(db)
    .await
    .map_err(fault::on("look up the tasks of a job", "tasks", id))?;
    rows.iter().map(|found| row::task(id, found)).collect()
}

pub(super) async fn progress(db: &SqlitePool, id: &JobId) -> Result<Progress> {
    let found = sqlx::query(
        "SELECT jobs.frames AS frames, COUNT(*) AS tasks,
                SUM(CASE WHEN tasks.state = $2 THEN 1 ELSE 0 END) AS tasks_done,
                SUM(CASE WHEN tasks.frames = 0 THEN 0
                         WHEN tasks.state = $2 OR tasks.frames_done > tasks.frames THEN tasks.frames
                         ELSE tasks.frames_done END) AS frames_rendered
         FROM jobs JOIN tasks ON tasks.job = jobs.id WHERE jobs.id = $1 GROUP BY jobs.id, jobs.frames",
    )
    .bind(id.as_str())
    .bind(TaskState::Done.name())
    .fetch_optional(db)
    .await
    .map_err(fault::on("add up the progress of a job", "tasks", id))?;
    let Some(found) = found else { return Ok(Progress::default()) };
    let sum = Named { table: "tasks", name: id, row: &found };
    Ok(Progress {
        frames_rendered: sum.number("frames_rendered")?,
        frames: sum.number("frames")?,
        tasks_done: sum.number("tasks_done")?,
        tasks: sum.number("tasks")?,
    })
}

pub(super) async fn ready(
    db: &SqlitePool,
    lanes: &[Lane],
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(TaskKey, TaskKind)>> {
    let lane = |lane: Lane| lanes.contains(&lane).then(|| lane.name());
    let rows = sqlx::query(
        "SELECT tasks.job, tasks.id, tasks.kind FROM tasks JOIN jobs ON jobs.id = tasks.job
         WHERE tasks.state = $1 AND tasks.lane IN ($2, $3) AND tasks.not_before <= $4 AND jobs.state = $5
         ORDER BY jobs.submitted, jobs.id, tasks.ordinal LIMIT $6",
    )
    .bind(TaskState::Ready.name())
    .bind(lane(Lane::Render))
    .bind(lane(Lane::Stitch))
    .bind(now.0)
    .bind(JobState::Running.name())
    .bind(i64::from(limit))
    .fetch_all(db)
    .await
    .map_err(|e| fault::ledger("ready tasks cannot be looked up", e))?;
    rows.iter().map(row::key_and_kind).collect()
}
