//! Rows as words: what each column means.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use shared::{
    JobId, JobState, Result, TaskId, TaskKey, TaskKind, TaskState, Timestamp,
    ports::{Job, Task},
};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::fault;

/// A row of a table, with the name it has in messages.
pub(super) struct Named<'a, N> {
    /// The table.
    pub(super) table: &'static str,
    /// Which row.
    pub(super) name: N,
    /// What was read.
    pub(super) row: &'a SqliteRow,
}

impl<N: Display> Named<'_, N> {
    pub(super) fn text(&self, column: &str) -> Result<String> {
        self.row.try_get(column).map_err(|e| self.damaged(column, e))
    }

    pub(super) fn maybe_text(&self, column: &str) -> Result<Option<String>> {
        self.row.try_get(column).map_err(|e| self.damaged(column, e))
    }

    pub(super) fn number<T: TryFrom<i64, Error: Display>>(&self, column: &str) -> Result<T> {
        let number: i64 = self.row.try_get(column).map_err(|e| self.damaged(column, e))?;
        T::try_from(number).map_err(|e| self.damaged(column, e))
    }

    pub(super) fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>> {
        let time: Option<i64> = self.row.try_get(column).map_err(|e| self.damaged(column, e))?;
        Ok(time.map(Timestamp))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(&self.text(column)?).map_err(|e| self.damaged(column, e))
    }

    /// The state in the column `state`.
    pub(super) fn state<T>(&self, named: impl Fn(&str) -> Option<T>) -> Result<T> {
        let name = self.text("state")?;
        named(&name).ok_or_else(|| self.damaged("state", format!("no state is called {name}")))
    }

    fn damaged(&self, column: &str, why: impl Display) -> shared::Error {
        fault::damaged(self.table, &self.name, column, why)
    }
}

/// A task's row under its full name.
pub(super) fn of_task<'a>(key: &'a TaskKey, row: &'a SqliteRow) -> Named<'a, &'a TaskKey> {
    Named { table: "tasks", name: key, row }
}

/// Reads a row of `jobs`, all columns.
pub(super) fn job(id: &JobId, row: &SqliteRow) -> Result<Job> {
    let row = Named { table: "jobs", name: id, row };
    Ok(Job {
        id: id.clone(),
        order: row.json("ordered")?,
        state: row.state(JobState::named)?,
        error: row.maybe_text("error")?,
        submitted: Timestamp(row.number("submitted")?),
        ended: row.maybe_time("ended")?,
    })
}

/// Reads a row of `tasks`, all columns.
pub(super) fn task(job: &JobId, row: &SqliteRow) -> Result<Task> {
    let key = key(job, row)?;
    let row = of_task(&key, row);
    Ok(Task {
        kind: row.json("kind")?,
        state: row.state(TaskState::named)?,
        attempt: row.number("attempt")?,
        failures: row.number("failures")?,
        frames_done: row.number("frames_done")?,
        error: row.maybe_text("error")?,
        id: key.task.clone(),
    })
}

/// Reads the column `id` of a row of `tasks`.
pub(super) fn key(job: &JobId, row: &SqliteRow) -> Result<TaskKey> {
    let id = Named { table: "tasks", name: job, row }.text("id")?;
    Ok(TaskKey { job: job.clone(), task: TaskId::from_text(id) })
}

/// Reads the columns `job` and `id` of a row of `tasks`.
pub(super) fn full_key(row: &SqliteRow) -> Result<TaskKey> {
    let text = Named { table: "tasks", name: "of any job", row }.text("job")?;
    let job = text.parse().map_err(|e| fault::damaged("tasks", &text, "job", e))?;
    key(&job, row)
}

/// Reads the columns `job`, `id` and `kind` of a row of `tasks`.
pub(super) fn key_and_kind(row: &SqliteRow) -> Result<(TaskKey, TaskKind)> {
    let key = full_key(row)?;
    let kind = of_task(&key, row).json("kind")?;
    Ok((key, kind))
}
