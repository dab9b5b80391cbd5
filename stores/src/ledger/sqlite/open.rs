//! Opening a ledger in a file or in memory.

use std::{path::Path, time::Duration};

use shared::{Error, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{
    Keeper,
    books::{fault, migrate},
};

/// How long a transaction waits for another process that writes.
const BUSY: Duration = Duration::from_secs(20);

/// A ledger in one `SQLite` file, for one machine.
///
/// The process has one connection: transactions are short, `SQLite` lets one of them write at a time anyway, and waiting for
/// a connection is fair while waiting for `SQLite`'s lock is not.
impl Keeper {
    /// Opens the ledger in `file`, making file and directory when they are new and tables when they are old.
    ///
    /// # Errors
    /// [`Cause::Unreachable`](shared::error::Cause::Unreachable) naming the file when it cannot be opened, is no ledger, or
    /// was opened by a newer version of the program.
    pub async fn open(file: &Path) -> Result<Self> {
        Self::open_and_migrate(file).await.map(|(keeper, _)| keeper)
    }

    /// Does what opening does; the versions of the tables before and after.
    ///
    /// # Errors
    /// As [`Keeper::open`] does.
    pub async fn migrate(file: &Path) -> Result<(i64, i64)> {
        let (keeper, before) = Self::open_and_migrate(file).await?;
        keeper.pool.close().await;
        Ok((before, migrate::newest()))
    }

    async fn open_and_migrate(file: &Path) -> Result<(Self, i64)> {
        let closed = |e| closed(file, e);
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir).map_err(|e| closed(sqlx::Error::Io(e)))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What the ledger said must still be true after a loss of power.
            .synchronous(SqliteSynchronous::Full);
        let keeper = Self::connect(options, file.display().to_string()).await.map_err(closed)?;
        let before = migrate::version(&keeper.pool).await.map_err(|fault| fault.told(&keeper.place))?;
        if before > migrate::newest() {
            migrate::fits(before, &keeper.place)?;
        }
        migrate::migrator().run(&keeper.pool).await.map_err(|e| closed(e.into()))?;
        Ok((keeper, before))
    }

    /// A ledger that lives in memory and ends with this value.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub async fn in_memory() -> Result<Self> {
        let none = |e| Error::world("a ledger in memory does not open").from_source(e);
        let keeper =
            Self::connect(SqliteConnectOptions::new().in_memory(true), "in memory".into()).await.map_err(none)?;
        migrate::migrator().run(&keeper.pool).await.map_err(|e| none(e.into()))?;
        Ok(keeper)
    }

    /// A ledger in a new file that need not outlive the process: nothing is written for the case of a loss of power, so that it is as
    /// fast as one in memory and takes no memory. For simulations and benches.
    ///
    /// # Errors
    /// As [`Keeper::open`].
    pub async fn scratch(file: &Path) -> Result<Self> {
        let closed = |e| closed(file, e);
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Memory)
            .synchronous(SqliteSynchronous::Off)
            // KiB when negative (https://www.sqlite.org/pragma.html#pragma_cache_size).
            .pragma("cache_size", "-65536");
        let keeper = Self::connect(options, file.display().to_string()).await.map_err(closed)?;
        migrate::migrator().run(&keeper.pool).await.map_err(|e| closed(e.into()))?;
        Ok(keeper)
    }

    async fn connect(options: SqliteConnectOptions, place: String) -> sqlx::Result<Self> {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            // A connection in memory is the ledger itself and must not be closed for being old.
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(2 * BUSY)
            .connect_with(options.busy_timeout(BUSY).foreign_keys(true))
            .await?;
        Ok(Self { pool, place })
    }
}

/// A ledger that does not open.
fn closed(file: &Path, source: sqlx::Error) -> Error {
    let mend = if fault::no_room(&source) {
        fault::MAKE_ROOM
    } else {
        "choose a file that can be written and that nothing else keeps data in"
    };
    Error::unreachable(format!("the ledger {} does not open", file.display())).from_source(source).mend(mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ledger_without_room_for_its_tables_asks_for_room() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ledger.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let keeper = Keeper::connect(options.pragma("max_page_count", "2"), String::new()).await.unwrap();
        let full = migrate::migrator().run(&keeper.pool).await.unwrap_err();
        let error = closed(&file, full.into());
        assert_eq!(error.mending(), Some(fault::MAKE_ROOM), "{error}");
        assert!(error.to_string().contains("ledger.db"), "{error}");
    }

    #[tokio::test]
    async fn a_file_of_something_else_asks_for_another() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("letter.txt");
        std::fs::write(&file, "Dear Sir or Madam, ".repeat(100)).unwrap();
        let error = Keeper::open(&file).await.unwrap_err();
        assert!(error.mending().is_some_and(|mend| mend.starts_with("choose a file")), "{error}");
    }
}
