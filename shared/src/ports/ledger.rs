//! The ledger: the one truth about jobs and tasks.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Clock, Error, Hold, JobId, JobState, Order, Plan, Result, TaskId, TaskKey, TaskKind, TaskNode, TaskState, Terms,
    Timestamp, clock::skew,
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
    /// The job's terms.
    pub terms: Terms,
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
    /// Under which conditions.
    pub terms: Terms,
    /// Where it stands.
    pub state: JobState,
    /// Whether its tasks are handed out.
    pub hold: Hold,
    /// Why it failed, when it did.
    pub error: Option<String>,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When its latents were removed, after they were kept as long as its terms say.
    pub latents_gone: Option<Timestamp>,
    /// When its inputs, parts and film were.
    pub film_gone: Option<Timestamp>,
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

/// What a worker is at, told with every renewal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Frames made so far.
    pub frames_done: u64,
    /// Steps made so far: denoising steps, frames encoded, files read; grows whenever the work gets on.
    pub steps: u64,
    /// The usual time between two steps of this kind of task on this worker, in milliseconds; 0 when not known yet.
    pub usual_ms: u64,
}

/// How many failures a task is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Different workers that may fail it; with the last of them its job fails.
    pub workers: u32,
    /// Failures in all, for a house with fewer workers than that.
    pub failures: u32,
    /// Workers that may be lost with it. A worker that is killed says little about the task that it had, so there may be
    /// many; a task that takes every worker down with it must end all the same.
    pub losses: u32,
}

impl Patience {
    /// One process is the whole house: three failures.
    pub const EMBEDDED: Self = Self { workers: 3, failures: MOST_FAILURES, losses: MOST_FAILURES };
    /// A farm: three different workers, or six failures where there are not so many; twenty lost workers.
    pub const FARM: Self = Self { workers: 3, failures: 6, losses: 20 };
}

