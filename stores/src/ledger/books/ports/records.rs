//! [`Records`].

use async_trait::async_trait;
use shared::{
    JobId, Name, Result, TaskId, Timestamp,
    ports::{
        Records, Task,
        records::{Attempt, Census, Event, JobFilter, Listed, Rate, Standing},
    },
};

use super::super::{Keeper, census, history, jobs, look, standing, tenants};

#[async_trait]
impl Records for Keeper {
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Listed>> {
        self.told(jobs::list(&self.pool, filter).await)
    }

    async fn some_tasks(&self, job: &JobId, task: Option<&TaskId>, skip: u32, limit: u32) -> Result<Vec<Task>> {
        self.told(look::some_tasks(&self.pool, job, task, skip, limit).await)
    }

    async fn stitched(&self, job: &JobId) -> Result<Vec<Task>> {
        self.told(look::stitched(&self.pool, job).await)
    }

    async fn attempts(&self, job: &JobId, task: Option<&TaskId>, skip: u32, limit: u32) -> Result<Vec<Attempt>> {
        self.told(history::attempts(&self.pool, job, task, skip, limit).await)
    }

    async fn events(&self, job: Option<&JobId>, tenant: Option<&Name>, after: u64, limit: u32) -> Result<Vec<Event>> {
        self.told(history::events(&self.pool, job, tenant, after, limit).await)
    }

    async fn rates(&self) -> Result<Vec<Rate>> {
        self.told(history::rates(&self.pool).await)
    }

    async fn census(&self, _: Timestamp) -> Result<Census> {
        self.told(census::census(&self.pool).await)
    }

    async fn under_way(&self, tenant: &Name) -> Result<u64> {
        self.told(tenants::under_way(&self.pool, tenant).await)
    }

    async fn running(&self, tenant: &Name) -> Result<u64> {
        self.told(tenants::running(&self.pool, tenant).await)
    }

    async fn standing(&self, job: &JobId, now: Timestamp) -> Result<Standing> {
        self.told(standing::standing(&self.pool, job, now).await)
    }
}
