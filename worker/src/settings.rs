//! How a worker works.

use std::{path::PathBuf, time::Duration};

use shared::{
    Reach,
    ports::{Patience, WorkerId},
};

/// How a worker works; nothing here changes the picture.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name under which it claims, unique for every run of the program.
    pub id: WorkerId,
    /// What it can take.
    pub reach: Reach,
    /// The machine or pod, for people.
    pub host: String,
    /// What it computes on, in words, for people.
    pub device: String,
    /// A directory of this worker alone, for files in the making. What a killed run left there is removed when the worker starts.
    pub scratch: PathBuf,
    /// Bytes that files in the making may take there; no limit when absent.
    pub scratch_limit: Option<u64>,
    /// How long a lease lasts unless renewed; it is renewed three times in a term, and every 2 seconds at least.
    pub term: Duration,
    /// How often the worker looks for tasks without a ring.
    pub period: Duration,
    /// How many failures a task is allowed.
    pub patience: Patience,
    /// Different tasks of a kind that may fail here one after the other before the worker takes no more; no limit when absent.
    pub set_aside_after: Option<u32>,
    /// How long work that was asked to stop may take to its next step; then its task is given back without it.
    pub grace: Duration,
}

impl Settings {
    /// A worker of a farm: leases of 30 seconds, a look every 2 seconds, set aside after three tasks, 6 seconds of grace.
    pub fn new(id: WorkerId, reach: Reach, scratch: impl Into<PathBuf>) -> Self {
        Self {
            id,
            reach,
            host: String::new(),
            device: String::new(),
            scratch: scratch.into(),
            scratch_limit: None,
            term: Duration::from_secs(30),
            period: Duration::from_secs(2),
            patience: Patience::FARM,
            set_aside_after: Some(3),
            grace: Duration::from_secs(6),
        }
    }

    /// A worker of a house that is one process: there is nobody else, so it is never set aside.
    pub fn embedded(id: WorkerId, reach: Reach, scratch: impl Into<PathBuf>) -> Self {
        Self { patience: Patience::EMBEDDED, set_aside_after: None, ..Self::new(id, reach, scratch) }
    }
}
