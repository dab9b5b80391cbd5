//! What `SQLite` says in words of its own.

use std::io;

use sqlx::{Sqlite, SqlitePool, Transaction};

/// The database.
pub(super) type Db = Sqlite;
/// One connection.
pub(super) type Connection = sqlx::SqliteConnection;
/// All connections.
pub(super) type Pool = SqlitePool;
/// One row.
pub(super) type Row = sqlx::sqlite::SqliteRow;

/// Whether the migrations make functions that take and complete a task: there is no way to the database that they would spare.
pub(super) const AT_ONCE: bool = false;

/// Milliseconds since the Unix epoch, by the clock of the machine that the database runs on.
pub(super) const TIME: &str = "SELECT CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER) AS now";

/// Every migration, in order; each file has a twin in `migrations/postgres`.
pub(super) const MIGRATIONS: [(i64, &str, &str); 4] = [
    (
        1,
        "jobs and tasks",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite/0001_jobs_and_tasks.sql")),
    ),
    (2, "farm", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite/0002_farm.sql"))),
    (3, "previews", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite/0003_previews.sql"))),
    (4, "quality", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite/0004_quality.sql"))),
];

/// Locks the rows of a table until the end of the transaction; here the transaction holds the whole ledger anyway.
macro_rules! locked {
    ($table:literal) => {
        ""
    };
}

/// Locks rows and leaves out those that others hold.
macro_rules! locked_unless_held {
    ($table:literal) => {
        ""
    };
}

/// A table `listed` with one text in the column `value` for each member of a JSON array of texts.
macro_rules! texts {
    ($parameter:literal) => {
        concat!("json_each(", $parameter, ") AS listed")
    };
}

/// A table `listed` with one object in the column `value` for each member of a JSON array of objects.
macro_rules! objects {
    ($parameter:literal) => {
        concat!("json_each(", $parameter, ") AS listed")
    };
}

/// Whether a column is one of the members of a JSON array of texts, found by the column's index.
macro_rules! one_of {
    ($column:literal, $parameter:literal) => {
        concat!($column, " IN (SELECT value FROM json_each(", $parameter, "))")
    };
}

/// A text as the JSON of a column of the first migration.
macro_rules! json {
    ($text:literal) => {
        $text
    };
}

/// The tasks of a JSON array of objects that may be released at `$3`, by their keys; `$1` is the array.
macro_rules! chosen {
    () => {
        "SELECT tasks.job, tasks.id, listed.value ->> 'place' AS place FROM json_each($1) AS listed
         JOIN tasks ON tasks.job = listed.value ->> 'job' AND tasks.id = listed.value ->> 'task'
         WHERE tasks.state = 'ready' AND tasks.released = 0 AND tasks.held = FALSE AND tasks.not_before <= $3"
    };
}

/// The first tasks of every tenant in each lane, pool and class of GPU memory: `$1` of them, that may start at `$2`, of no job in the list `$3`.
macro_rules! candidates {
    () => {
        "WITH RECURSIVE lines (lane, pool, tenant, memory_class) AS (
             SELECT lane, pool, tenant, memory_class FROM (
                 SELECT lane, pool, tenant, memory_class FROM tasks WHERE state = 'ready' AND released = 0 AND held = FALSE
                 ORDER BY lane, pool, tenant, memory_class LIMIT 1)
             UNION ALL
             SELECT following.lane, following.pool, following.tenant, following.memory_class
             FROM lines AS present JOIN tasks AS following ON following._rowid_ = (
                 SELECT tasks._rowid_ FROM tasks WHERE state = 'ready' AND released = 0 AND held = FALSE
                     AND (lane, pool, tenant, memory_class)
                         > (present.lane, present.pool, present.tenant, present.memory_class)
                 ORDER BY lane, pool, tenant, memory_class LIMIT 1)
         )
         SELECT tasks.job, tasks.id, tasks.lane, tasks.pool, tasks.gpu_memory, tasks.tenant, tasks.priority, tasks.rest,
                tasks.submitted, jobs.most_at_once
         FROM lines AS line JOIN tasks ON tasks._rowid_ IN (
             SELECT first._rowid_ FROM tasks AS first
             WHERE first.state = 'ready' AND first.released = 0 AND first.held = FALSE AND first.lane = line.lane
                 AND first.pool = line.pool AND first.tenant = line.tenant
                 AND first.memory_class = line.memory_class AND first.not_before <= $2
                 AND first.job NOT IN (SELECT value FROM json_each($3))
             ORDER BY first.priority DESC, first.rest DESC, first.submitted, first.job, first.ordinal LIMIT $1)
         JOIN jobs ON jobs.id = tasks.job
         ORDER BY tasks.lane, tasks.pool, tasks.tenant, tasks.priority DESC, tasks.rest DESC, tasks.submitted,
                  tasks.job, tasks.ordinal"
    };
}

pub(super) use {candidates, chosen, json, locked, locked_unless_held, objects, one_of, texts};

/// A transaction that holds the right to write from its start; one that first reads and then asks for it can be refused.
pub(super) async fn begin(pool: &Pool) -> sqlx::Result<Transaction<'static, Db>> {
    pool.begin_with("BEGIN IMMEDIATE").await
}

/// Waits until no other coordinator releases tasks: the transaction sees to that already.
#[allow(clippy::unused_async, reason = "its twin asks the database")]
pub(super) async fn one_round_at_a_time(_: &mut Connection) -> sqlx::Result<()> {
    Ok(())
}

/// Whether the same transaction may succeed when it is tried again at once: it waited its turn already.
pub(super) fn is_passing(_: &sqlx::Error) -> bool {
    false
}

/// Whether the database is not there.
pub(super) fn is_unreachable(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed)
}

/// `SQLite`'s codes for a file that cannot grow (<https://www.sqlite.org/rescode.html>): `SQLITE_FULL`, and what it makes of
/// a limit on the size of files (`SQLITE_IOERR_WRITE`) and of no room for its index in shared memory
/// (`SQLITE_IOERR_SHMSIZE`).
const NO_ROOM: [&str; 3] = ["13", "778", "4874"];

/// Whether the disk is full.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(e) => matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded),
        sqlx::Error::Database(e) => e.code().is_some_and(|code| NO_ROOM.contains(&code.as_ref())),
        _ => false,
    }
}
