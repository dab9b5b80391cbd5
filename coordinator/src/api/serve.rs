//! Listening.

use shared::{Error, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{farm::Ports, router};
use crate::{telemetry, tokens};

/// How long requests that are being answered may go on after `cancel`; streams of events end with it.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// Answers requests on `listener` until `cancel`, then lets those that are being answered come to their end for five seconds.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) when there is no token yet and others than this machine could reach the listener.
pub async fn serve(listener: TcpListener, ports: Ports, cancel: CancellationToken) -> Result<()> {
    let broke = |e: std::io::Error| Error::world("the API cannot listen").from_source(e);
    let address = listener.local_addr().map_err(broke)?;
    tokens::may_listen(ports.stores.ledger.as_ref(), address).await?;
    telemetry::install();
    let loopback = address.ip().is_loopback();
    if loopback && ports.stores.ledger.tokens().await?.is_empty() {
        tracing::warn!(%address, "there is no token yet: everybody on this machine is an operator of the farm");
    }
    tracing::info!(%address, "the API listens");
    let stop = cancel.clone();
    let serving = axum::serve(listener, router(ports, loopback)).with_graceful_shutdown(stop.cancelled_owned());
    let late = async {
        cancel.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => served.map_err(broke),
        () = late => Ok(()),
    }
}
