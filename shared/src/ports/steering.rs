//! Steering: what people do to running jobs.

use async_trait::async_trait;

use crate::{Hold, JobId, Name, Priority, Result, Timestamp, ports::schedule::Tenant};

/// Changes how jobs are worked on, never what they look like. Each method on a job returns whether there was a running one to change.
#[async_trait]
pub trait Steering: Send + Sync {
    /// Pauses, resumes or drains a job. Released tasks of a held job are called back.
    async fn hold(&self, id: &JobId, hold: Hold, now: Timestamp) -> Result<bool>;

    /// Gives a job another priority; it acts on all its open tasks at once.
    async fn set_priority(&self, id: &JobId, priority: Priority, now: Timestamp) -> Result<bool>;

    /// Ends draining jobs that have nothing under way any more; which ones.
    async fn drained(&self, now: Timestamp) -> Result<Vec<JobId>>;

    /// Makes or changes a tenant, as `by` asked; that is in the audit, in the same transaction.
    async fn set_tenant(&self, tenant: &Tenant, by: &str, now: Timestamp) -> Result<()>;

    /// The tenant called `name`, if an operator made one.
    async fn tenant(&self, name: &Name) -> Result<Option<Tenant>>;

    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<Tenant>>;
}
