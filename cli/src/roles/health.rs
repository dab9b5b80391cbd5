//! Whether a worker or stitcher is well, for whoever watches over it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use coordinator::probes::{Probes, Readiness};
use shared::{Error, Result, ports::Stores};
use tokio::{net::TcpListener, sync::watch};

use super::drain::Loops;

/// Time between two looks at the stores.
const LOOK: Duration = Duration::from_secs(5);

/// How long a store may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Tells what a role waits for.
#[derive(Clone)]
pub(super) struct Health {
    ready: Arc<watch::Sender<Readiness>>,
}

impl Health {
    /// Answers probes at `address`, if there is one, from now on: a role that still waits for its stores lives already.
    ///
    /// # Errors
    /// When nothing can listen there.
    pub(super) async fn start(address: Option<SocketAddr>, loops: &mut Loops) -> Result<Self> {
        let (tell, ready) = watch::channel(Some("starting".to_owned()));
        if let Some(address) = address {
            let listener = bind("health", address).await?;
            loops.start("probes", move |cancel| coordinator::probes::serve(listener, Probes { ready }, cancel));
        }
        Ok(Self { ready: Arc::new(tell) })
    }

    /// Says what the role waits for now.
    pub(super) fn waits_for(&self, what: &str) {
        self.ready.send_replace(Some(what.to_owned()));
    }

    /// Keeps looking whether the stores answer; the role is ready while they do.
    pub(super) fn watch(self, stores: Stores, loops: &mut Loops) {
        loops.start("health", |cancel| async move {
            loop {
                let found = match tokio::time::timeout(PATIENCE, ask(&stores)).await {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(_) => Some(format!("a store did not answer within {} s", PATIENCE.as_secs())),
                };
                self.ready.send_replace(found);
                tokio::select! {
                    () = cancel.cancelled() => return Ok(()),
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        });
    }
}

async fn ask(stores: &Stores) -> Result<()> {
    stores.ledger.ping().await?;
    stores.queue.ping().await?;
    stores.blobs.ping().await
}

/// Listens at the address of a setting.
///
/// # Errors
/// Names the setting when nothing can listen there.
pub(super) async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        Error::order(format!("nothing can listen at {address}"))
            .from_source(e)
            .mend(format!("another program may be there: choose another address with --{setting}"))
    })
}
