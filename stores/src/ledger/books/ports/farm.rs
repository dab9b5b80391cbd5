//! [`Schedule`], [`Crew`] and [`Steering`].

use std::time::Duration;

use async_trait::async_trait;
use shared::{
    Hold, JobId, Name, Priority, Reach, Result, Route, TaskId, TaskKey, Timestamp,
    ports::{
        Crew, Lease, Schedule, Steering, WorkerId,
        crew::{Hand, WorkerCard, WorkerOrder, WorkerState},
        schedule::{Choice, Tenant},
    },
};

use super::super::{
    Keeper, alone, at_once, crew, dialect,
    fault::{self, Fault},
    hold, preview, release, take, tenants, transact,
};

#[async_trait]
impl Schedule for Keeper {
    async fn release(&self, each: u32, now: Timestamp, choose: Choice<'_>) -> Result<Vec<(Route, TaskKey)>> {
        transact!(self, db => release::release(db, each, now, choose))
    }

    async fn unheard(&self, before: Timestamp, limit: u32, now: Timestamp) -> Result<Vec<(Route, TaskKey)>> {
        transact!(self, db => release::unheard(db, before, limit, now))
    }

    async fn take(
        &self,
        worker: &WorkerId,
        reach: &Reach,
        held: &[JobId],
        term: Duration,
        now: Timestamp,
    ) -> Result<Option<Lease>> {
        let claimed = if dialect::AT_ONCE {
            alone!(self, db => at_once::take(db, worker, reach, held, term, now))?
        } else {
            transact!(self, db => take::take(db, worker, reach, held, term, now))?
        };
        self.begun(claimed, now).await
    }
}

#[async_trait]
impl Crew for Keeper {
    async fn report(&self, card: &WorkerCard, state: &WorkerState, now: Timestamp) -> Result<Option<WorkerOrder>> {
        transact!(self, db => crew::report(db, card, state, now))
    }

    async fn leave(&self, id: &WorkerId) -> Result<()> {
        transact!(self, db => crew::leave(db, id))
    }

    async fn crew(&self, since: Timestamp) -> Result<Vec<Hand>> {
        transact!(self, db => crew::since(db, since))
    }

    async fn ask(&self, id: &WorkerId, order: WorkerOrder) -> Result<bool> {
        transact!(self, db => crew::ask(db, id, order))
    }
}

#[async_trait]
impl Steering for Keeper {
    async fn hold(&self, id: &JobId, hold: Hold, now: Timestamp) -> Result<bool> {
        transact!(self, db => hold::hold(db, id, hold, now))
    }

    async fn set_priority(&self, id: &JobId, priority: Priority, now: Timestamp) -> Result<bool> {
        transact!(self, db => hold::set_priority(db, id, priority, now))
    }

    async fn preview(&self, id: &JobId, tasks: &[TaskId], approve: bool, _: Timestamp) -> Result<bool> {
        transact!(self, db => preview::begin(db, id, tasks, approve))
    }

    async fn previewed(&self, now: Timestamp) -> Result<Vec<JobId>> {
        transact!(self, db => preview::previewed(db, now))
    }

    async fn approve(&self, id: &JobId, now: Timestamp) -> Result<bool> {
        transact!(self, db => preview::approve(db, id, now))
    }

    async fn drained(&self, now: Timestamp) -> Result<Vec<JobId>> {
        transact!(self, db => hold::drained(db, now))
    }

    async fn set_tenant(&self, tenant: &Tenant, by: &str, now: Timestamp) -> Result<()> {
        transact!(self, db => tenants::set(db, tenant, by, now))
    }

    async fn tenant(&self, name: &Name) -> Result<Option<Tenant>> {
        transact!(self, db => tenants::one(db, name))
    }

    async fn tenants(&self) -> Result<Vec<Tenant>> {
        transact!(self, db => tenants::all(db))
    }
}
