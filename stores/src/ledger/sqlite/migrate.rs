//! The tables, made when a ledger is opened for the first time.

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

/// Every migration, in order; each file has a twin in `migrations/postgres`.
const FILES: [(i64, &str, &str); 1] = [(
    1,
    "jobs and tasks",
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite/0001_jobs_and_tasks.sql")),
)];

/// Brings a ledger of any age to the newest tables.
pub(super) fn migrator() -> Migrator {
    let migrations = FILES.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.into())
}
