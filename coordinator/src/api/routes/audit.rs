//! `GET /v1/audit`: who did what.

use axum::{Json, extract::State};
use shared::{Name, ports::access::Role};

use crate::{
    api::{
        caller::Caller,
        extract::Asked,
        farm::Shared,
        problem::{Answer, Problem},
        wire::{Page, tenant::AuditBody},
    },
    rfc3339,
};

/// How much of the audit.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only acts that concern this tenant.
    tenant: Option<String>,
    /// Most acts, 1 to 1000; 200 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Lists who did what, the latest first.
#[utoipa::path(
    get, path = "/v1/audit", tag = "tokens", params(AuditQuery),
    responses((status = 200, description = "The latest acts", body = Page<AuditBody>))
)]
pub(crate) async fn list(
    State(farm): Shared,
    caller: Caller,
    Asked(query): Asked<AuditQuery>,
) -> Answer<Json<Page<AuditBody>>> {
    caller.needs(Role::Operator)?;
    let limit = query.limit.unwrap_or(200);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::field("limit", format!("{limit} acts")).mend("give 1 to 1000"));
    }
    let tenant = query.tenant.as_deref().map(str::parse::<Name>).transpose();
    let tenant = tenant.map_err(|error| Problem::of_field("tenant", &error))?;
    let acts = farm.ledger().audited(tenant.as_ref(), limit).await?;
    let items = acts.into_iter().map(|(at, who, tenant, act, on)| {
        let (at, tenant) = (rfc3339::text(at), tenant.to_string());
        AuditBody { at, who, tenant, act, on }
    });
    Ok(Json(Page { items: items.collect(), next: None }))
}
