//! The worker: waits for a ring, looks, claims, works.

use std::{path::Path, sync::Arc};

use shared::{
    Clock, Error, Reach, Result,
    pace::Pace,
    ports::{Bell, Blobs, Books, Listener, Model, Queue},
    task::Lane,
};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt,
    moment::{Unwatched, Watch},
    renderers::Renderers,
    settings::Settings,
    work::SCRATCH,
};

/// What a worker needs of the world.
#[derive(Clone)]
pub struct Ports {
    /// The truth about tasks.
    pub ledger: Arc<dyn Books>,
    /// The bell.
    pub queue: Arc<dyn Queue>,
    /// What tasks made.
    pub blobs: Arc<dyn Blobs>,
    /// The present moment.
    pub clock: Arc<dyn Clock>,
}

/// Works on one task at a time. A process that wants to do more at once runs several.
pub struct Worker {
    pub(crate) ports: Ports,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) settings: Settings,
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) renderers: Renderers,
    reach: Reach,
}

impl Worker {
    /// A worker for tasks of these lanes.
    pub fn new(ports: Ports, model: Arc<dyn Model>, lanes: &[Lane], settings: Settings) -> Self {
        let reach = Reach::plain(lanes);
        Self { ports, model, settings, watch: Arc::new(Unwatched), renderers: Renderers::default(), reach }
    }

    /// Tells `watch` of each moment of each attempt.
    #[must_use]
    pub fn watched(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = watch;
        self
    }

    /// Works until `cancel`. The task at hand then stops at its next step and is given back; the clips it kept stay.
    ///
    /// # Errors
    /// When the scratch directory cannot be used. Stores that fail are asked again later.
    pub async fn run(&self, cancel: CancellationToken) -> Result<()> {
        clear(&self.settings.scratch)?;
        let mut pace = Pace::new(self.settings.period, seed(&self.settings.id.0));
        let (mut listener, mut deaf) = (None, false);
        loop {
            // Listening before looking: a ring between the two is heard afterwards.
            if listener.is_none() && !deaf {
                listener = self.ports.queue.listen(&self.reach.routes()).await.inspect_err(warn("listen")).ok();
            }
            while !cancel.is_cancelled() && self.look(&cancel).await.inspect_err(warn("look")).unwrap_or(false) {}
            let heard = tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(()),
                heard = hear(&mut listener) => heard,
                () = tokio::time::sleep(pace.wait()) => {
                    deaf = false;
                    continue;
                }
            };
            match heard {
                Ok(bell) => {
                    // Settled before the work: the ledger decides, and from then on the lease says who has the task.
                    settle(&mut listener, bell).await;
                }
                Err(error) => {
                    warn("hear")(&error);
                    // A queue that just failed is asked again after a wait, not at once.
                    (listener, deaf) = (None, true);
                }
            }
        }
    }

    /// Takes one task that is ready and works on it to its end; whether there was one.
    ///
    /// # Errors
    /// When ledger or queue fail. That a task failed is no error of the worker.
    pub async fn tick(&self) -> Result<bool> {
        self.look(&CancellationToken::new()).await
    }

    async fn look(&self, cancel: &CancellationToken) -> Result<bool> {
        let Settings { id, term, .. } = &self.settings;
        match self.ports.ledger.take(id, &self.reach, &[], *term, self.ports.clock.now()).await? {
            Some(lease) => attempt::run(self, &lease, cancel).await.map(|()| true),
            None => Ok(false),
        }
    }
}

/// The next ring; none comes while there is no listener.
async fn hear(listener: &mut Option<Box<dyn Listener>>) -> Result<Bell> {
    match listener {
        Some(listener) => listener.next().await,
        None => std::future::pending().await,
    }
}

async fn settle(listener: &mut Option<Box<dyn Listener>>, bell: Bell) {
    if let Some(listener) = listener {
        let _ = listener.settle(bell).await.inspect_err(warn("settle"));
    }
}

/// Removes what a killed run of this worker left behind.
fn clear(scratch: &Path) -> Result<()> {
    let clear = || {
        std::fs::create_dir_all(scratch)?;
        for entry in std::fs::read_dir(scratch)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(SCRATCH) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    };
    clear().map_err(|e: std::io::Error| {
        Error::world(format!("the scratch directory {} cannot be used", scratch.display())).from_source(e)
    })
}

fn warn(what: &'static str) -> impl Fn(&Error) {
    move |error| tracing::warn!(%error, "the worker failed to {what}")
}

/// Workers of different names look at different times (FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>).
fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
