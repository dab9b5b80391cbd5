//! What a failed query becomes: an error that names table and row.

use std::fmt::Display;

use shared::Error;

/// `SQLite`'s code for a full disk (<https://www.sqlite.org/rescode.html#full>).
const FULL: &str = "13";

/// A failure that concerns no single row.
pub(super) fn ledger(what: &str, source: sqlx::Error) -> Error {
    world(format!("the ledger failed: {what}"), source)
}

/// A failure of what was done to a row, as an argument of `map_err`.
pub(super) fn on(what: &str, table: &str, row: impl Display) -> impl FnOnce(sqlx::Error) -> Error {
    let message = format!("the ledger failed to {what} (table {table}, row {row})");
    move |source| world(message, source)
}

/// A row whose content cannot be understood.
pub(super) fn damaged(table: &str, row: impl Display, column: &str, why: impl Display) -> Error {
    Error::world(format!("the ledger is damaged: table {table}, row {row}, column {column}: {why}"))
        .mend("restore the ledger from a copy, or submit the job to a new one")
}

fn world(message: String, source: sqlx::Error) -> Error {
    let full = source.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == FULL);
    let error = Error::world(message).from_source(source);
    if full { error.mend("free space on the ledger's disk") } else { error }
}
