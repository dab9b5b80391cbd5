//! [`QualityBook`].

use async_trait::async_trait;
use shared::{
    JobId, Result, Timestamp,
    ports::{Lease, QualityBook},
    quality::Measured,
};

use super::super::{Keeper, fault::Fault, quality, transact};

#[async_trait]
impl QualityBook for Keeper {
    async fn keep_quality(&self, lease: &Lease, records: &[Measured], now: Timestamp) -> Result<()> {
        transact!(self, db => quality::keep(db, lease, records, now))
    }

    async fn quality(&self, job: &JobId, skip: u32, limit: u32) -> Result<Vec<Measured>> {
        self.told(quality::of_job(&self.pool, job, skip, limit).await)
    }
}
