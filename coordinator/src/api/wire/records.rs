//! Tasks, attempts, events, reasons, artifacts and deliveries as clients see them.

use shared::ports::{
    Task,
    hooks::Delivery,
    records::{Attempt, Event, kind_name},
};
use utoipa::ToSchema;

use crate::{explain::Reason, rfc3339};

/// One task of a job.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct TaskBody {
    /// Its id within the job.
    pub(crate) id: String,
    /// `prepare`, `segment`, `bridge`, `part` or `film`.
    pub(crate) kind: &'static str,
    /// `waiting`, `ready`, `leased`, `done`, `failed` or `cancelled`.
    pub(crate) state: &'static str,
    /// First frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_frame: Option<u64>,
    /// The frame after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_frame: Option<u64>,
    /// The chain of a segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chain: Option<u32>,
    /// The last attempt that was handed out; 0 before the first.
    pub(crate) attempt: u32,
    /// How many attempts failed.
    pub(crate) failures: u32,
    /// Frames made so far by the current attempt.
    pub(crate) frames_done: u64,
    /// What the last failure said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl TaskBody {
    /// The task as clients see it.
    pub(crate) fn new(task: &Task) -> Self {
        let frames = task.kind.frames();
        let chain = match task.kind {
            shared::TaskKind::Segment { chain, .. } => Some(chain),
            _ => None,
        };
        Self {
            id: task.id.to_string(),
            kind: kind_name(&task.kind),
            state: task.state.name(),
            first_frame: frames.map(|frames| frames.start),
            end_frame: frames.map(|frames| frames.end),
            chain,
            attempt: task.attempt,
            failures: task.failures,
            frames_done: task.frames_done,
            error: task.error.clone(),
        }
    }
}

/// One attempt at a task.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct AttemptBody {
    /// The task.
    pub(crate) task: String,
    /// Which try, from 1.
    pub(crate) attempt: u32,
    /// Who tried.
    pub(crate) worker: String,
    /// When it began.
    pub(crate) started: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<String>,
    /// `running`, `done`, `failed`, `lost`, `stuck`, `given_back` or `cancelled`.
    pub(crate) outcome: &'static str,
    /// What the error said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// Where its log is.
    pub(crate) log: String,
}

impl AttemptBody {
    /// The attempt of this job as clients see it.
    pub(crate) fn new(job: &shared::JobId, attempt: &Attempt) -> Self {
        Self {
            task: attempt.task.to_string(),
            attempt: attempt.attempt,
            worker: attempt.worker.0.clone(),
            started: rfc3339::text(attempt.started),
            ended: attempt.ended.map(rfc3339::text),
            outcome: attempt.outcome.name(),
            error: attempt.error.clone(),
            log: format!("/v1/jobs/{job}/logs?task={}&attempt={}", attempt.task, attempt.attempt),
        }
    }
}

/// Something that happened to a job; the data of an event of the stream, and the body of a webhook.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct EventBody {
    /// What happened, such as `job.completed`.
    pub(crate) r#type: String,
    /// When.
    pub(crate) timestamp: String,
    /// What it happened to, and details.
    pub(crate) data: EventData,
}

/// What an event happened to.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct EventData {
    /// The job.
    pub(crate) job: String,
    /// Whose job it is.
    pub(crate) tenant: String,
    /// Details of this type of event.
    #[schema(value_type = Object)]
    pub(crate) details: serde_json::Value,
}

impl EventBody {
    /// The event as clients see it.
    pub(crate) fn new(event: &Event) -> Self {
        let (job, tenant) = (event.job.to_string(), event.tenant.to_string());
        let data = EventData { job, tenant, details: event.data.clone() };
        Self { r#type: event.kind.clone(), timestamp: rfc3339::text(event.at), data }
    }
}

/// Why a job is where it is.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct ExplainBody {
    /// The job's state.
    pub(crate) state: &'static str,
    /// Reasons, the decisive one first.
    pub(crate) reasons: Vec<ReasonBody>,
    /// Its tasks by where they are.
    pub(crate) tasks: TaskCounts,
}

/// One reason.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct ReasonBody {
    /// Stable name of the reason.
    pub(crate) code: &'static str,
    /// The reason in words.
    pub(crate) text: String,
}

impl From<Reason> for ReasonBody {
    fn from(reason: Reason) -> Self {
        Self { code: reason.code, text: reason.text }
    }
}

/// How many tasks of a job are where.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct TaskCounts {
    /// Some of what they need is not done.
    pub(crate) waiting: u64,
    /// Ready and not handed out.
    pub(crate) ready: u64,
    /// On their way to a worker.
    pub(crate) released: u64,
    /// Under way on a worker.
    pub(crate) leased: u64,
    /// Waiting after a failure.
    pub(crate) backing_off: u64,
}

/// A file that a job made.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct ArtifactBody {
    /// `film`, `part-NNNNN` or `thumbnail`.
    pub(crate) name: String,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// Its size, where it is made already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    /// Where it is.
    pub(crate) href: String,
}

/// One event on its way to the job's webhook.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct DeliveryBody {
    /// Its id: the `webhook-id` of every try is `evt_` and this number.
    pub(crate) id: u64,
    /// The event's type.
    pub(crate) event: String,
    /// Host of the webhook; the rest of its URL may be a secret.
    pub(crate) host: String,
    /// `waiting`, `delivered` or `failed`.
    pub(crate) state: &'static str,
    /// Tries so far.
    pub(crate) tries: u32,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// What the last try ended in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<String>,
}

impl DeliveryBody {
    /// The delivery as clients see it.
    pub(crate) fn new(delivery: &Delivery) -> Self {
        let waits = delivery.state == shared::ports::hooks::DeliveryState::Waiting;
        let host = url::Url::parse(&delivery.webhook.url).ok();
        Self {
            id: delivery.id,
            event: delivery.event.kind.clone(),
            host: host.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default(),
            state: delivery.state.name(),
            tries: delivery.tries,
            next: waits.then(|| rfc3339::text(delivery.next)),
            last: delivery.last.clone(),
        }
    }
}
