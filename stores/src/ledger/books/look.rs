//! Reading without changing.

use shared::{
    JobId, TaskId, Timestamp,
    ports::{Job, Progress, Task},
};

use super::{
    dialect::{self, Pool, Row},
    fault::{self, Result},
    row::{self, Named, job_columns},
};

pub(super) async fn job(db: &Pool, id: &JobId) -> Result<Option<Job>> {
    let found = sqlx::query(concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1"))
        .bind(id.as_str())
        .fetch_optional(db)
        .await
        .map_err(fault::on("look up a job", "jobs", id))?;
    Ok(found.as_ref().map(row::job).transpose()?)
}

/// The columns that [`row::task`] reads.
macro_rules! task_columns {
    () => {
        "SELECT id, CAST(kind AS TEXT) AS kind, state, attempt, failures, frames_done, error FROM tasks"
    };
}

pub(super) async fn some_tasks(
    db: &Pool,
    id: &JobId,
    task: Option<&TaskId>,
    skip: u32,
    limit: u32,
) -> Result<Vec<Task>> {
    let query = match task {
        Some(_) => concat!(task_columns!(), " WHERE job = $1 AND id = $4 ORDER BY ordinal LIMIT $2 OFFSET $3"),
        None => concat!(task_columns!(), " WHERE job = $1 ORDER BY ordinal LIMIT $2 OFFSET $3"),
    };
    let mut query = sqlx::query(query).bind(id.as_str()).bind(i64::from(limit)).bind(i64::from(skip));
    if let Some(task) = task {
        query = query.bind(task.as_str());
    }
    let rows = query.fetch_all(db).await.map_err(fault::on("look up some tasks of a job", "tasks", id))?;
    Ok(rows.iter().map(|found| row::task(id, found)).collect::<shared::Result<_>>()?)
}

pub(super) async fn stitched(db: &Pool, id: &JobId) -> Result<Vec<Task>> {
    let query = concat!(task_columns!(), " WHERE job = $1 AND (lane = 'stitch' OR id = 'prepare') ORDER BY ordinal");
    let rows = sqlx::query(query).bind(id.as_str()).fetch_all(db).await.map_err(fault::on(
        "look up what a job makes",
        "tasks",
        id,
    ))?;
    Ok(rows.iter().map(|found| row::task(id, found)).collect::<shared::Result<_>>()?)
}

pub(super) async fn tasks(db: &Pool, id: &JobId) -> Result<Vec<Task>> {
    let rows = sqlx::query(concat!(task_columns!(), " WHERE job = $1 ORDER BY ordinal"))
        .bind(id.as_str())
        .fetch_all(db)
        .await
        .map_err(fault::on("look up the tasks of a job", "tasks", id))?;
    Ok(rows.iter().map(|found| row::task(id, found)).collect::<shared::Result<_>>()?)
}

pub(super) async fn time(db: &Pool) -> Result<Timestamp> {
    let found = sqlx::query(dialect::TIME).fetch_one(db).await.map_err(fault::to("tell the time"))?;
    Ok(Named { table: "none", name: "the clock", row: &found }.time("now")?)
}

/// The columns that [`read_progress`] reads. What is done is counted with the job; only tasks that were begun are added up.
macro_rules! progress_columns {
    () => {
        "jobs.frames, jobs.tasks, jobs.tasks_done, jobs.frames_done + COALESCE((
             SELECT CAST(SUM(CASE WHEN begun.frames_done > begun.frames THEN begun.frames ELSE begun.frames_done END)
                         AS BIGINT)
             FROM tasks AS begun
             WHERE begun.job = jobs.id AND begun.frames_done > 0 AND begun.state IN ('ready', 'leased')), 0)
             AS frames_rendered"
    };
}
pub(super) use progress_columns;

pub(super) async fn progress(db: &Pool, id: &JobId) -> Result<Progress> {
    let found = sqlx::query(concat!("SELECT ", progress_columns!(), " FROM jobs WHERE jobs.id = $1"))
        .bind(id.as_str())
        .fetch_optional(db)
        .await
        .map_err(fault::on("add up the progress of a job", "tasks", id))?;
    Ok(found.map(|found| read_progress(id, &found)).transpose()?.unwrap_or_default())
}

pub(super) fn read_progress(id: &JobId, row: &Row) -> shared::Result<Progress> {
    let sum = Named { table: "jobs", name: id, row };
    Ok(Progress {
        frames_rendered: sum.number("frames_rendered")?,
        frames: sum.number("frames")?,
        tasks_done: sum.number("tasks_done")?,
        tasks: sum.number("tasks")?,
    })
}
