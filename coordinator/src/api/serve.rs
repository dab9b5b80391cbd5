//! Listening.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use shared::{Error, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    door::Door,
    farm::{Farm, Ports},
    routes_for_everybody, routes_for_watchers,
};
use crate::telemetry;

/// How long requests that are being answered may go on after `cancel`; streams of events end with it.
const GRACE: Duration = Duration::from_secs(5);

/// Time between two looks whether there is a token.
const LOOK: Duration = Duration::from_secs(3);

/// Where a coordinator listens.
#[derive(Debug)]
pub struct Listeners {
    /// For the API. Until there is a token it answers nobody but this machine, and probes.
    pub api: TcpListener,
    /// For `/healthz`, `/readyz` and `/metrics` without a token, on an address that only those can reach who watch over the farm.
    pub health: Option<TcpListener>,
}

/// Answers requests until `cancel`, then lets those that are being answered come to their end for five seconds.
///
/// # Errors
/// When a listener breaks, or the ledger cannot say whether there is a token.
pub async fn serve(listeners: Listeners, ports: Ports, cancel: CancellationToken) -> Result<()> {
    let address = listeners.api.local_addr().map_err(broke)?;
    telemetry::install();
    let has_token = !ports.stores.ledger.tokens().await?.is_empty();
    let door = if address.ip().is_loopback() { Door::of_loopback() } else { Door::to_others(has_token) };
    if !has_token {
        tracing::warn!(
            %address,
            "there is no token yet: only this machine is answered, and everybody on it is an operator of the farm. \
             Make a token with \"emofarm token create\"; others are let in within seconds of that"
        );
    }
    tracing::info!(%address, "the API listens");
    let farm = Arc::new(Farm::new(ports, door));
    let everybody = routes_for_everybody(&farm);
    let closed = cancel.child_token();
    let serving = async {
        tokio::try_join!(
            answer(listeners.api, everybody.clone(), cancel.clone()),
            answer_beside(address, &farm, everybody, closed.clone()),
            answer_watchers(listeners.health, &farm, cancel.clone()),
            open(&farm, address, &closed),
        )
        .map(drop)
    };
    let late = async {
        cancel.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => served,
        () = late => Ok(()),
    }
}

fn broke(error: std::io::Error) -> Error {
    Error::world("the API cannot listen").from_source(error)
}

async fn answer(listener: TcpListener, router: Router, cancel: CancellationToken) -> Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(cancel.cancelled_owned()).await.map_err(broke)
}

/// Answers this machine under its loopback address while the door is closed, where the address of the API is not reached from here.
async fn answer_beside(address: SocketAddr, farm: &Farm, router: Router, closed: CancellationToken) -> Result<()> {
    if farm.door.is_open() || address.ip().is_unspecified() {
        return Ok(());
    }
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    match TcpListener::bind(here).await {
        Ok(listener) => answer(listener, router, closed).await,
        Err(error) => {
            tracing::warn!(%error, address = %here, "until there is a token, the API cannot be asked from this machine either");
            Ok(())
        }
    }
}

async fn answer_watchers(listener: Option<TcpListener>, farm: &Arc<Farm>, cancel: CancellationToken) -> Result<()> {
    match listener {
        Some(listener) => answer(listener, routes_for_watchers(farm), cancel).await,
        None => Ok(()),
    }
}

/// Waits for the first token and opens the door then. `closed` ends what is only done behind a closed door.
async fn open(farm: &Farm, address: SocketAddr, closed: &CancellationToken) -> Result<()> {
    let mut told = false;
    while !farm.door.is_open() {
        tokio::select! {
            () = closed.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
        }
        match farm.ledger().tokens().await {
            Ok(tokens) if tokens.is_empty() => told = false,
            Ok(_) => {
                farm.door.open();
                tracing::info!(%address, "there is a token: the API is open to others");
            }
            Err(error) if !told => {
                tracing::warn!(%error, "whether there is a token cannot be seen; the API stays closed to others");
                told = true;
            }
            Err(_) => {}
        }
    }
    closed.cancel();
    Ok(())
}
