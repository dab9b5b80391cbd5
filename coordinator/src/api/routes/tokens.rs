//! `GET`, `POST` and `DELETE /v1/tokens`.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use shared::{Name, ports::access::Role};

use crate::{
    api::{
        caller::Caller,
        extract::{Named, Strict},
        farm::Shared,
        problem::{Answer, Problem},
        wire::{
            Page,
            tenant::{IssuedBody, TokenAsk, TokenBody},
        },
    },
    tokens,
};

/// Lists all tokens that were not revoked. Their text is known to nobody but their owners.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "tokens",
    responses((status = 200, description = "All of them", body = Page<TokenBody>))
)]
pub(crate) async fn list(State(farm): Shared, caller: Caller) -> Answer<Json<Page<TokenBody>>> {
    caller.needs(Role::Operator)?;
    let items = farm.ledger().tokens().await?.iter().map(Into::into).collect();
    Ok(Json(Page { items, next: None }))
}

/// Makes a token. Its text is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", request_body = TokenAsk,
    responses((status = 201, description = "The token", body = IssuedBody))
)]
pub(crate) async fn make(
    State(farm): Shared,
    caller: Caller,
    Strict(ask): Strict<TokenAsk>,
) -> Answer<(StatusCode, Json<IssuedBody>)> {
    caller.needs(Role::Operator)?;
    let tenant: Name = ask.tenant.parse().map_err(|error| Problem::of_field("tenant", &error))?;
    let unknown = || Problem::field("role", format!("there is no role \"{}\"", ask.role));
    let role = Role::named(&ask.role).ok_or_else(|| unknown().mend("the roles are viewer, submitter and operator"))?;
    if ask.note.len() > 200 {
        return Err(Problem::field("note", "a note has at most 200 characters"));
    }
    if ask.days == Some(0) {
        return Err(Problem::field("days", "a token of 0 days is never valid"));
    }
    let expires = ask.days.map(|days| farm.now().after(Duration::from_secs(u64::from(days) * 86_400)));
    let (ledger, clock) = (farm.ledger(), farm.clock.as_ref());
    let issued = tokens::issue(ledger, &caller.who, tenant.clone(), role, ask.note, expires, clock).await?;
    caller.log(&tenant, "token.make", &issued.token.id);
    let token = TokenBody::from(&issued.token);
    Ok((StatusCode::CREATED, Json(IssuedBody { text: issued.text, token })))
}

/// Ends a token at once.
#[utoipa::path(
    delete, path = "/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "The token's name")),
    responses((status = 204, description = "It is valid no more"))
)]
pub(crate) async fn revoke(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<StatusCode> {
    caller.needs(Role::Operator)?;
    if !farm.ledger().revoke(&id, &caller.who, farm.now()).await? {
        return Err(Problem::not_found("token"));
    }
    caller.log(&caller.tenant, "token.revoke", &id);
    Ok(StatusCode::NO_CONTENT)
}
