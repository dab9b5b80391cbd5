//! Scheduling: which ready tasks are released to the workers, and which released task a free worker takes.
//!
//! The ledger may hold a million queued tasks; only a few more than there are workers are *released* at any moment. Who is
//! released is decided by a pure function of a [`View`]; the ledger makes the view in time that does not grow with the queue.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Demand, JobId, Name, Priority, Reach, Result, Route, TaskKey, Timestamp,
    ports::ledger::{Lease, WorkerId},
};

/// A task that is ready and not released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The task.
    pub key: TaskKey,
    /// Whose it is.
    pub tenant: Name,
    /// What it asks of its worker.
    pub demand: Demand,
    /// How urgent its job is.
    pub priority: Priority,
    /// Frames on the longest path from it to the film ([`Plan::rests`](crate::Plan::rests)).
    pub rest: u64,
    /// When its job was submitted.
    pub submitted: Timestamp,
    /// How many tasks of its job may be under way at once.
    pub most_of_job: Option<u32>,
}

/// Tasks of a job that are released or leased, and alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// The job.
    pub job: JobId,
    /// Whose it is.
    pub tenant: Name,
    /// What the tasks ask, or asked, of their workers.
    pub demand: Demand,
    /// How urgent they are.
    pub priority: Priority,
    /// Whether workers have them; otherwise they are released and wait for some.
    pub leased: bool,
    /// How many there are.
    pub tasks: u32,
}

/// What a tenant is entitled to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Its name.
    pub name: Name,
    /// Its share of the farm beside other tenants with work of the same priority, 1 to 1000.
    pub weight: u32,
    /// Tasks that may be under way at once; no limit when absent.
    pub most_at_once: Option<u32>,
    /// The highest priority that its jobs may have.
    pub highest_priority: Priority,
    /// The longest film it may order, in seconds; no limit when absent.
    pub longest_film: Option<u64>,
    /// Jobs that may be running at once; no limit when absent.
    pub most_jobs: Option<u32>,
}

impl Tenant {
    /// A tenant without limits, as the default tenant is until an operator says otherwise.
    pub fn unlimited(name: Name) -> Self {
        let (weight, highest_priority) = (1, Priority::URGENT);
        Self { name, weight, most_at_once: None, highest_priority, longest_film: None, most_jobs: None }
    }
}

/// Workers that were heard of lately and take tasks, with the same reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// What they can take.
    pub reach: Reach,
    /// How many there are.
    pub workers: u32,
}

/// What the release of tasks is decided from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The moment.
    pub now: Timestamp,
    /// Live workers.
    pub crowds: Vec<Crowd>,
    /// Tenants with candidates or work under way; a tenant that is not listed is [`Tenant::unlimited`].
    pub tenants: Vec<Tenant>,
    /// Tasks released or leased, counted.
    pub under_way: Vec<UnderWay>,
    /// The first ready tasks of every tenant in each lane, pool and class of GPU memory, in the order of priority, rest, submission and plan;
    /// so tasks that no worker is large enough for hide no others. Jobs that already have as many tasks under way as they may are left out.
    pub candidates: Vec<Candidate>,
}

/// Decides which candidates are released.
pub type Choice<'a> = &'a (dyn Fn(&View) -> Vec<TaskKey> + Send + Sync);

/// Releases tasks and hands them out.
#[async_trait]
pub trait Schedule: Send + Sync {
    /// One round: shows `choose` the view, with at most `each` candidates for every tenant, lane, pool and class of GPU memory, and releases what it chose. One
    /// round at a time over all coordinators of the ledger. Returns what was released, so that it can be rung for.
    async fn release(&self, each: u32, now: Timestamp, choose: Choice<'_>) -> Result<Vec<(Route, TaskKey)>>;

    /// Released tasks that were last rung for before `before` and not taken, at most `limit`, the longest ago first; they count as rung for
    /// `now`. The order in which they are taken stays as it is.
    async fn unheard(&self, before: Timestamp, limit: u32, now: Timestamp) -> Result<Vec<(Route, TaskKey)>>;

    /// The best released task within `reach`: the highest priority first, then jobs in `held` (whose prepared features
    /// the worker still has), then whoever was released first. A worker never gets a task back that it failed itself while another live
    /// worker could take it. Leases it for `term` like [`Ledger::claim`](crate::ports::Ledger::claim).
    async fn take(
        &self,
        worker: &WorkerId,
        reach: &Reach,
        held: &[JobId],
        term: Duration,
        now: Timestamp,
    ) -> Result<Option<Lease>>;
}
