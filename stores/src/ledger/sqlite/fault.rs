//! What a failed query becomes: an error that names table and row.

use std::{error::Error as Source, fmt::Display, io, iter, path::Path};

use shared::Error;

/// `SQLite`'s codes for a file that cannot grow (<https://www.sqlite.org/rescode.html>): `SQLITE_FULL`, and what it makes of
/// a limit on the size of files (`SQLITE_IOERR_WRITE`) and of no room for its index in shared memory
/// (`SQLITE_IOERR_SHMSIZE`).
const NO_ROOM: [&str; 3] = ["13", "778", "4874"];

/// What to do about it.
const MAKE_ROOM: &str = "free space on the ledger's disk";

/// A ledger that does not open.
pub(super) fn closed(file: &Path, source: sqlx::Error) -> Error {
    let mend = if no_room(&source) {
        MAKE_ROOM
    } else {
        "choose a file that can be written and that nothing else keeps data in"
    };
    Error::unreachable(format!("the ledger {} does not open", file.display())).from_source(source).mend(mend)
}

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
    let full = no_room(&source);
    let error = Error::world(message).from_source(source);
    if full { error.mend(MAKE_ROOM) } else { error }
}

/// Whether the disk is full; a failed migration says so only in its sources.
fn no_room(error: &sqlx::Error) -> bool {
    iter::successors(Some(error as &(dyn Source + 'static)), |error| (*error).source()).any(|error| {
        match error.downcast_ref::<sqlx::Error>() {
            Some(sqlx::Error::Io(e)) => {
                matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Some(sqlx::Error::Database(e)) => e.code().is_some_and(|code| NO_ROOM.contains(&code.as_ref())),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;

    use super::{super::SqliteLedger, *};

    #[tokio::test]
    async fn a_ledger_without_room_for_its_tables_asks_for_room() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ledger.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let full = SqliteLedger::connect(options.pragma("max_page_count", "2")).await.unwrap_err();
        let error = closed(&file, full);
        assert_eq!(error.mending(), Some(MAKE_ROOM), "{error}");
        assert!(error.to_string().contains("ledger.db"), "{error}");
    }

    #[tokio::test]
    async fn a_file_of_something_else_asks_for_another() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("letter.txt");
        std::fs::write(&file, "Dear Sir or Madam, ".repeat(100)).unwrap();
        let error = SqliteLedger::open(&file).await.unwrap_err();
        assert!(error.mending().is_some_and(|mend| mend.starts_with("choose a file")), "{error}");
    }
}
