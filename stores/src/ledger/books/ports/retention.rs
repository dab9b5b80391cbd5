//! [`Retention`].

use async_trait::async_trait;
use shared::{
    JobId, Result, Timestamp,
    ports::{Retention, retention::Kind},
};

use super::super::{Keeper, fault::Fault, retention, transact};

#[async_trait]
impl Retention for Keeper {
    async fn outdated(&self, limit: u32, now: Timestamp) -> Result<Vec<(JobId, Kind)>> {
        self.told(retention::outdated(&self.pool, limit, now).await)
    }

    async fn removed(&self, id: &JobId, kind: Kind, now: Timestamp) -> Result<bool> {
        transact!(self, db => retention::removed(db, id, kind, now))
    }
}
