//! Workers and backlogs as operators and autoscalers see them.

use shared::{
    Timestamp,
    ports::crew::{GONE_AFTER, Hand, WorkerState},
};
use utoipa::ToSchema;

use crate::rfc3339;

/// A worker.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct WorkerBody {
    /// Its id, new for every run of the program.
    pub(crate) id: String,
    /// The machine or pod.
    pub(crate) host: String,
    /// What it computes on.
    pub(crate) device: String,
    /// Version of the program.
    pub(crate) version: String,
    /// Its lanes: `render`, `stitch`.
    pub(crate) lanes: Vec<&'static str>,
    /// Its pools.
    pub(crate) pools: Vec<String>,
    /// Its GPU memory in MiB.
    pub(crate) gpu_memory: u32,
    /// The model packs that it has loaded.
    pub(crate) models: Vec<String>,
    /// `starting`, `idle`, `busy`, `draining`, `set_aside`, or `gone` when it was not heard of for half a minute.
    pub(crate) state: &'static str,
    /// Why it was set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The job that it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
    /// The task that it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<String>,
    /// When it was first heard of.
    pub(crate) since: String,
    /// When it was last heard of.
    pub(crate) seen: String,
    /// Tasks that it did.
    pub(crate) done: u64,
    /// Attempts that failed on it.
    pub(crate) failed: u64,
}

impl WorkerBody {
    /// The worker as operators see it.
    pub(crate) fn new(hand: &Hand, now: Timestamp) -> Self {
        let (card, gone) = (&hand.card, now.since(hand.seen) >= GONE_AFTER);
        let (reason, at) = match &hand.state {
            WorkerState::SetAside { reason } => (Some(reason.clone()), None),
            WorkerState::Busy { job, task } if !gone => (None, Some((job, task))),
            _ => (None, None),
        };
        Self {
            id: card.id.0.clone(),
            host: card.host.clone(),
            device: card.device.clone(),
            version: card.version.clone(),
            lanes: card.reach.lanes.iter().map(|lane| lane.name()).collect(),
            pools: card.reach.pools.iter().map(ToString::to_string).collect(),
            gpu_memory: card.reach.gpu_memory,
            models: card.models.clone(),
            state: if gone { "gone" } else { hand.state.name() },
            reason,
            job: at.map(|(job, _)| job.to_string()),
            task: at.map(|(_, task)| task.to_string()),
            since: rfc3339::text(hand.since),
            seen: rfc3339::text(hand.seen),
            done: hand.done,
            failed: hand.failed,
        }
    }
}

/// Work that waits or is under way in a pool, for autoscalers.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct BacklogBody {
    /// The pool.
    pub(crate) pool: String,
    /// The lane.
    pub(crate) lane: String,
    /// Tasks that are ready and not taken, and tasks that workers have: never 0 while a worker is busy.
    pub(crate) tasks: u64,
    /// Of those, the ones that nobody took yet.
    pub(crate) waiting: u64,
    /// Seconds of work in them for one worker.
    pub(crate) seconds: f64,
    /// Workers of the pool that take tasks.
    pub(crate) workers: u64,
}

/// A message that could not be understood.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct DeadLetterBody {
    /// The queue's own name for it.
    pub(crate) id: String,
    /// The queue that it came from.
    pub(crate) from: String,
    /// Why it was put aside.
    pub(crate) reason: String,
    /// Its bytes, as far as they can be shown.
    pub(crate) body: String,
}

/// How many there were.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct CountBody {
    /// How many.
    pub(crate) count: u64,
}
