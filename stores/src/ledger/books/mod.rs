//! What a ledger does, in SQL that both databases understand.
//!
//! This directory is compiled twice, once under `sqlite` and once under `postgres`; the `dialect` beside it holds the words in which
//! they differ. Locks are taken in one order everywhere: the job's row, its tasks, their attempts, the worker, and last the
//! row of the latest event. Whoever takes tasks of several jobs does so in the order of the jobs' ids, or leaves out rows
//! that others hold; so no two transactions wait for each other.

mod access;
mod answers;
mod at_once;
mod census;
mod crew;
pub(super) mod fault;
mod history;
mod hold;
mod hooks;
mod jobs;
mod lease;
mod look;
pub(super) mod migrate;
mod news;
mod outcome;
mod ports;
mod preview;
mod quality;
mod readied;
mod recover;
mod release;
mod retention;
mod row;
mod standing;
mod steps;
mod submit;
mod take;
mod tenants;
mod view;

use std::time::Duration;

use sqlx::Transaction;

use super::dialect::{self, Db, Pool};
use fault::{Fault, Result};

/// A ledger in a database.
#[derive(Clone, Debug)]
pub struct Keeper {
    pub(super) pool: Pool,
    /// Where it is, as it may be shown.
    pub(super) place: String,
}

/// How often a transaction is tried that others got in the way of.
const TRIES: u32 = 8;

impl Keeper {
    async fn begin(&self) -> Result<Transaction<'static, Db>> {
        dialect::begin(&self.pool).await.map_err(fault::to("begin a transaction"))
    }

    async fn commit(&self, tx: Transaction<'static, Db>) -> Result<()> {
        tx.commit().await.map_err(fault::to("commit a transaction"))
    }

    /// Waits before a transaction is tried again after `fault`; whether it is.
    async fn tries_again(&self, tries: &mut u32, fault: &Fault) -> bool {
        *tries += 1;
        if !fault.is_passing() || *tries >= TRIES {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1 << *tries)).await;
        true
    }

    /// The result of something that only reads, for those who asked.
    fn told<T>(&self, result: Result<T>) -> shared::Result<T> {
        result.map_err(|fault| fault.told(&self.place))
    }
}

/// Does `work` with the connection `db` in one transaction, again when others got in its way.
macro_rules! transact {
    ($keeper:expr, $db:ident => $work:expr) => {{
        let mut tries = 0;
        loop {
            let work = async {
                let mut tx = $keeper.begin().await?;
                let $db = &mut *tx;
                let made = $work.await?;
                $keeper.commit(tx).await?;
                Ok::<_, Fault>(made)
            };
            match work.await {
                Ok(made) => break Ok(made),
                Err(fault) if $keeper.tries_again(&mut tries, &fault).await => {}
                Err(fault) => break Err(fault.told(&$keeper.place)),
            }
        }
    }};
}
use transact;

/// Does `work`, one statement, with the connection `db`; again when others got in its way. A statement is a transaction of its own.
macro_rules! alone {
    ($keeper:expr, $db:ident => $work:expr) => {{
        let mut tries = 0;
        loop {
            let work = async {
                let mut held = $keeper.pool.acquire().await.map_err(fault::to("find a connection"))?;
                let $db = &mut *held;
                $work.await
            };
            match work.await {
                Err(fault) if $keeper.tries_again(&mut tries, &fault).await => {}
                Err(fault) => break Err(fault.told(&$keeper.place)),
                Ok(made) => break Ok(made),
            }
        }
    }};
}
use alone;
