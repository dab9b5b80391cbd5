//! The ledger in one `SQLite` file.

mod fault;
mod lease;
mod look;
mod migrate;
mod outcome;
mod recover;
mod row;
mod steps;
mod submit;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use shared::{
    Error, JobId, Order, Plan, Result, TaskKey, TaskKind, TaskState, Timestamp,
    ports::{Job, Lease, Ledger, Progress, Renewal, Submitted, Task, WorkerId},
    task::Lane,
};
use sqlx::{
    Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// How long a transaction waits for another process that writes.
const BUSY: Duration = Duration::from_secs(20);

/// A ledger in one `SQLite` file, for one machine.
///
/// The process has one connection: transactions are short, `SQLite` lets one of them write at a time anyway, and waiting for
/// a connection is fair while waiting for `SQLite`'s lock is not.
#[derive(Clone, Debug)]
pub struct SqliteLedger {
    pool: SqlitePool,
}

impl SqliteLedger {
    /// Opens the ledger in `file`, making file and directory when they are new.
    ///
    /// # Errors
    /// [`Cause::Unreachable`](shared::error::Cause::Unreachable) naming the file when it cannot be opened or is no ledger.
    pub async fn open(file: &Path) -> Result<Self> {
        let closed = |e| fault::closed(file, e);
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir).map_err(|e| closed(sqlx::Error::Io(e)))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What the ledger said must still be true after a loss of power.
            .synchronous(SqliteSynchronous::Full);
        Self::connect(options).await.map_err(closed)
    }

    /// A ledger that lives in memory and ends with this value.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub async fn in_memory() -> Result<Self> {
        let options = SqliteConnectOptions::new().in_memory(true);
        Self::connect(options).await.map_err(|e| Error::world("a ledger in memory does not open").from_source(e))
    }

    async fn connect(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            // A connection in memory is the ledger itself and must not be closed for being old.
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(2 * BUSY)
            .connect_with(options.busy_timeout(BUSY).foreign_keys(true))
            .await?;
        migrate::migrator().run(&pool).await?;
        Ok(Self { pool })
    }

    /// A transaction that holds the right to write from its start; one that first reads and then asks for it can be refused.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|e| fault::ledger("a transaction does not begin", e))
    }
}

async fn commit(tx: Transaction<'static, Sqlite>) -> Result<()> {
    tx.commit().await.map_err(|e| fault::ledger("a transaction does not commit", e))
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn submit(&self, order: &Order, plan: &Plan, now: Timestamp) -> Result<Submitted> {
        let mut tx = self.begin().await?;
        let submitted = submit::submit(&mut tx, order, plan, now).await?;
        commit(tx).await?;
        Ok(submitted)
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>> {
        look::job(&self.pool, id).await
    }

    async fn tasks(&self, id: &JobId) -> Result<Vec<Task>> {
        look::tasks(&self.pool, id).await
    }

    async fn progress(&self, id: &JobId) -> Result<Progress> {
        look::progress(&self.pool, id).await
    }

    async fn ready(&self, lanes: &[Lane], now: Timestamp, limit: u32) -> Result<Vec<(TaskKey, TaskKind)>> {
        look::ready(&self.pool, lanes, now, limit).await
    }

    async fn claim(&self, key: &TaskKey, worker: &WorkerId, term: Duration, now: Timestamp) -> Result<Option<Lease>> {
        let mut tx = self.begin().await?;
        let lease = lease::claim(&mut tx, key, worker, now.after(term), now).await?;
        commit(tx).await?;
        Ok(lease)
    }

    async fn renew(&self, lease: &Lease, until: Timestamp, frames_done: u64) -> Result<Renewal> {
        lease::renew(&self.pool, lease, until, frames_done).await
    }

    async fn complete(&self, lease: &Lease, now: Timestamp) -> Result<Vec<(TaskKey, TaskKind)>> {
        let mut tx = self.begin().await?;
        let readied = outcome::complete(&mut tx, lease, now).await?;
        commit(tx).await?;
        Ok(readied)
    }

    async fn fail(&self, lease: &Lease, error: &Error, now: Timestamp) -> Result<TaskState> {
        let mut tx = self.begin().await?;
        let state = outcome::fail(&mut tx, lease, error, now).await?;
        commit(tx).await?;
        Ok(state)
    }

    async fn give_back(&self, lease: &Lease) -> Result<()> {
        let mut tx = self.begin().await?;
        outcome::give_back(&mut tx, lease).await?;
        commit(tx).await
    }

    async fn expire(&self, now: Timestamp) -> Result<Vec<TaskKey>> {
        let mut tx = self.begin().await?;
        let readied = recover::expire(&mut tx, now).await?;
        commit(tx).await?;
        Ok(readied)
    }

    async fn reclaim(&self, id: &JobId) -> Result<Vec<TaskKey>> {
        let mut tx = self.begin().await?;
        let readied = recover::reclaim(&mut tx, id).await?;
        commit(tx).await?;
        Ok(readied)
    }

    async fn cancel(&self, id: &JobId, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        let running = recover::cancel(&mut tx, id, now).await?;
        commit(tx).await?;
        Ok(running)
    }

    async fn revive(&self, id: &JobId) -> Result<bool> {
        let mut tx = self.begin().await?;
        let revived = recover::revive(&mut tx, id).await?;
        commit(tx).await?;
        Ok(revived)
    }
}
