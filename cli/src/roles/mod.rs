//! The roles of a farm: coordinator, worker, stitcher, all of them in one process; and the ledger's migration.

mod all;
mod api;
pub(crate) mod clock;
mod coordinator;
mod crew;
mod drain;
mod health;
mod migrate;
mod name;
mod pod;
mod scratch;
mod stores;
mod wait;

pub(crate) use all::run as all;
pub(crate) use coordinator::run as coordinator;
pub(crate) use crew::{stitcher, worker};
pub(crate) use migrate::run as migrate;

use std::sync::Arc;

use shared::{Result, clock::SystemClock};
use tokio_util::sync::CancellationToken;

use crate::{exit, interrupt, runtime, settings::Settings};

/// What every role works with from its first moment.
#[derive(Clone)]
pub(crate) struct Post {
    /// What was set.
    pub(crate) settings: Settings,
    /// Cancelled when somebody asks the role to end.
    pub(crate) cancel: CancellationToken,
    /// The time.
    pub(crate) clock: Arc<SystemClock>,
}

/// Runs a role until it is asked to end. That is the usual way for a role to end, so it is no failure.
fn run<F: Future<Output = Result<()>>>(settings: &Settings, role: impl FnOnce(Post) -> F) -> Result<u8> {
    ::coordinator::telemetry::install();
    let runtime = runtime::start(threads(), 64)?;
    let ended = runtime.block_on(async {
        let cancel = interrupt::token()?;
        let post = Post { settings: settings.clone(), cancel: cancel.clone(), clock: Arc::new(SystemClock) };
        match role(post).await {
            // A role that was asked to end while it waited for a store ended as it should.
            Err(error) if cancel.is_cancelled() && error.cause() == shared::error::Cause::Stopped => Ok(()),
            ended => ended,
        }
    });
    // Threads that a drain gave up on are not waited for: their leases are back already, or run out.
    runtime.shutdown_background();
    ended.map(|()| exit::DONE)
}

/// Threads for requests, bells and renewals; computing has threads of its own.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8)
}
