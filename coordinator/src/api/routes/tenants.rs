//! `GET /v1/tenants` and `PUT /v1/tenants/{name}`.

use axum::{Json, extract::State};
use shared::{Name, ports::access::Role};

use crate::api::{
    caller::Caller,
    extract::{Named, Strict},
    farm::Shared,
    problem::{Answer, Problem},
    wire::{
        Page,
        tenant::{TenantAsk, TenantBody},
    },
};

/// Lists the tenants that operators made. A tenant that is not listed has no limits.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "tenants",
    responses((status = 200, description = "All of them, by name", body = Page<TenantBody>))
)]
pub(crate) async fn list(State(farm): Shared, caller: Caller) -> Answer<Json<Page<TenantBody>>> {
    caller.needs(Role::Operator)?;
    let items = farm.ledger().tenants().await?.iter().map(Into::into).collect();
    Ok(Json(Page { items, next: None }))
}

/// Tells what a tenant is entitled to.
#[utoipa::path(
    get, path = "/v1/tenants/{name}", tag = "tenants",
    params(("name" = String, Path, description = "The tenant")),
    responses((status = 200, description = "The tenant", body = TenantBody))
)]
pub(crate) async fn get(State(farm): Shared, caller: Caller, Named(name): Named<String>) -> Answer<Json<TenantBody>> {
    let unknown = || Problem::not_found("tenant");
    let name: Name = name.parse().map_err(|_| unknown())?;
    if caller.sees().is_some_and(|own| *own != name) {
        return Err(unknown());
    }
    let tenant = farm.ledger().tenant(&name).await?.ok_or_else(unknown)?;
    Ok(Json((&tenant).into()))
}

/// Makes or changes a tenant. Work under way is not touched.
#[utoipa::path(
    put, path = "/v1/tenants/{name}", tag = "tenants",
    params(("name" = String, Path, description = "The tenant")),
    request_body = TenantAsk,
    responses((status = 200, description = "The tenant as it is now", body = TenantBody))
)]
pub(crate) async fn put(
    State(farm): Shared,
    caller: Caller,
    Named(name): Named<String>,
    Strict(ask): Strict<TenantAsk>,
) -> Answer<Json<TenantBody>> {
    caller.needs(Role::Operator)?;
    let name: Name = name.parse().map_err(|error| Problem::of_field("name", &error))?;
    let tenant = ask.read(name.clone())?;
    farm.ledger().set_tenant(&tenant, &caller.who, farm.now()).await?;
    farm.wake().await;
    caller.log(&name, "tenant.set", name.as_str());
    Ok(Json((&tenant).into()))
}
