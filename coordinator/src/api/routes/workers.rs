//! `GET /v1/workers` and orders to workers.

use axum::{Json, extract::State};
use shared::{
    Name, Timestamp,
    ports::{WorkerId, access::Role, crew::WorkerOrder},
};

use crate::api::{
    caller::Caller,
    extract::{Asked, Named},
    farm::{Farm, Shared},
    problem::{Answer, Problem},
    wire::{Page, crew::WorkerBody},
};

/// Workers heard of within so many milliseconds are listed: a day.
const DAY: i64 = 86_400_000;

/// Which workers.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct WorkersQuery {
    /// Only of this pool.
    pool: Option<String>,
}

/// Lists the workers heard of within the last day.
#[utoipa::path(
    get, path = "/v1/workers", tag = "workers", params(WorkersQuery),
    responses((status = 200, description = "All of them", body = Page<WorkerBody>))
)]
pub(crate) async fn list(
    State(farm): Shared,
    caller: Caller,
    Asked(query): Asked<WorkersQuery>,
) -> Answer<Json<Page<WorkerBody>>> {
    caller.needs(Role::Operator)?;
    let now = farm.now();
    let crew = farm.ledger().crew(Timestamp(now.0 - DAY)).await?;
    let wanted = |pools: &[Name]| query.pool.as_ref().is_none_or(|pool| pools.iter().any(|name| name.as_str() == pool));
    let items =
        crew.iter().filter(|hand| wanted(&hand.card.reach.pools)).map(|hand| WorkerBody::new(hand, now)).collect();
    Ok(Json(Page { items, next: None }))
}

async fn ask(farm: &Farm, caller: &Caller, id: &str, order: WorkerOrder) -> Answer<Json<WorkerBody>> {
    caller.needs(Role::Operator)?;
    let unknown = || Problem::not_found("worker");
    let id = WorkerId(id.to_owned());
    if !farm.ledger().ask(&id, order).await? {
        return Err(unknown());
    }
    caller.did(farm, &caller.tenant, &format!("worker.{}", order.name()), &id.0).await;
    let now = farm.now();
    let crew = farm.ledger().crew(Timestamp(now.0 - DAY)).await?;
    crew.iter().find(|hand| hand.card.id == id).map(|hand| Json(WorkerBody::new(hand, now))).ok_or_else(unknown)
}

/// Asks a worker to finish the task at hand and end.
#[utoipa::path(
    post, path = "/v1/workers/{id}/drain", tag = "workers",
    params(("id" = String, Path, description = "The worker")),
    responses((status = 200, description = "It will hear of it within seconds", body = WorkerBody))
)]
pub(crate) async fn drain(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<Json<WorkerBody>> {
    ask(&farm, &caller, &id, WorkerOrder::Drain).await
}

/// Asks a worker to work as usual; one that was set aside comes back.
#[utoipa::path(
    post, path = "/v1/workers/{id}/work", tag = "workers",
    params(("id" = String, Path, description = "The worker")),
    responses((status = 200, description = "It will hear of it within seconds", body = WorkerBody))
)]
pub(crate) async fn work(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<Json<WorkerBody>> {
    ask(&farm, &caller, &id, WorkerOrder::Work).await
}