/// Keeps jobs and tasks. Every method is one transaction; every change of a task follows
/// [`TaskState::after`]; time comes from the caller.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Records a job with its plan; tasks without needs are ready at once. Idempotent by job id
    /// ([`Order::job_id_for`] the tenant of the terms). The terms of a known job stay as they are.
    async fn submit(&self, order: &Order, terms: &Terms, plan: &Plan, now: Timestamp) -> Result<Submitted>;

    /// The job called `id`.
    async fn job(&self, id: &JobId) -> Result<Option<Job>>;

    /// All tasks of a job in the order of its plan; empty for an unknown job.
    async fn tasks(&self, id: &JobId) -> Result<Vec<Task>>;

    /// How far a job is; computed by the ledger so that watching an hour-long job costs one row.
    async fn progress(&self, id: &JobId) -> Result<Progress>;

    /// Takes the lease on a ready task for `term`; nothing when it is not ready (any more, or yet).
    /// The attempt number grows with every claim.
    async fn claim(&self, key: &TaskKey, worker: &WorkerId, term: Duration, now: Timestamp) -> Result<Option<Lease>>;

    /// Holds the lease until `until` and records how far the work is; `now` is kept as the moment of the last step when
    /// `pulse.steps` grew.
    async fn renew(&self, lease: &Lease, pulse: &Pulse, until: Timestamp, now: Timestamp) -> Result<Renewal>;

    /// The attempt's result counts. Readies the successors whose needs are all done, and ends the job with its film,
    /// in the same transaction. Returns the tasks that became ready; they are not released yet.
    ///
    /// # Errors
    /// [`Cause::LeaseLost`](crate::error::Cause::LeaseLost) when the task belongs to another attempt; nothing is changed then.
    async fn complete(&self, lease: &Lease, now: Timestamp) -> Result<Vec<TaskKey>>;

    /// The attempt failed. [`Verdict::Retry`](crate::Verdict::Retry) makes the task ready again after a back-off while
    /// `patience` lasts (or what the error allows); otherwise the task and its job fail with the error's text,
    /// and the job's open tasks are cancelled. [`Verdict::Stop`](crate::Verdict::Stop) gives it back. Returns the state after.
    ///
    /// # Errors
    /// [`Cause::LeaseLost`](crate::error::Cause::LeaseLost) when the task belongs to another attempt; nothing is changed then.
    async fn fail(&self, lease: &Lease, error: &Error, patience: Patience, now: Timestamp) -> Result<TaskState>;

    /// Gives an unfinished task back; no failure is counted and it is ready at once.
    ///
    /// # Errors
    /// [`Cause::LeaseLost`](crate::error::Cause::LeaseLost) when the task belongs to another attempt.
    async fn give_back(&self, lease: &Lease, now: Timestamp) -> Result<()>;

    /// Takes back every lease that ran out before `now` ("the worker was lost"), and every one whose work made no step for
    /// [`stuck_after`] its usual time ("the worker is stuck"); each counts as a failure. At most a thousand in one call.
    /// Returns the tasks that became ready.
    async fn expire(&self, patience: Patience, now: Timestamp) -> Result<Vec<TaskKey>>;

    /// Takes back all leases on a job at once, without counting a failure. Only for a caller who
    /// knows that no worker of this ledger is alive.
    async fn reclaim(&self, id: &JobId, now: Timestamp) -> Result<Vec<TaskKey>>;

    /// Ends a running job; its open tasks are cancelled and their leases are lost. `why` is kept with the job ("cancelled by
    /// anna: wrong track"). Returns whether it was running.
    async fn cancel(&self, id: &JobId, why: Option<&str>, now: Timestamp) -> Result<bool>;

    /// Asks the ledger whether it answers and has the tables of this version.
    ///
    /// # Errors
    /// [`Cause::Unreachable`](crate::error::Cause::Unreachable) naming it when not.
    async fn ping(&self) -> Result<()>;

    /// What the clock of the ledger's own machine says.
    async fn time(&self) -> Result<Timestamp>;

    /// By how many milliseconds `clock` is ahead of the ledger's ([`skew`]).
    async fn skew_of(&self, clock: &dyn Clock) -> Result<i64> {
        let asked = clock.now();
        let other = self.time().await?;
        Ok(skew(asked, other, clock.now()))
    }

    /// Takes a failed or cancelled job up again: what is done stays done, the rest starts without failures, and attempts
    /// go on counting. Of a job whose latents, inputs or film were removed nothing is done any more; such a job may also be one that was
    /// done. Returns whether there was such a job.
    async fn revive(&self, id: &JobId, now: Timestamp) -> Result<bool>;
}

/// How long a leased task may make no step before it counts as stuck, when `usual` passes between two steps: twenty times
/// as long, and never less than two minutes, since a first step may load a model.
pub fn stuck_after(usual: Duration) -> Duration {
    (usual * 20).max(Duration::from_mins(2))
}

/// Failures after which a task is given up.
pub const MOST_FAILURES: u32 = 3;

/// How long a task waits after its n-th failure: 1 s, 4 s, 16 s …, at most 5 minutes.
pub fn back_off(failures: u32) -> Duration {
    Duration::from_secs(4_u64.saturating_pow(failures.saturating_sub(1)).min(300))
}

/// Whether a task is given up that failed `failures` times on `workers` different workers, the last time with `error`.
pub fn gives_up(error: &Error, patience: Patience, failures: u32, workers: u32) -> bool {
    let failures_allowed = error.most_attempts().unwrap_or(patience.failures).min(patience.failures);
    failures >= failures_allowed || workers >= patience.workers
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
        let world = || Error::world("x");
        let alone = |error: &Error| (1..9).find(|n| gives_up(error, Patience::FARM, *n, 1)).unwrap();
        assert_eq!(alone(&world()), 6);
        assert_eq!(alone(&world().at_most(2)), 2);
        assert_eq!(alone(&world().at_most(99)), 6);
        assert!(gives_up(&world(), Patience::FARM, 3, 3), "three different workers are enough");
        assert!(gives_up(&world(), Patience::EMBEDDED, 3, 1));
    }

    #[test]
    fn a_slow_model_is_not_stuck() {
        assert_eq!(stuck_after(Duration::ZERO), Duration::from_mins(2));
        assert_eq!(stuck_after(Duration::from_mins(1)), Duration::from_mins(20));
    }
}
