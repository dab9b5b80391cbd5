//! Steering: what people do to running jobs.

use async_trait::async_trait;

use crate::{Hold, JobId, Name, Priority, Result, TaskId, Timestamp, ports::schedule::Tenant};

/// Changes how jobs are worked on, never what they look like. Each method on a job returns whether there was a running one to change.
#[async_trait]
pub trait Steering: Send + Sync {
    /// Pauses, resumes or drains a job. Released tasks of a held job are called back.
    async fn hold(&self, id: &JobId, hold: Hold, now: Timestamp) -> Result<bool>;

    /// Gives a job another priority; it acts on all its open tasks at once.
    async fn set_priority(&self, id: &JobId, priority: Priority, now: Timestamp) -> Result<bool>;

    /// Holds everything of a running job but `tasks`, which its preview needs; with `approve` the rest then waits until somebody approves.
    /// A job whose terms name a preview is held so from the start.
    async fn preview(&self, id: &JobId, tasks: &[TaskId], approve: bool, now: Timestamp) -> Result<bool>;

    /// Jobs whose preview was just made: the rest of them goes on, or waits until somebody approves. At most a thousand in one call.
    async fn previewed(&self, now: Timestamp) -> Result<Vec<JobId>>;

    /// The rest of a job may be rendered; also before its preview is made. Returns whether it waited for that.
    async fn approve(&self, id: &JobId, now: Timestamp) -> Result<bool>;

    /// Ends draining jobs that have nothing under way any more; which ones.
    async fn drained(&self, now: Timestamp) -> Result<Vec<JobId>>;

    /// Makes or changes a tenant, as `by` asked; that is in the audit, in the same transaction.
    async fn set_tenant(&self, tenant: &Tenant, by: &str, now: Timestamp) -> Result<()>;

    /// The tenant called `name`, if an operator made one.
    async fn tenant(&self, name: &Name) -> Result<Option<Tenant>>;

    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<Tenant>>;
}
