//! `GET /v1/jobs/{id}/deliveries` and their replay.

use axum::{Json, extract::State};
use shared::ports::access::Role;

use crate::api::{
    caller::Caller,
    extract::Named,
    farm::Shared,
    problem::{Answer, Problem},
    wire::{Page, records::DeliveryBody},
};

/// Lists the events on their way to the job's webhook, oldest first.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "All of them", body = Page<DeliveryBody>))
)]
pub(crate) async fn list(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
) -> Answer<Json<Page<DeliveryBody>>> {
    let job = caller.job(&farm, &id).await?;
    let items = farm.ledger().deliveries(&job.id).await?.iter().map(DeliveryBody::new).collect();
    Ok(Json(Page { items, next: None }))
}

/// Sends one again from the start, with the same `webhook-id`.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/deliveries/{delivery}/replay", tag = "webhooks",
    params(("id" = String, Path, description = "The job"), ("delivery" = u64, Path, description = "The delivery")),
    responses((status = 200, description = "It is due now", body = DeliveryBody))
)]
pub(crate) async fn replay(
    State(farm): Shared,
    caller: Caller,
    Named((id, delivery)): Named<(String, u64)>,
) -> Answer<Json<DeliveryBody>> {
    let job = caller.job(&farm, &id).await?;
    caller.needs(Role::Submitter)?;
    let unknown = || Problem::not_found("delivery of this job");
    if !farm.ledger().replay(&job.id, delivery, farm.now()).await? {
        return Err(unknown());
    }
    caller.did(&farm, &job.terms.tenant, "delivery.replay", &format!("{}/{delivery}", job.id)).await;
    let all = farm.ledger().deliveries(&job.id).await?;
    all.iter().find(|one| one.id == delivery).map(|one| Json(DeliveryBody::new(one))).ok_or_else(unknown)
}
