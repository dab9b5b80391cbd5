//! Lists of jobs.

use shared::ports::records::{JobFilter, Listed};
use sqlx::QueryBuilder;

use super::{
    dialect::{Db, Pool},
    fault::{self, Result},
    look::{self, progress_columns},
    row::{self, job_columns},
};

/// Most jobs on a page.
const PAGE: u32 = 500;

/// Jobs, the latest first.
pub(super) async fn list(db: &Pool, filter: &JobFilter) -> Result<Vec<Listed>> {
    let columns = concat!("SELECT ", job_columns!(), ", ", progress_columns!(), " FROM jobs WHERE TRUE");
    let mut query = QueryBuilder::<Db>::new(columns);
    if let Some(tenant) = &filter.tenant {
        query.push(" AND jobs.tenant = ").push_bind(tenant.as_str());
    }
    if !filter.states.is_empty() {
        query.push(" AND jobs.state IN (");
        let mut states = query.separated(", ");
        for state in &filter.states {
            states.push_bind(state.name());
        }
        query.push(")");
    }
    for (name, value) in &filter.labels {
        query.push(" AND EXISTS (SELECT 1 FROM labels WHERE labels.job = jobs.id AND labels.name = ").push_bind(name);
        query.push(" AND labels.value = ").push_bind(value).push(")");
    }
    if let Some(external) = &filter.external_id {
        query.push(" AND jobs.external_id = ").push_bind(external);
    }
    if let Some((submitted, id)) = &filter.after {
        query.push(" AND (jobs.submitted, jobs.id) < (").push_bind(submitted.0);
        query.push(", ").push_bind(id.as_str()).push(")");
    }
    query.push(" ORDER BY jobs.submitted DESC, jobs.id DESC LIMIT ").push_bind(i64::from(filter.limit.clamp(1, PAGE)));
    let rows = query.build().fetch_all(db).await.map_err(fault::to("list jobs"))?;
    let read = |found| {
        let job = row::job(found)?;
        Ok(Listed { progress: look::read_progress(&job.id, found)?, job })
    };
    Ok(rows.iter().map(read).collect::<shared::Result<_>>()?)
}
