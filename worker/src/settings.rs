//! How a worker works.

use std::{path::PathBuf, time::Duration};

use shared::ports::WorkerId;

/// How a worker works; nothing here changes the picture.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name under which it claims, unique for every run of the program.
    pub id: WorkerId,
    /// A directory of this worker alone, for files in the making. What a killed run left there is removed when the worker starts.
    pub scratch: PathBuf,
    /// How long a lease lasts unless renewed; it is renewed three times in a term.
    pub term: Duration,
    /// How often the worker looks for tasks without a ring.
    pub period: Duration,
}

impl Settings {
    /// The usual times: leases of 30 seconds, a look every 2 seconds.
    pub fn new(id: WorkerId, scratch: impl Into<PathBuf>) -> Self {
        Self { id, scratch: scratch.into(), term: Duration::from_secs(30), period: Duration::from_secs(2) }
    }
}
