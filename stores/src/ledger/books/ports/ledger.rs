//! [`Ledger`].

use std::time::Duration;

use async_trait::async_trait;
use shared::{
    Error, JobId, Order, Plan, Result, TaskKey, TaskState, Terms, Timestamp,
    ports::{Job, Lease, Ledger, Patience, Progress, Pulse, Renewal, Submitted, Task, WorkerId},
};

use super::super::{
    Keeper, alone, at_once, dialect,
    fault::{self, Fault},
    lease,
    lease::Claimed,
    look, migrate, outcome, recover, submit, transact,
};

#[async_trait]
impl Ledger for Keeper {
    async fn submit(&self, order: &Order, terms: &Terms, plan: &Plan, now: Timestamp) -> Result<Submitted> {
        transact!(self, db => submit::submit(db, order, terms, plan, now))
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>> {
        self.told(look::job(&self.pool, id).await)
    }

    async fn tasks(&self, id: &JobId) -> Result<Vec<Task>> {
        self.told(look::tasks(&self.pool, id).await)
    }

    async fn progress(&self, id: &JobId) -> Result<Progress> {
        self.told(look::progress(&self.pool, id).await)
    }

    async fn claim(&self, key: &TaskKey, worker: &WorkerId, term: Duration, now: Timestamp) -> Result<Option<Lease>> {
        let claimed = transact!(self, db => lease::claim(db, key, worker, term, now))?;
        self.begun(claimed, now).await
    }

    async fn renew(&self, lease: &Lease, pulse: &Pulse, until: Timestamp, now: Timestamp) -> Result<Renewal> {
        self.told(lease::renew(&self.pool, lease, pulse, until, now).await)
    }

    async fn complete(&self, lease: &Lease, now: Timestamp) -> Result<Vec<TaskKey>> {
        if dialect::AT_ONCE
            && let Some(readied) = alone!(self, db => at_once::complete(db, lease, now))?
        {
            return Ok(readied);
        }
        transact!(self, db => outcome::complete(db, lease, now))
    }

    async fn fail(&self, lease: &Lease, error: &Error, patience: Patience, now: Timestamp) -> Result<TaskState> {
        transact!(self, db => outcome::fail(db, lease, error, patience, now))
    }

    async fn give_back(&self, lease: &Lease, now: Timestamp) -> Result<()> {
        transact!(self, db => outcome::give_back(db, lease, now))
    }

    async fn expire(&self, patience: Patience, now: Timestamp) -> Result<Vec<TaskKey>> {
        transact!(self, db => recover::expire(db, patience, now))
    }

    async fn reclaim(&self, id: &JobId, now: Timestamp) -> Result<Vec<TaskKey>> {
        transact!(self, db => recover::reclaim(db, id, now))
    }

    async fn cancel(&self, id: &JobId, why: Option<&str>, now: Timestamp) -> Result<bool> {
        transact!(self, db => recover::cancel(db, id, why, now))
    }

    async fn ping(&self) -> Result<()> {
        let found = self.told(migrate::version(&self.pool).await)?;
        migrate::fits(found, &self.place)
    }

    async fn time(&self) -> Result<Timestamp> {
        self.told(look::time(&self.pool).await)
    }

    async fn revive(&self, id: &JobId, now: Timestamp) -> Result<bool> {
        transact!(self, db => recover::revive(db, id, now))
    }
}

impl Keeper {
    /// The lease of a claim; the first on a job is recorded as the job's start.
    pub(super) async fn begun(&self, claimed: Option<Claimed>, now: Timestamp) -> Result<Option<Lease>> {
        let Some(Claimed { lease, first }) = claimed else { return Ok(None) };
        if first {
            let started: Result<()> = transact!(self, db => lease::start(db, &lease, now));
            // The lease is taken and must reach its worker; the next claim on the job records its start.
            if let Err(error) = started {
                tracing::warn!(%error, job = %lease.key.job, "the start of a job was not recorded");
            }
        }
        Ok(Some(lease))
    }
}
