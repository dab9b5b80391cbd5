//! What `PostgreSQL` says in words of its own.

use sqlx::{PgPool, Postgres, Transaction};

/// The database.
pub(super) type Db = Postgres;
/// One connection.
pub(super) type Connection = sqlx::PgConnection;
/// All connections.
pub(super) type Pool = PgPool;
/// One row.
pub(super) type Row = sqlx::postgres::PgRow;

/// Whether the migrations make functions that take and complete a task.
pub(super) const AT_ONCE: bool = true;

/// Milliseconds since the Unix epoch, by the clock of the machine that the database runs on.
pub(super) const TIME: &str = "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT) AS now";

/// Every migration, in order; each file has a twin in `migrations/sqlite`.
pub(super) const MIGRATIONS: [(i64, &str, &str); 4] = [
    (
        1,
        "jobs and tasks",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres/0001_jobs_and_tasks.sql")),
    ),
    (2, "farm", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres/0002_farm.sql"))),
    (3, "previews", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres/0003_previews.sql"))),
    (4, "quality", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres/0004_quality.sql"))),
];

/// Locks the rows of a table until the end of the transaction, but not against others that refer to their keys.
macro_rules! locked {
    ($table:literal) => {
        concat!(" FOR NO KEY UPDATE OF ", $table)
    };
}

/// Locks rows and leaves out those that others hold, so that it never waits and no two wait for each other.
macro_rules! locked_unless_held {
    ($table:literal) => {
        concat!(" FOR NO KEY UPDATE OF ", $table, " SKIP LOCKED")
    };
}

/// A table `listed` with one text in the column `value` for each member of a JSON array of texts.
macro_rules! texts {
    ($parameter:literal) => {
        concat!("json_array_elements_text(CAST(", $parameter, " AS JSON)) AS listed (value)")
    };
}

/// A table `listed` with one object in the column `value` for each member of a JSON array of objects.
macro_rules! objects {
    ($parameter:literal) => {
        concat!("json_array_elements(CAST(", $parameter, " AS JSON)) AS listed (value)")
    };
}

/// Whether a column is one of the members of a JSON array of texts. The array is made before the rows are looked for, so that each
/// member is looked up by the column's index, whatever the planner believes about the table.
macro_rules! one_of {
    ($column:literal, $parameter:literal) => {
        concat!($column, " = ANY (ARRAY(SELECT json_array_elements_text(CAST(", $parameter, " AS JSON))))")
    };
}

/// A text as the JSON of a column of the first migration.
macro_rules! json {
    ($text:literal) => {
        concat!("CAST(", $text, " AS JSONB)")
    };
}

/// The tasks of a JSON array of objects that may be released at `$3`, locked unless others hold them; `$1` is the array. Each is
/// looked up by its key, and looked at once it is locked: `OFFSET 0` keeps the planner from doing it the other way round.
macro_rules! chosen {
    () => {
        "SELECT found.job, found.id, CAST(listed.value ->> 'place' AS BIGINT) AS place
         FROM json_array_elements(CAST($1 AS JSON)) AS listed (value) CROSS JOIN LATERAL (
             SELECT * FROM tasks WHERE job = listed.value ->> 'job' AND id = listed.value ->> 'task'
             OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED) AS found
         WHERE found.state = 'ready' AND found.released = 0 AND found.held = FALSE AND found.not_before <= $3"
    };
}

/// The first tasks of every tenant in each lane, pool and class of GPU memory: `$1` of them, that may start at `$2`, of no job in the list `$3`.
macro_rules! candidates {
    () => {
        "WITH RECURSIVE lines (lane, pool, tenant, memory_class) AS (
             (SELECT lane, pool, tenant, memory_class FROM tasks WHERE state = 'ready' AND released = 0 AND held = FALSE
              ORDER BY lane, pool, tenant, memory_class LIMIT 1)
             UNION ALL
             SELECT following.lane, following.pool, following.tenant, following.memory_class
             FROM lines AS present CROSS JOIN LATERAL (
                 SELECT lane, pool, tenant, memory_class FROM tasks WHERE state = 'ready' AND released = 0 AND held = FALSE
                     AND (lane, pool, tenant, memory_class)
                         > (present.lane, present.pool, present.tenant, present.memory_class)
                 ORDER BY lane, pool, tenant, memory_class LIMIT 1) AS following
         )
         SELECT first.job, first.id, first.lane, first.pool, first.gpu_memory, first.tenant, first.priority, first.rest,
                first.submitted, (SELECT jobs.most_at_once FROM jobs WHERE jobs.id = first.job) AS most_at_once
         FROM lines AS line CROSS JOIN LATERAL (
             SELECT * FROM tasks
             WHERE state = 'ready' AND released = 0 AND held = FALSE AND lane = line.lane AND pool = line.pool
                 AND tenant = line.tenant AND memory_class = line.memory_class AND not_before <= $2
                 AND job NOT IN (SELECT value FROM json_array_elements_text(CAST($3 AS JSON)) AS listed (value))
             ORDER BY priority DESC, rest DESC, submitted, job, ordinal LIMIT $1) AS first
         ORDER BY first.lane, first.pool, first.tenant, first.priority DESC, first.rest DESC, first.submitted,
                  first.job, first.ordinal"
    };
}

pub(super) use {candidates, chosen, json, locked, locked_unless_held, objects, one_of, texts};

/// A transaction at READ COMMITTED: every statement sees what was committed before it, and rows are locked where it matters.
pub(super) async fn begin(pool: &Pool) -> sqlx::Result<Transaction<'static, Db>> {
    pool.begin().await
}

/// The lock of those who release tasks; any number will do that nobody else uses.
const RELEASING: i64 = 0x656d_6f66_6172_6d01;

/// Waits until no other coordinator releases tasks, and keeps others waiting until the end of the transaction.
pub(super) async fn one_round_at_a_time(db: &mut Connection) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(RELEASING).execute(db).await.map(drop)
}

/// Whether the same transaction may succeed when it is tried again at once: a deadlock or a failed serialization
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
pub(super) fn is_passing(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| matches!(code.as_str(), "40001" | "40P01"))
}

/// Whether the database is not there: no connection, it shuts down, or it takes no more connections.
pub(super) fn is_unreachable(error: &sqlx::Error) -> bool {
    let code_of_absence =
        |code: String| code.starts_with("08") || matches!(code.as_str(), "57P01" | "57P02" | "57P03" | "53300");
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
    ) || code(error).is_some_and(code_of_absence)
}

/// Whether the server's disk is full.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == "53100")
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned)
}
