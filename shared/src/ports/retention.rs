//! Retention: what ended jobs leave is removed when its time is up.

use async_trait::async_trait;

use crate::{JobId, Result, Timestamp};

/// What of a job is kept for a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Latents, and everything else that only rendering reads: prepared features, audio features, clips.
    Latents,
    /// What was ordered and what came of it: inputs, parts, film.
    Film,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Latents, Self::Film];

    /// The type of the event that tells of its removal.
    pub fn event(self) -> &'static str {
        match self {
            Self::Latents => "job.latents_removed",
            Self::Film => "job.film_removed",
        }
    }
}

/// For so long after the end of a job nothing of it is removed, however short it is to be kept: a worker that did not hear of the end
/// yet may still write.
pub const GRACE: std::time::Duration = std::time::Duration::from_mins(10);

/// Says what may be removed, and remembers what was.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Ended jobs of which something was kept as long as their terms say ([`GRACE`] at least), the ones that ended first; at most
    /// `limit` of each kind. Jobs that a running one still reads, because it renders some of their frames anew, are left out.
    async fn outdated(&self, limit: u32, now: Timestamp) -> Result<Vec<(JobId, Kind)>>;

    /// What was to be removed is removed; told as an event, and in the audit. Returns whether it was not known yet.
    async fn removed(&self, id: &JobId, kind: Kind, now: Timestamp) -> Result<bool>;
}
