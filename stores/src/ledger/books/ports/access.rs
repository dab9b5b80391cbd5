//! [`Access`] and [`Hooks`].

use async_trait::async_trait;
use shared::{
    JobId, Name, Result, Timestamp,
    ports::{
        Access, Hooks,
        access::{Answer, Known, Token},
        hooks::{Delivery, DeliveryState},
    },
};

use super::super::{Keeper, access, answers, fault::Fault, hooks, transact};

#[async_trait]
impl Access for Keeper {
    async fn add_token(&self, token: &Token, by: &str) -> Result<()> {
        transact!(self, db => access::add(db, token, by))
    }

    async fn token(&self, sha256: &str, now: Timestamp) -> Result<Option<Token>> {
        self.told(access::find(&self.pool, sha256, now).await)
    }

    async fn tokens(&self) -> Result<Vec<Token>> {
        self.told(access::all(&self.pool).await)
    }

    async fn revoke(&self, id: &str, by: &str, now: Timestamp) -> Result<bool> {
        transact!(self, db => access::revoke(db, id, by, now))
    }

    async fn begin_answer(&self, tenant: &Name, key: &str, request: &str, now: Timestamp) -> Result<Known> {
        transact!(self, db => answers::begin(db, tenant, key, request, now))
    }

    async fn end_answer(&self, tenant: &Name, key: &str, answer: Option<&Answer>, _: Timestamp) -> Result<()> {
        transact!(self, db => answers::end(db, tenant, key, answer))
    }

    async fn audit(&self, who: &str, tenant: &Name, act: &str, on: &str, now: Timestamp) -> Result<()> {
        transact!(self, db => access::audit(db, who, tenant, act, on, now))
    }

    async fn audited(
        &self,
        tenant: Option<&Name>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, String, Name, String, String)>> {
        self.told(access::audited(&self.pool, tenant, limit).await)
    }
}

#[async_trait]
impl Hooks for Keeper {
    async fn due(&self, limit: u32, until: Timestamp, now: Timestamp) -> Result<Vec<Delivery>> {
        transact!(self, db => hooks::due(db, limit, until, now))
    }

    async fn settle_delivery(&self, id: u64, state: DeliveryState, next: Timestamp, last: &str) -> Result<()> {
        transact!(self, db => hooks::settle(db, id, state, next, last))
    }

    async fn put_off_delivery(&self, id: u64, next: Timestamp) -> Result<()> {
        transact!(self, db => hooks::put_off(db, id, next))
    }

    async fn deliveries(&self, job: &JobId) -> Result<Vec<Delivery>> {
        self.told(hooks::of_job(&self.pool, job).await)
    }

    async fn replay(&self, job: &JobId, id: u64, now: Timestamp) -> Result<bool> {
        transact!(self, db => hooks::replay(db, job, id, now))
    }
}
