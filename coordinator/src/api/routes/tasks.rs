//! `GET /v1/jobs/{id}/tasks` and `GET /v1/jobs/{id}/attempts`.

use axum::{Json, extract::State};
use shared::TaskId;

use crate::api::{
    caller::Caller,
    extract::{Asked, Named},
    farm::Shared,
    problem::{Answer, Problem},
    wire::{
        Page,
        records::{AttemptBody, TaskBody},
    },
};

/// A part of a list.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct PartQuery {
    /// Only of this task.
    task: Option<String>,
    /// Where the next page begins, as the last one said.
    cursor: Option<String>,
    /// Most items on the page, 1 to 1000; 200 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl PartQuery {
    /// How many are left out, and how many come.
    fn part(&self) -> Answer<(u32, u32)> {
        let limit = self.limit.unwrap_or(200);
        if !(1..=1000).contains(&limit) {
            return Err(Problem::field("limit", format!("a page of {limit}")).mend("give 1 to 1000"));
        }
        let skip = self.cursor.as_deref().map_or(Ok(0), str::parse);
        Ok((skip.map_err(|_| Problem::field("cursor", "the cursor is none that an earlier page returned"))?, limit))
    }
}

/// One page of at most `limit`, from `skip` on; one item more than fits says that there is a next page.
pub(super) fn page<T>(mut items: Vec<T>, skip: u32, limit: u32) -> Page<T> {
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    Page { items, next: more.then(|| (skip + limit).to_string()) }
}

/// Lists the tasks of a job in the order of its plan.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/tasks", tag = "jobs",
    params(("id" = String, Path, description = "The job"), PartQuery),
    responses((status = 200, description = "One page", body = Page<TaskBody>))
)]
pub(crate) async fn tasks(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    Asked(query): Asked<PartQuery>,
) -> Answer<Json<Page<TaskBody>>> {
    let job = caller.job(&farm, &id).await?;
    let (skip, limit) = query.part()?;
    let task = query.task.map(TaskId::from_text);
    let found = farm.ledger().some_tasks(&job.id, task.as_ref(), skip, limit + 1).await?;
    let items = found.iter().map(TaskBody::new).collect();
    Ok(Json(page(items, skip, limit)))
}

/// Lists the attempts at a job's tasks in the order in which they began.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/attempts", tag = "jobs",
    params(("id" = String, Path, description = "The job"), PartQuery),
    responses((status = 200, description = "One page", body = Page<AttemptBody>))
)]
pub(crate) async fn attempts(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    Asked(query): Asked<PartQuery>,
) -> Answer<Json<Page<AttemptBody>>> {
    let job = caller.job(&farm, &id).await?;
    let (skip, limit) = query.part()?;
    let task = query.task.map(TaskId::from_text);
    let found = farm.ledger().attempts(&job.id, task.as_ref(), skip, limit + 1).await?;
    let items = found.iter().map(|attempt| AttemptBody::new(&job.id, attempt)).collect();
    Ok(Json(page(items, skip, limit)))
}
