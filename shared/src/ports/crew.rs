//! The crew: who works here, what each is at, and what operators ask of them.

use async_trait::async_trait;

use crate::{JobId, Reach, Result, TaskKey, Timestamp, ports::ledger::WorkerId};

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WorkerCard {
    /// Its id, new for every run of the program.
    pub id: WorkerId,
    /// The machine or pod.
    pub host: String,
    /// What it computes on, in words.
    pub device: String,
    /// Version of the program.
    pub version: String,
    /// What it can take.
    pub reach: Reach,
    /// The model packs that it has loaded.
    pub models: Vec<String>,
}

/// What a worker is at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WorkerState {
    /// Loads its model.
    Starting,
    /// Waits for a task.
    Idle,
    /// Works.
    Busy {
        /// On this job.
        job: JobId,
        /// On this task of it.
        task: crate::TaskId,
    },
    /// Finishes what it has and takes nothing more.
    Draining,
    /// Failed too often and takes nothing until an operator says so.
    SetAside {
        /// Why.
        reason: String,
    },
}

impl WorkerState {
    /// The state's name in ledgers and output.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Busy { .. } => "busy",
            Self::Draining => "draining",
            Self::SetAside { .. } => "set_aside",
        }
    }

    /// Whether tasks may be released for such a worker.
    pub fn takes_tasks(&self) -> bool {
        matches!(self, Self::Idle | Self::Busy { .. })
    }

    /// Work on a task.
    pub fn busy(key: &TaskKey) -> Self {
        Self::Busy { job: key.job.clone(), task: key.task.clone() }
    }
}

/// What an operator asks of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerOrder {
    /// Work as usual; a worker that was set aside comes back.
    Work,
    /// Finish the task at hand, then end.
    Drain,
}

impl WorkerOrder {
    /// The order's name in ledgers and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Drain => "drain",
        }
    }

    /// The order called `name`.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Work, Self::Drain].into_iter().find(|order| order.name() == name)
    }
}

/// A worker as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hand {
    /// What it said of itself.
    pub card: WorkerCard,
    /// What it was at when it was last heard of.
    pub state: WorkerState,
    /// When it was first heard of.
    pub since: Timestamp,
    /// When it was last heard of.
    pub seen: Timestamp,
    /// Tasks that it did.
    pub done: u64,
    /// Attempts that failed on it.
    pub failed: u64,
}

/// Workers that were not heard of for so long count as gone.
pub const GONE_AFTER: std::time::Duration = std::time::Duration::from_secs(30);

/// Keeps the crew.
#[async_trait]
pub trait Crew: Send + Sync {
    /// A worker tells what it is at, every few seconds and at every change. Returns what operators ask of it, once: an order is taken away by being read,
    /// except [`WorkerOrder::Drain`], which stays.
    async fn report(&self, card: &WorkerCard, state: &WorkerState, now: Timestamp) -> Result<Option<WorkerOrder>>;

    /// A worker ends in good order and is forgotten.
    async fn leave(&self, id: &WorkerId) -> Result<()>;

    /// Everybody heard of since `since`, by id. Workers not heard of for a day are forgotten.
    async fn crew(&self, since: Timestamp) -> Result<Vec<Hand>>;

    /// Asks something of a worker; whether it is known.
    async fn ask(&self, id: &WorkerId, order: WorkerOrder) -> Result<bool>;
}
