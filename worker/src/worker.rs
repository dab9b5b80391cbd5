//! The worker: waits for a ring, takes a task, works.

use std::{path::Path, sync::Arc, time::Duration};

use shared::{
    Clock, Error, Result,
    outage::Outage,
    pace::Pace,
    ports::{
        Blobs, Books, Queue, Stores,
        crew::{WorkerCard, WorkerState},
    },
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt,
    desks::Desks,
    ears::Ears,
    moment::{Unwatched, Watch},
    post::Post,
    renderers::Renderers,
    settings::Settings,
    shelf::Shelf,
    streak::Streaks,
    tempo::Tempo,
    work::SCRATCH,
};

/// How long a worker that ends takes to say so.
const FAREWELL: Duration = Duration::from_secs(1);

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

impl Ports {
    /// The ports of these stores.
    pub fn of(stores: &Stores, clock: Arc<dyn Clock>) -> Self {
        let Stores { ledger, queue, blobs } = stores.clone();
        Self { ledger, queue, blobs, clock }
    }
}

/// Works on one task at a time. A process that wants to do more at once runs several, which share a [`Shelf`].
pub struct Worker {
    pub(crate) ports: Ports,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) settings: Settings,
    pub(crate) watch: Arc<dyn Watch>,
    pub(crate) desks: Desks,
    pub(crate) renderers: Renderers,
    pub(crate) tempo: Tempo,
    pub(crate) streaks: Streaks,
    pub(crate) post: Post,
}

impl Worker {
    /// A worker with the models of `shelf`.
    pub fn new(ports: Ports, shelf: Arc<Shelf>, settings: Settings) -> Self {
        let (desks, renderers, tempo, streaks, post) = <(Desks, Renderers, Tempo, Streaks, Post)>::default();
        Self { ports, shelf, settings, watch: Arc::new(Unwatched), desks, renderers, tempo, streaks, post }
    }

    /// Tells `watch` of each moment of each attempt.
    #[must_use]
    pub fn watched(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = watch;
        self
    }

    /// What the worker is at.
    pub fn state(&self) -> WorkerState {
        self.post.state()
    }

    /// What the worker says of itself.
    pub fn card(&self) -> WorkerCard {
        let Settings { id, reach, host, device, .. } = self.settings.clone();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        WorkerCard { id, host, device, version, reach, models: self.shelf.names() }
    }

    /// Works until `cancel`, or until an operator asks the worker to drain. When cancelled, the task at hand stops at its next step
    /// and is given back; the clips it kept stay. When drained, it is finished. A store that is down is waited for.
    ///
    /// # Errors
    /// When the scratch directory cannot be used.
    pub async fn run(&self, cancel: CancellationToken) -> Result<()> {
        clear(&self.settings.scratch)?;
        let Ports { ledger, clock, .. } = &self.ports;
        tokio::select! {
            () = self.post.report(ledger.as_ref(), clock.as_ref(), || self.card(), self.seed()) => {}
            () = self.work(&cancel) => {}
        }
        match timeout(FAREWELL, ledger.leave(&self.settings.id)).await {
            Ok(Ok(())) => {}
            // It is forgotten by itself once it was not heard of for a while.
            Ok(Err(error)) => tracing::debug!(%error, "the worker could not say that it ends"),
            Err(_) => tracing::debug!("the worker could not say in time that it ends"),
        }
        Ok(())
    }

    async fn work(&self, cancel: &CancellationToken) {
        let Ports { queue, clock, .. } = &self.ports;
        let mut ears = Ears::new(queue.as_ref(), clock.as_ref(), self.settings.reach.routes(), self.seed());
        let (mut pace, mut outage) = (Pace::new(self.settings.period, self.seed()), Outage::new(self.seed()));
        // The first look needs no ring, and neither does one after the ledger was down.
        let mut looks = true;
        while !self.ends(cancel) {
            if self.post.is_set_aside() {
                ears.close();
                self.rest(cancel).await;
                continue;
            }
            self.post.is_at(WorkerState::Idle);
            if looks {
                looks = self.look(&mut outage, cancel).await;
                continue;
            }
            let bell = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = self.post.draining().cancelled() => return,
                bell = ears.next() => bell,
                () = sleep(pace.wait()) => {
                    looks = true;
                    continue;
                }
            };
            looks = match self.take(cancel).await {
                Ok(_) => false,
                Err(error) => self.wait(&mut outage, &error, cancel).await,
            };
            // Unsettled while the work lasts: the queue counts who is at work, and a worker that dies leaves its ring to others.
            ears.settle(bell).await;
        }
    }

    fn ends(&self, cancel: &CancellationToken) -> bool {
        cancel.is_cancelled() || self.post.draining().is_cancelled()
    }

    /// Takes tasks until there is none; whether to look again at once, because the ledger was down.
    async fn look(&self, outage: &mut Outage, cancel: &CancellationToken) -> bool {
        while !self.ends(cancel) && !self.post.is_set_aside() {
            match self.take(cancel).await {
                Ok(taken) => {
                    if let Some(time) = outage.over(self.ports.clock.now()) {
                        tracing::info!(seconds = time.as_secs(), "the worker goes on");
                    }
                    if !taken {
                        return false;
                    }
                }
                Err(error) => return self.wait(outage, &error, cancel).await,
            }
        }
        false
    }

    /// Waits for a store that is down; always says to look again.
    async fn wait(&self, outage: &mut Outage, error: &Error, cancel: &CancellationToken) -> bool {
        let advice = outage.failed(error, self.ports.clock.now());
        if let Some(what) = advice.say {
            tracing::warn!(error = what, "the worker waits, and tries again");
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = sleep(advice.wait) => {}
        }
        true
    }

    /// Set aside: stays visible, takes nothing.
    async fn rest(&self, cancel: &CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.post.draining().cancelled() => {}
            () = self.post.until_back() => {}
        }
    }

    /// Takes one released task and works on it to its end; whether there was one.
    ///
    /// # Errors
    /// When the ledger fails. That a task failed is no error of the worker.
    pub async fn tick(&self) -> Result<bool> {
        self.take(&CancellationToken::new()).await
    }

    async fn take(&self, cancel: &CancellationToken) -> Result<bool> {
        let Settings { id, reach, term, .. } = &self.settings;
        let held = self.renderers.jobs();
        match self.ports.ledger.take(id, reach, &held, *term, self.ports.clock.now()).await? {
            Some(lease) => {
                self.post.is_at(WorkerState::busy(&lease.key));
                attempt::run(self, &lease, cancel).await.map(|()| true)
            }
            None => Ok(false),
        }
    }

    /// Workers of different names look at different times (FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>).
    pub(crate) fn seed(&self) -> u64 {
        let name = self.settings.id.0.bytes();
        name.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
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
