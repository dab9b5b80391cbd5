//! The probes of a role without an API: whether it lives, whether it can work, and its metrics.

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use shared::{Error, Result};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// Whether a role can work: nothing, or what it waits for.
pub type Readiness = Option<String>;

/// What a role tells whoever watches over it.
#[derive(Clone)]
pub struct Probes {
    /// What the role waits for, as it changes.
    pub ready: watch::Receiver<Readiness>,
}

/// Answers `/healthz`, `/readyz` and `/metrics` until `cancel`.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, probes: Probes, cancel: CancellationToken) -> Result<()> {
    let router = Router::new()
        .route("/healthz", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes);
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { cancel.cancelled().await })
        .await
        .map_err(|e| Error::world("the probes cannot be answered any more").from_source(e))
}

/// Whether the process lives: answering at all says that its event loop does.
async fn live() -> &'static str {
    "ok\n"
}

/// Whether it can take tasks.
async fn ready(State(probes): State<Probes>) -> impl IntoResponse {
    match &*probes.ready.borrow() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(waits) => (StatusCode::SERVICE_UNAVAILABLE, format!("{waits}\n")),
    }
}

/// What this process counted.
async fn metrics() -> impl IntoResponse {
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], crate::telemetry::render())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(port: u16, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn probes_follow_the_role() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, ready) = watch::channel(Some("waiting for the ledger".to_owned()));
        crate::telemetry::install();
        metrics::counter!("emofarm_probed_total").increment(3);
        let cancel = CancellationToken::new();
        let served = tokio::spawn(serve(listener, Probes { ready }, cancel.clone()));
        assert_eq!(get(port, "/readyz").await, (503, "waiting for the ledger\n".into()));
        tell.send(None).unwrap();
        assert_eq!(get(port, "/readyz").await.0, 200);
        assert_eq!(get(port, "/healthz").await.0, 200);
        tell.send(Some("the queue does not answer".into())).unwrap();
        assert_eq!(get(port, "/readyz").await.0, 503);
        let counted = get(port, "/metrics").await;
        assert!(counted.0 == 200 && counted.1.contains("emofarm_probed_total 3"), "{counted:?}");
        assert_eq!(get(port, "/else").await.0, 404);
        cancel.cancel();
        served.await.unwrap().unwrap();
    }
}
