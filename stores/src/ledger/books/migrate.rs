//! The tables: made for a new ledger, and brought to the newest version.

use shared::Error;
use sqlx::{
    Row as _, SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{
    dialect::{self, Pool},
    fault::{self, Result},
};

/// The version of the tables that this program works with.
pub(in super::super) fn newest() -> i64 {
    dialect::MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

/// Brings a ledger of any age to the newest tables.
pub(in super::super) fn migrator() -> Migrator {
    let migrations = dialect::MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.into())
}

/// The version of a ledger's tables; 0 when it has none.
pub(in super::super) async fn version(db: &Pool) -> Result<i64> {
    let look = "SELECT COALESCE(MAX(version), 0) AS version FROM _sqlx_migrations WHERE success";
    match sqlx::query(look).fetch_one(db).await {
        Ok(found) => found.try_get("version").map_err(fault::to("tell the version of its tables")),
        Err(e) if is_no_table(&e) => Ok(0),
        Err(e) => Err(fault::to("tell the version of its tables")(e)),
    }
}

/// `SQLite` has one code for every wrong statement and `PostgreSQL` one for this (`undefined_table`).
fn is_no_table(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|e| e.code().is_some_and(|code| code == "42P01") || e.message().starts_with("no such table"))
}

/// Whether this program can work with tables of the version `found`.
///
/// # Errors
/// [`Cause::Unreachable`](shared::error::Cause::Unreachable) naming the ledger at `place` when it cannot.
pub(in super::super) fn fits(found: i64, place: &str) -> shared::Result<()> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let newest = newest();
    match found.cmp(&newest) {
        Equal => Ok(()),
        Less if found == 0 => Err(Error::unreachable(format!("the ledger {place} has no tables yet"))
            .mend("run `emofarm migrate` with the same ledger URL")),
        Less => Err(Error::unreachable(format!(
            "the ledger {place} has tables of version {found}, and this program needs version {newest}"
        ))
        .mend("run `emofarm migrate` of this version; older programs that run meanwhile then end with an error")),
        Greater => Err(Error::unreachable(format!(
            "the ledger {place} has tables of version {found}, and this program knows them up to version {newest}"
        ))
        .mend("use the version of emofarm that migrated the ledger, or a later one")),
    }
}
