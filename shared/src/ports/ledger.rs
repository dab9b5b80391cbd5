//! The ledger: the one truth about jobs and tasks.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Error, JobId, JobState, Order, Plan, Result, TaskId, TaskKey, TaskKind, TaskNode, TaskState, Timestamp, task::Lane,
};

/// The name under which a worker claims; unique for every run of the program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct WorkerId(pub String);

/// The right to work on a task until a moment, and all that is needed for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// The task.
    pub key: TaskKey,
    /// Which try it is, from 1; every write under the lease carries it, so that a late worker is refused.
    pub attempt: u32,
    /// Who holds it.
    pub worker: WorkerId,
    /// When it runs out unless renewed.
    pub until: Timestamp,
    /// What the task makes and needs.
    pub node: TaskNode,
    /// The job's order.
    pub order: Order,
    /// For each need, the attempt whose result counts.
    pub inputs: Vec<(TaskId, u32)>,
}

/// What became of a lease that was to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It is held until the new moment.
    Kept,
    /// The task belongs to somebody else, or its job ended: stop and keep nothing.
    Lost,
}

/// Outcome of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// The job is new.
    New,
    /// The same job was submitted before; nothing changed.
    Known,
}

/// A job as the ledger keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What was ordered.
    pub order: Order,
    /// Where it stands.
    pub state: JobState,
    /// Why it failed, when it did.
    pub error: Option<String>,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// A task as the ledger keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id within the job.
    pub id: TaskId,
    /// What it makes.
    pub kind: TaskKind,
    /// Where it stands.
    pub state: TaskState,
    /// The last attempt that was handed out; the one whose result counts once the task is done.
    pub attempt: u32,
    /// How many attempts failed or ran out.
    pub failures: u32,
    /// Frames made so far by the current attempt.
    pub frames_done: u64,
    /// What the last failure said.
    pub error: Option<String>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Frames rendered, bridges not counted.
    pub frames_rendered: u64,
    /// Frames of the film.
    pub frames: u64,
    /// Tasks done.
    pub tasks_done: u64,
    /// Tasks in all.
    pub tasks: u64,
}

/// Keeps jobs and tasks. Every method is one transaction; every change of a task follows
/// [`TaskState::after`]; time comes from the caller.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Records a job with its plan; tasks without needs are ready at once. Idempotent by job id.
    async fn submit(&self, order: &Order, plan: &Plan, now: Timestamp) -> Result<Submitted>;

    /// The job called `id`.
    async fn job(&self, id: &JobId) -> Result<Option<Job>>;

    /// All tasks of a job in the order of its plan; empty for an unknown job.
    async fn tasks(&self, id: &JobId) -> Result<Vec<Task>>;

    /// How far a job is; computed by the ledger so that watching an hour-long job costs one row.
    async fn progress(&self, id: &JobId) -> Result<Progress>;

    /// At most `limit` tasks of these lanes that may be claimed now, oldest job first, in the order of their plans.
    async fn ready(&self, lanes: &[Lane], now: Timestamp, limit: u32) -> Result<Vec<(TaskKey, TaskKind)>>;

    /// Takes the lease on a ready task for `term`; nothing when it is not ready (any more, or yet).
    /// The attempt number grows with every claim.
    async fn claim(&self, key: &TaskKey, worker: &WorkerId, term: Duration, now: Timestamp) -> Result<Option<Lease>>;

    /// Holds the lease until `until` and records the frames made so far.
    async fn renew(&self, lease: &Lease, until: Timestamp, frames_done: u64) -> Result<Renewal>;

    /// The attempt's result counts. Readies the successors whose needs are all done, and ends the job with its film,
    /// in the same transaction. Returns the tasks that became ready.
    ///
    /// # Errors
    /// [`Cause::LeaseLost`](crate::error::Cause::LeaseLost) when the task belongs to another attempt; nothing is changed then.
    async fn complete(&self, lease: &Lease, now: Timestamp) -> Result<Vec<(TaskKey, TaskKind)>>;

    /// The attempt failed. [`Verdict::Retry`](crate::Verdict::Retry) makes the task ready again after a back-off while
    /// attempts are left ([`MOST_FAILURES`] or what the error allows); otherwise the task and its job fail with the error's text,
    /// and the job's open tasks are cancelled. [`Verdict::Stop`](crate::Verdict::Stop) gives it back. Returns the state after.
    ///
    /// # Errors
    /// [`Cause::LeaseLost`](crate::error::Cause::LeaseLost) when the task belongs to another attempt; nothing is changed then.
    async fn fail(&self, lease: &Lease, error: &Error, now: Timestamp) -> Result<TaskState>;

    /// Gives an unfinished task back; no failure is counted and it is ready at once.
    ///
    /// # Errors
    /// [`Cause::LeaseLost`](crate::error::Cause::LeaseLost) when the task belongs to another attempt.
    async fn give_back(&self, lease: &Lease) -> Result<()>;

    /// Takes back every lease that ran out before `now`; each counts as a failure ("the worker was lost").
    /// Returns the tasks that became ready.
    async fn expire(&self, now: Timestamp) -> Result<Vec<TaskKey>>;

    /// Takes back all leases on a job at once, without counting a failure. Only for a caller who
    /// knows that no worker of this ledger is alive.
    async fn reclaim(&self, id: &JobId) -> Result<Vec<TaskKey>>;

    /// Ends a running job; its open tasks are cancelled and their leases are lost. Returns whether it was running.
    async fn cancel(&self, id: &JobId, now: Timestamp) -> Result<bool>;

    /// Takes a failed or cancelled job up again: what is done stays done, the rest starts without failures, and attempts
    /// go on counting. Returns whether there was such a job.
    async fn revive(&self, id: &JobId) -> Result<bool>;
}

/// Failures after which a task is given up.
pub const MOST_FAILURES: u32 = 3;

/// How long a task waits after its n-th failure: 1 s, 4 s, 16 s …, at most 5 minutes.
pub fn back_off(failures: u32) -> Duration {
    Duration::from_secs(4_u64.saturating_pow(failures.saturating_sub(1)).min(300))
}

/// Failures after which `error` makes its task be given up.
pub fn most_failures(error: &Error) -> u32 {
    error.most_attempts().unwrap_or(MOST_FAILURES).min(MOST_FAILURES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_grows_and_stays_bounded() {
        let waits: Vec<u64> = [1, 2, 3, 9, u32::MAX].into_iter().map(|n| back_off(n).as_secs()).collect();
        assert_eq!(waits, [1, 4, 16, 300, 300]);
    }

    #[test]
    fn an_error_may_only_lower_the_number_of_attempts() {
        assert_eq!(most_failures(&Error::world("x")), MOST_FAILURES);
        assert_eq!(most_failures(&Error::world("x").at_most(2)), 2);
        assert_eq!(most_failures(&Error::world("x").at_most(99)), MOST_FAILURES);
    }
}
