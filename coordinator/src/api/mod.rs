//! The HTTP API: what clients, operators, probes and autoscalers ask the farm.
//!
//! One file for each subject in `routes`; what goes over the wire in `wire`; every refusal is a [`Problem`] with a stable
//! [`Code`]. The document at `/v1/openapi.json` is made of the handlers themselves. `docs/api.md` shows how to use it.

mod accept;
mod admission;
mod answers;
mod caller;
mod code;
mod document;
mod door;
mod extract;
mod farm;
mod intake;
mod layers;
mod overview;
mod problem;
mod range;
mod routes;
mod serve;
mod settings;
mod standing;
mod thumbnail;
mod trace;
pub(crate) mod wire;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use code::Code;
pub use document::document;
pub use farm::Ports;
pub(crate) use overview::Overview;
pub use problem::Problem;
pub use serve::{Listeners, serve};
pub use settings::{Limits, Settings, Sources, TENANT};

use self::{
    door::Door,
    farm::Farm,
    routes::{
        artifacts, audit, backlog, control, dead_letters, deliveries, estimate, events, explain, health, job, jobs,
        logs, metrics, quality, retakes, submit, tasks, tenants, tokens, watch, workers,
    },
};

/// All endpoints with their documentation.
fn endpoints() -> OpenApiRouter<Arc<Farm>> {
    let uploads = OpenApiRouter::new().routes(routes!(submit::submit)).routes(routes!(retakes::submit));
    let uploads = uploads.layer(DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(document::frame())
        .merge(uploads)
        .routes(routes!(jobs::list))
        .routes(routes!(estimate::ask))
        .routes(routes!(job::status))
        .routes(routes!(explain::why))
        .routes(routes!(events::events))
        .routes(routes!(tasks::tasks))
        .routes(routes!(tasks::attempts))
        .routes(routes!(logs::logs))
        .routes(routes!(quality::list))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::get))
        .routes(routes!(watch::playlist))
        .routes(routes!(watch::fragment))
        .routes(routes!(control::cancel))
        .routes(routes!(control::pause))
        .routes(routes!(control::resume))
        .routes(routes!(control::drain))
        .routes(routes!(control::approve))
        .routes(routes!(control::retry))
        .routes(routes!(control::priority))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::replay))
        .routes(routes!(workers::list))
        .routes(routes!(workers::drain))
        .routes(routes!(workers::work))
        .routes(routes!(backlog::backlog))
        .routes(routes!(tenants::list))
        .routes(routes!(tenants::get, tenants::put))
        .routes(routes!(tokens::list, tokens::make))
        .routes(routes!(tokens::revoke))
        .routes(routes!(dead_letters::list, dead_letters::purge))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(audit::list))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(document::openapi))
}

/// The service over some ports for a listener that only this machine can reach: while there is no token in the ledger, everybody
/// is an operator.
pub fn router(ports: Ports) -> Router {
    routes_for_everybody(&Arc::new(Farm::new(ports, Door::of_loopback())))
}

/// What the API answers.
fn routes_for_everybody(farm: &Arc<Farm>) -> Router {
    let json = farm.settings.limits.json_bytes;
    let (router, _) = endpoints().split_for_parts();
    router
        .fallback(layers::no_path)
        .method_not_allowed_fallback(layers::no_method)
        .layer(DefaultBodyLimit::max(json))
        .route_layer(middleware::from_fn_with_state(farm.clone(), layers::bounds))
        .layer(middleware::from_fn_with_state(farm.door.clone(), door::layer))
        .layer(middleware::from_fn(trace::layer))
        .with_state(farm.clone())
}

/// What is answered on the address for probes and Prometheus, where nobody needs a token.
fn routes_for_watchers(farm: &Arc<Farm>) -> Router {
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::open))
        .fallback(layers::no_path)
        .route_layer(middleware::from_fn_with_state(farm.clone(), layers::bounds))
        .layer(middleware::from_fn(trace::layer))
        .with_state(farm.clone())
}
