//! `emofarm coordinator`: API, sweep and webhooks.

use std::{net::SocketAddr, sync::Arc};

use ::coordinator::{Sweep, api::Ports, webhooks::Deliveries};
use diffusion::Installed;
use shared::{
    Error, Result,
    ports::{Packs, Stores},
};
use tokio::net::TcpListener;

use super::{Post, api, drain::Loops, health::bind};
use crate::{args::roles::CoordinatorArgs, roles, settings::Settings};

/// Runs a coordinator until it is asked to end.
pub(crate) fn run(args: &CoordinatorArgs, settings: &Settings) -> Result<u8> {
    let mut settings = settings.clone();
    if let Some(address) = args.listen {
        settings.listen = address.to_string();
    }
    let migrate = args.migrate;
    roles::run(&settings, move |post| work(post, migrate))
}

async fn work(post: Post, migrate: bool) -> Result<()> {
    // A place that is taken is found before anything is waited for.
    let listener = bind("listen", post.settings.listen()?).await?;
    if migrate {
        post.migrated("coordinator").await?;
    }
    let stores = post.stores("coordinator").await?;
    let packs = Arc::new(Installed::new(post.settings.search_path()));
    let mut loops = Loops::new(&post.cancel);
    let address = start(&post, &stores, packs, listener, &mut loops).await?;
    tracing::info!(%address, "the coordinator works; its API is at http://{address}");
    loops.run().await
}

/// Starts everything that a coordinator does; where its API listens.
///
/// # Errors
/// When the API may not listen there, or a source of inputs cannot be used.
pub(super) async fn start(
    post: &Post,
    stores: &Stores,
    packs: Arc<dyn Packs>,
    listener: TcpListener,
    loops: &mut Loops,
) -> Result<SocketAddr> {
    let address = listener.local_addr().map_err(|e| Error::world("the API's address is unknown").from_source(e))?;
    ::coordinator::tokens::may_listen(stores.ledger.as_ref(), address).await?;
    // Coordinators that started together must not look together.
    let seed = u64::from(std::process::id());
    let sweep = Sweep::new(stores.ledger.clone(), stores.queue.clone(), post.clock.clone()).seeded(seed);
    loops.start("sweep", |cancel| async move { sweep.run(cancel).await });
    let settings = api::settings(&post.settings).await?;
    let deliveries = Deliveries::new(stores.ledger.clone(), post.clock.clone(), settings.webhooks, seed)?;
    loops.start("webhooks", |cancel| async move { deliveries.run(cancel).await });
    let ports = Ports { stores: stores.clone(), clock: post.clock.clone(), packs, settings };
    loops.start("API", |cancel| ::coordinator::serve(listener, ports, cancel));
    Ok(address)
}
