//! Messages that could not be understood: list, replay, purge.

use axum::{Json, extract::State};
use shared::ports::access::Role;

use crate::api::{
    caller::Caller,
    farm::Shared,
    problem::Answer,
    wire::{
        Page,
        crew::{CountBody, DeadLetterBody},
    },
};

/// Most that are shown.
const SHOWN: u32 = 200;

/// Lists messages of the queue that could not be understood, at most 200. They stay where they are.
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "dead letters",
    responses((status = 200, description = "The first of them", body = Page<DeadLetterBody>))
)]
pub(crate) async fn list(State(farm): Shared, caller: Caller) -> Answer<Json<Page<DeadLetterBody>>> {
    caller.needs(Role::Operator)?;
    let letters = farm.stores.queue.dead_letters(SHOWN).await?;
    let items = letters.into_iter().map(|letter| DeadLetterBody {
        id: letter.id,
        from: letter.from,
        reason: letter.reason,
        body: letter.body,
    });
    Ok(Json(Page { items: items.collect(), next: None }))
}

/// Puts every dead letter back into the queue that it came from.
#[utoipa::path(
    post, path = "/v1/dead-letters/replay", tag = "dead letters",
    responses((status = 200, description = "How many there were", body = CountBody))
)]
pub(crate) async fn replay(State(farm): Shared, caller: Caller) -> Answer<Json<CountBody>> {
    caller.needs(Role::Operator)?;
    let count = farm.stores.queue.replay_dead_letters().await?;
    caller.did(&farm, &caller.tenant, "dead_letters.replay", &count.to_string()).await;
    Ok(Json(CountBody { count }))
}

/// Throws all dead letters away.
#[utoipa::path(
    delete, path = "/v1/dead-letters", tag = "dead letters",
    responses((status = 200, description = "How many there were", body = CountBody))
)]
pub(crate) async fn purge(State(farm): Shared, caller: Caller) -> Answer<Json<CountBody>> {
    caller.needs(Role::Operator)?;
    let count = farm.stores.queue.purge_dead_letters().await?;
    caller.did(&farm, &caller.tenant, "dead_letters.purge", &count.to_string()).await;
    Ok(Json(CountBody { count }))
}
