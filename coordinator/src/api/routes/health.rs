//! `/healthz` and `/readyz`.

use std::{collections::BTreeMap, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use shared::Result;
use utoipa::ToSchema;

use crate::api::farm::Shared;

/// How long a store may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the coordinator can work.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct ReadyBody {
    /// Whether every store answers.
    pub(crate) ready: bool,
    /// `ok`, or what is wrong, for `ledger`, `queue` and `blobs`.
    pub(crate) stores: BTreeMap<&'static str, &'static str>,
    /// What keeps the API from answering others than this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<&'static str>,
}

/// Answers while the process lives, whatever the stores do.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "It lives", body = String, content_type = "text/plain")))]
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// Tells whether ledger, queue and blob store answer.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "All answer", body = ReadyBody),
        (status = 503, description = "One does not", body = ReadyBody),
    )
)]
pub(crate) async fn ready(State(farm): Shared) -> (StatusCode, Json<ReadyBody>) {
    let stores = &farm.stores;
    let (ledger, queue, blobs) =
        tokio::join!(answers(stores.ledger.ping()), answers(stores.queue.ping()), answers(stores.blobs.ping()));
    let stores = BTreeMap::from([("ledger", ledger), ("queue", queue), ("blobs", blobs)]);
    let ready = stores.values().all(|said| *said == "ok");
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // A probe that failed for this would keep an operator from the very process in which to make the token.
    let closed = (!farm.door.is_open()).then_some("there is no token yet: only this machine is answered");
    (status, Json(ReadyBody { ready, stores, closed }))
}

/// What a probe may tell everybody; the reason, which names hosts, goes to the log.
async fn answers(ping: impl Future<Output = Result<()>>) -> &'static str {
    match tokio::time::timeout(PATIENCE, ping).await {
        Ok(Ok(())) => "ok",
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            "does not answer"
        }
        Err(_) => "does not answer in time",
    }
}
