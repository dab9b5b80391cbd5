//! `emofarm coordinator`: API, sweep and webhooks.

use std::{net::SocketAddr, sync::Arc};

use ::coordinator::{Listeners, Retention, Sweep, api::Ports, webhooks::Deliveries};
use diffusion::Installed;
use shared::{
    Error, Result,
    ports::{Packs, Stores},
};

use super::{Post, api, drain::Loops, health::bind, name, scratch::Scratch};
use crate::{args::roles::CoordinatorArgs, roles, settings::Settings};

/// Runs a coordinator until it is asked to end.
pub(crate) fn run(args: &CoordinatorArgs, settings: &Settings) -> Result<u8> {
    let mut settings = settings.clone();
    if let Some(address) = args.listen {
        settings.listen = address.to_string();
    }
    if let Some(address) = args.health {
        settings.health = address.to_string();
    }
    let migrate = args.migrate;
    roles::run(&settings, move |post| work(post, migrate))
}

async fn work(post: Post, migrate: bool) -> Result<()> {
    // A place that is taken is found before anything is waited for.
    let listeners = listeners(&post.settings).await?;
    if migrate {
        post.migrated("coordinator").await?;
    }
    let stores = post.stores("coordinator").await?;
    let packs = Arc::new(Installed::new(post.settings.search_path()));
    let mut loops = Loops::new(&post.cancel);
    post.watch_clock(&stores, &mut loops);
    let address = start(&post, &stores, packs, listeners, &mut loops).await?;
    tracing::info!(%address, "the coordinator works; its API is at http://{address}");
    loops.run().await
}

/// Takes the addresses of the settings.
///
/// # Errors
/// Names the one that is taken.
pub(super) async fn listeners(settings: &Settings) -> Result<Listeners> {
    let api = bind("listen", settings.listen()?).await?;
    let health = match settings.health()? {
        Some(address) => Some(bind("health", address).await?),
        None => None,
    };
    Ok(Listeners { api, health })
}

/// Starts everything that a coordinator does; where its API listens.
///
/// # Errors
/// When a source of inputs cannot be used, or there is no place for uploads.
pub(super) async fn start(
    post: &Post,
    stores: &Stores,
    packs: Arc<dyn Packs>,
    listeners: Listeners,
    loops: &mut Loops,
) -> Result<SocketAddr> {
    let address = listeners.api.local_addr();
    let address = address.map_err(|e| Error::world("the API's address is unknown").from_source(e))?;
    // Coordinators that started together must not look together.
    let seed = u64::from(std::process::id());
    let sweep = Sweep::new(stores.ledger.clone(), stores.queue.clone(), post.clock.clone()).seeded(seed);
    loops.start("sweep", |cancel| async move { sweep.run(cancel).await });
    let retention = Retention::new(stores.ledger.clone(), stores.blobs.clone(), post.clock.clone(), seed);
    loops.start("retention", |cancel| async move { retention.run(cancel).await });
    let uploads = Scratch::new(&post.settings.data_dir.join("uploads"), &name::process()?)?;
    let settings = api::settings(&post.settings, uploads.dir()).await?;
    let deliveries = Deliveries::new(stores.ledger.clone(), post.clock.clone(), settings.webhooks, seed)?;
    loops.start("webhooks", |cancel| async move { deliveries.run(cancel).await });
    let ports = Ports { stores: stores.clone(), clock: post.clock.clone(), packs, settings };
    loops.start("API", |cancel| async move {
        let ended = ::coordinator::serve(listeners, ports, cancel).await;
        drop(uploads);
        ended
    });
    Ok(address)
}
