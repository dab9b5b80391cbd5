//! Rows as words: what each column means.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use shared::{
    Demand, Hold, JobId, JobState, Name, Priority, Result, Route, TaskId, TaskKey, TaskState, Terms, Timestamp,
    ports::{Job, Task},
    task::Lane,
};
use sqlx::Row as _;

use super::{dialect::Row, fault};

/// A row of a table, with the name it has in messages.
pub(super) struct Named<'a, N> {
    /// The table.
    pub(super) table: &'static str,
    /// Which row.
    pub(super) name: N,
    /// What was read.
    pub(super) row: &'a Row,
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

    pub(super) fn maybe_number<T: TryFrom<i64, Error: Display>>(&self, column: &str) -> Result<Option<T>> {
        let number: Option<i64> = self.row.try_get(column).map_err(|e| self.damaged(column, e))?;
        number.map(|number| T::try_from(number).map_err(|e| self.damaged(column, e))).transpose()
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool> {
        self.row.try_get(column).map_err(|e| self.damaged(column, e))
    }

    pub(super) fn time(&self, column: &str) -> Result<Timestamp> {
        self.number(column).map(Timestamp)
    }

    pub(super) fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.maybe_number(column)?.map(Timestamp))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(&self.text(column)?).map_err(|e| self.damaged(column, e))
    }

    /// A column that holds one of a few words.
    pub(super) fn word<T>(&self, column: &str, named: impl Fn(&str) -> Option<T>) -> Result<T> {
        let name = self.text(column)?;
        named(&name).ok_or_else(|| self.damaged(column, format!("\"{name}\" means nothing to this program")))
    }

    /// A name of a tenant or a pool.
    pub(super) fn name(&self, column: &str) -> Result<Name> {
        self.text(column)?.parse().map_err(|e| self.damaged(column, e))
    }

    pub(super) fn priority(&self) -> Result<Priority> {
        Priority::try_from(self.number::<u8>("priority")?).map_err(|e| self.damaged("priority", e))
    }

    pub(super) fn job(&self, column: &str) -> Result<JobId> {
        self.text(column)?.parse().map_err(|e| self.damaged(column, e))
    }

    /// The columns `lane`, `pool` and `gpu_memory`.
    pub(super) fn demand(&self) -> Result<Demand> {
        Ok(Demand { lane: self.lane()?, pool: self.name("pool")?, gpu_memory: self.number("gpu_memory")? })
    }

    /// The columns `lane`, `pool` and `memory_class`.
    pub(super) fn route(&self) -> Result<Route> {
        Ok(Route { lane: self.lane()?, pool: self.name("pool")?, memory: self.number("memory_class")? })
    }

    /// A list of names with a comma before and after each.
    pub(super) fn names(&self, column: &str) -> Result<Vec<Name>> {
        let text = self.text(column)?;
        let names = text.split(',').filter(|name| !name.is_empty());
        names.map(|name| name.parse::<Name>().map_err(|e| self.damaged(column, e))).collect()
    }

    /// The column `lanes`, likewise.
    pub(super) fn lanes(&self) -> Result<Vec<Lane>> {
        let text = self.text("lanes")?;
        let lane = |name: &str| Lane::ALL.into_iter().find(|lane| lane.name() == name);
        let names = text.split(',').filter(|name| !name.is_empty());
        names.map(|name| lane(name).ok_or_else(|| self.damaged("lanes", format!("\"{name}\" is no lane")))).collect()
    }

    fn lane(&self) -> Result<Lane> {
        self.word("lane", |name| Lane::ALL.into_iter().find(|lane| lane.name() == name))
    }

    fn damaged(&self, column: &str, why: impl Display) -> shared::Error {
        fault::damaged(self.table, &self.name, column, why)
    }
}

/// A task's row under its full name.
pub(super) fn of_task<'a>(key: &'a TaskKey, row: &'a Row) -> Named<'a, &'a TaskKey> {
    Named { table: "tasks", name: key, row }
}

/// Whether a task of the job `$1` is held; the row of `tasks` is at hand. While a preview is made, only what it needs is not.
macro_rules! is_held {
    () => {
        "(SELECT jobs.hold <> 'none' AND NOT (jobs.hold = 'preview' AND tasks.preview) FROM jobs WHERE jobs.id = $1)"
    };
}
pub(super) use is_held;

/// The columns that [`job`] reads.
macro_rules! job_columns {
    () => {
        "jobs.id, CAST(jobs.ordered AS TEXT) AS ordered, jobs.terms, jobs.priority, jobs.state, jobs.hold, jobs.error,
         jobs.submitted, jobs.ended, jobs.latents_gone, jobs.film_gone"
    };
}
pub(super) use job_columns;

/// Reads a row of `jobs`.
pub(super) fn job(row: &Row) -> Result<Job> {
    let id = Named { table: "jobs", name: "of any id", row }.job("id")?;
    let row = Named { table: "jobs", name: &id, row };
    Ok(Job {
        order: row.json("ordered")?,
        terms: Terms { priority: row.priority()?, ..row.json("terms")? },
        state: row.word("state", JobState::named)?,
        hold: row.word("hold", Hold::named)?,
        error: row.maybe_text("error")?,
        submitted: row.time("submitted")?,
        ended: row.maybe_time("ended")?,
        latents_gone: row.maybe_time("latents_gone")?,
        film_gone: row.maybe_time("film_gone")?,
        id,
    })
}

/// Reads a row of `tasks`.
pub(super) fn task(job: &JobId, row: &Row) -> Result<Task> {
    let key = key(job, row)?;
    let row = of_task(&key, row);
    Ok(Task {
        kind: row.json("kind")?,
        state: row.word("state", TaskState::named)?,
        attempt: row.number("attempt")?,
        failures: row.number("failures")?,
        frames_done: row.number("frames_done")?,
        error: row.maybe_text("error")?,
        id: key.task.clone(),
    })
}

/// Reads the column `id` of a row of `tasks`.
pub(super) fn key(job: &JobId, row: &Row) -> Result<TaskKey> {
    let id = Named { table: "tasks", name: job, row }.text("id")?;
    Ok(TaskKey { job: job.clone(), task: TaskId::from_text(id) })
}

/// Reads the columns `job` and `id` of a row of `tasks`.
pub(super) fn full_key(row: &Row) -> Result<TaskKey> {
    let job = Named { table: "tasks", name: "of any job", row }.job("job")?;
    key(&job, row)
}

/// A value as the JSON of a column.
pub(super) fn to_json(value: &(impl serde::Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(|e| shared::Error::world("a record has no form as JSON").from_source(e))
}
