//! `/metrics`: what Prometheus reads.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use shared::Timestamp;

use super::backlog::all;
use crate::{
    api::{farm::Shared, problem::Answer, standing::crew},
    telemetry,
};

/// Metrics of this process and of the whole farm, in the text format of Prometheus. Needs no token: it names pools and tenants, never jobs.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, description = "All metrics", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(farm): Shared) -> Answer<Response> {
    let now: Timestamp = farm.now();
    let census = farm.ledger().census(now).await?;
    let backlogs = all(&farm).await?;
    let crew = crew(&farm).await?;
    let text = telemetry::render() + &telemetry::farm(&census, &backlogs, &crew, now);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
