//! Records: what happened, for people who look.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::{
    Demand, Hold, JobId, JobState, Name, Priority, Result, Route, TaskId, TaskKind, TaskState, Timestamp,
    ports::ledger::{Job, Progress, Task, WorkerId},
};

/// Which jobs are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only of this tenant.
    pub tenant: Option<Name>,
    /// Only in one of these states; any when empty.
    pub states: Vec<JobState>,
    /// Only with these labels.
    pub labels: BTreeMap<String, String>,
    /// Only with this name given by the customer.
    pub external_id: Option<String>,
    /// Only after this place, which an earlier page returned.
    pub after: Option<(Timestamp, JobId)>,
    /// Most jobs on the page, 1 to 500.
    pub limit: u32,
}

/// One job in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The job.
    pub job: Job,
    /// How far it is.
    pub progress: Progress,
}

/// How one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It goes on.
    Running,
    /// Its result counts.
    Done,
    /// It failed.
    Failed,
    /// Its worker was lost: the lease ran out.
    Lost,
    /// It made no step for too long.
    Stuck,
    /// It was given back, and nothing was counted.
    GivenBack,
    /// Its job ended meanwhile.
    Cancelled,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] =
        [Self::Running, Self::Done, Self::Failed, Self::Lost, Self::Stuck, Self::GivenBack, Self::Cancelled];

    /// The outcome's name in ledgers and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Stuck => "stuck",
            Self::GivenBack => "given_back",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// Whether it counts as a failure of the task.
    pub fn counts(self) -> bool {
        matches!(self, Self::Failed | Self::Lost | Self::Stuck)
    }
}

/// One attempt at one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The task.
    pub task: TaskId,
    /// Which try, from 1.
    pub attempt: u32,
    /// Who tried.
    pub worker: WorkerId,
    /// When it was claimed.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the error said.
    pub error: Option<String>,
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Grows over all events of a ledger; whoever has seen all events up to an id misses none by asking for later ones.
    pub id: u64,
    /// The job.
    pub job: JobId,
    /// Whose job it is.
    pub tenant: Name,
    /// When.
    pub at: Timestamp,
    /// What: one of [`EVENTS`].
    pub kind: String,
    /// Details, a JSON object.
    pub data: serde_json::Value,
}

/// The types of events; the same names in the stream of events and in webhooks.
pub const EVENTS: [&str; 16] = [
    "job.accepted",
    "job.started",
    "job.paused",
    "job.resumed",
    "job.draining",
    "job.priority_changed",
    "job.quality_warning",
    "job.preview_ready",
    "job.approval_required",
    "job.approved",
    "job.latents_removed",
    "job.film_removed",
    "job.completed",
    "job.failed",
    "job.cancelled",
    "task.failed",
];

/// How fast a kind of task was done lately.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// The kind, as in [`kind_name`].
    pub kind: String,
    /// The model pack.
    pub model: String,
    /// The pool.
    pub pool: Name,
    /// Attempts that it was measured on.
    pub attempts: u64,
    /// Median seconds for one frame; for `prepare` and `film` for one frame of the whole film.
    pub seconds_per_frame: f64,
}

/// The name of a task's kind in rates and metrics.
pub fn kind_name(kind: &TaskKind) -> &'static str {
    match kind {
        TaskKind::Prepare => "prepare",
        TaskKind::Segment { .. } => "segment",
        TaskKind::Bridge { .. } => "bridge",
        TaskKind::Part { .. } => "part",
        TaskKind::Film => "film",
    }
}

/// What the farm looks like at a moment, for metrics and scaling.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Census {
    /// Jobs by state and hold.
    pub jobs: Vec<(JobState, Hold, u64)>,
    /// Open tasks by route, priority and state (waiting tasks left out), with the frames in them.
    pub tasks: Vec<(Route, Priority, TaskState, u64, u64)>,
    /// When the oldest task that waits to be taken became ready, by route.
    pub oldest: Vec<(Route, Timestamp)>,
}

/// Why a job is where it is, in facts; whoever shows it finds the words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Tasks by state, leased ones split from the rest: waiting, ready and not released, released, leased, backing off.
    pub waiting: u64,
    /// Ready, not released.
    pub ready: u64,
    /// Released, not taken.
    pub released: u64,
    /// Under way.
    pub leased: u64,
    /// Ready again after a failure, and waiting for the back-off to pass; until when the first of them waits.
    pub backing_off: Option<(u64, Timestamp)>,
    /// Ready tasks of other jobs in the same lanes and pools that come before the first ready task of this one.
    pub ahead: u64,
    /// What its ready tasks ask of workers.
    pub demands: Vec<Demand>,
    /// Frames left to render.
    pub frames_left: u64,
    /// Frames on the longest path that is left.
    pub longest_rest: u64,
}

/// Reads what happened.
#[async_trait]
pub trait Records: Send + Sync {
    /// Jobs, the latest first.
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Listed>>;

    /// The tasks of a job in the order of its plan, or one of them; at most `limit`, after the first `skip`.
    async fn some_tasks(&self, job: &JobId, task: Option<&TaskId>, skip: u32, limit: u32) -> Result<Vec<Task>>;

    /// The tasks of a job that make what people watch, in the order of its plan: `prepare`, parts and film, however many segments there
    /// are beside them.
    async fn stitched(&self, job: &JobId) -> Result<Vec<Task>>;

    /// The attempts of a job, or of one task of it, in the order in which they were claimed; at most `limit`, after the first `skip`.
    async fn attempts(&self, job: &JobId, task: Option<&TaskId>, skip: u32, limit: u32) -> Result<Vec<Attempt>>;

    /// Events after `after`, oldest first, at most `limit`; of one job, of one tenant, or all.
    async fn events(&self, job: Option<&JobId>, tenant: Option<&Name>, after: u64, limit: u32) -> Result<Vec<Event>>;

    /// How fast tasks were done lately: the median over the last hundred attempts of each kind, model and pool.
    async fn rates(&self) -> Result<Vec<Rate>>;

    /// What the farm looks like.
    async fn census(&self, now: Timestamp) -> Result<Census>;

    /// Tasks of a tenant that are released or leased.
    async fn under_way(&self, tenant: &Name) -> Result<u64>;

    /// Running jobs of a tenant.
    async fn running(&self, tenant: &Name) -> Result<u64>;

    /// Where a job stands among the others.
    async fn standing(&self, job: &JobId, now: Timestamp) -> Result<Standing>;
}
