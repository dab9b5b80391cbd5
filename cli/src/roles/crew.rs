//! Those who take tasks: `emofarm worker` and `emofarm stitcher`.

use std::sync::Arc;

use diffusion::Installed;
use shared::{
    Error, Result,
    ports::{Packs as _, Stores},
    task::Lane,
};
use worker::Shelf;

use super::{Post, drain::Loops, health::Health, name, pod::Pod, scratch::Scratch};
use crate::{
    args::roles::{HandArgs, StitcherArgs, WorkerArgs},
    settings::Settings,
};

/// `emofarm worker`: the lane of the network.
pub(crate) fn worker(args: &WorkerArgs, settings: &Settings) -> Result<u8> {
    let mut settings = with(settings, &args.hand);
    settings.gpu_memory = args.gpu_memory.unwrap_or(settings.gpu_memory);
    // Whoever says nothing about the card's memory means all of it.
    if settings.gpu_memory == 0
        && let Some([_, memory]) = settings.device()?.memory()
    {
        settings.gpu_memory = u32::try_from(memory).unwrap_or(u32::MAX);
    }
    super::run(&settings, |post| alone(post, Lane::Render))
}

/// `emofarm stitcher`: the lane of parts and films.
pub(crate) fn stitcher(args: &StitcherArgs, settings: &Settings) -> Result<u8> {
    // What a stitcher takes needs no GPU, whatever the machine has.
    let settings = Settings { gpu_memory: 0, ..with(settings, &args.hand) };
    super::run(&settings, |post| alone(post, Lane::Stitch))
}

fn with(settings: &Settings, args: &HandArgs) -> Settings {
    let mut settings = settings.clone();
    if !args.pools.is_empty() {
        settings.pools = args.pools.iter().map(shared::Name::as_str).collect::<Vec<_>>().join(",");
    }
    if let Some(address) = args.health {
        settings.health = address.to_string();
    }
    settings
}

/// A process with one lane.
async fn alone(post: Post, lane: Lane) -> Result<()> {
    let role = role(lane);
    let mut loops = Loops::new(&post.cancel);
    let health = Health::start(post.settings.health()?, &mut loops).await?;
    health.waits_for("waiting for the stores");
    let stores = post.stores(role).await?;
    let shelf = shelf(&post.settings)?;
    health.waits_for("loading the model");
    warm(&post, &shelf).await?;
    health.watch(stores.clone(), &mut loops);
    post.watch_clock(&stores, &mut loops);
    start(&post, &stores, &shelf, lane, true, &mut loops)?;
    tracing::info!(pools = post.settings.pools, gpu_memory = post.settings.gpu_memory, "the {role} works");
    loops.run().await
}

/// Reads the usual pack before the first task asks for it. A worker whose usual pack is not there can serve jobs of others.
async fn warm(post: &Post, shelf: &Arc<Shelf>) -> Result<()> {
    let (packs, name) = (Arc::clone(shelf), post.settings.model.clone());
    let started = std::time::Instant::now();
    let load =
        tokio::task::spawn_blocking(move || packs.card(&name).and_then(|card| packs.load(&card.name, &card.digest)));
    tokio::select! {
        () = post.cancel.cancelled() => Err(Error::stopped()),
        loaded = load => match loaded.map_err(|e| Error::world("loading the model broke").from_source(e))? {
            Ok(model) => {
                tracing::info!(model = model.name(), seconds = started.elapsed().as_secs_f64(), "the model is loaded");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "the model of the setting \"model\" cannot be loaded; jobs of other packs can be served");
                Ok(())
            }
        },
    }
}

/// Starts one who takes tasks of `lane`. When an operator drains it, the process ends with it if it is `alone` there.
///
/// # Errors
/// When there is no place for work in progress.
pub(super) fn start(
    post: &Post,
    stores: &Stores,
    shelf: &Arc<Shelf>,
    lane: Lane,
    alone: bool,
    loops: &mut Loops,
) -> Result<()> {
    let role = role(lane);
    let id = name::worker(lane)?;
    let scratch = Scratch::new(&post.settings.data_dir.join("scratch"), &id.0)?;
    let settings = worker::Settings {
        host: name::host(),
        device: post.settings.device()?.describe(),
        scratch_limit: Some(post.settings.scratch_limit << 20).filter(|limit| *limit > 0),
        ..worker::Settings::new(id, post.settings.reach(&[lane])?, scratch.dir())
    };
    let worker = worker::Worker::new(worker::Ports::of(stores, post.clock.clone()), Arc::clone(shelf), settings);
    let worker = Arc::new(worker);
    if lane == Lane::Render && !post.settings.pod.is_empty() {
        let (pod, worker) = (Pod::of(&post.settings.pod)?, Arc::clone(&worker));
        loops.start("pod", move |cancel| async move {
            pod.follow(worker, cancel).await;
            Ok(())
        });
    }
    loops.start(role, move |cancel| async move {
        let ended = worker.run(cancel.clone()).await;
        drop(scratch);
        if !alone && ended.is_ok() && !cancel.is_cancelled() {
            tracing::info!("the {role} was drained; the others of this process go on");
            cancel.cancelled().await;
        }
        ended
    });
    Ok(())
}

/// Who takes tasks of a lane.
fn role(lane: Lane) -> &'static str {
    match lane {
        Lane::Render => "worker",
        Lane::Stitch => "stitcher",
    }
}

/// The models that the workers of this process share: the one at hand, and the one before it.
///
/// # Errors
/// When the device of the settings cannot be used: whoever counts on a card is told at once and not by slow films.
pub(super) fn shelf(settings: &Settings) -> Result<Arc<Shelf>> {
    Ok(Arc::new(Shelf::new(Arc::new(Installed::new(settings.search_path()).on(settings.device()?)), 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_are_not_there_are_refused_before_work_begins() {
        let at = |device: &str| shelf(&Settings::at("http://127.0.0.1:1", "").with_device(Some(device))).map(drop);
        assert!(at("auto").is_ok() && at("cpu").is_ok());
        assert!(at("cuda:99").unwrap_err().to_string().contains("cuda:99"));
    }
}
