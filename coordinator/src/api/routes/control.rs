//! What people do to jobs: `cancel`, `pause`, `resume`, `drain`, `approve`, `retry`, and another priority.

use axum::{Json, extract::State};
use shared::{
    Hold, JobState,
    ports::{BlobKey, Job, access::Role, schedule::Tenant},
};

use crate::api::{
    caller::Caller,
    code::Code,
    extract::{Named, Strict},
    farm::{Farm, Shared},
    problem::{Answer, Problem},
    wire::{job::JobBody, order::PriorityBody},
};
use crate::{AUDIO, PORTRAIT};

/// Why a job is cancelled.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CancelAsk {
    /// For whoever looks at the job later, at most 500 characters.
    reason: String,
}

/// Another priority.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriorityAsk {
    /// `low`, `normal`, `high`, `urgent` or a number from 0 to 100.
    priority: PriorityBody,
}

/// A job that the caller may change.
async fn own(farm: &Farm, caller: &Caller, id: &str) -> Answer<Job> {
    let job = caller.job(farm, id).await?;
    caller.needs(Role::Submitter)?;
    Ok(job)
}

/// What the job's tenant is entitled to.
async fn tenant(farm: &Farm, job: &Job) -> Answer<Tenant> {
    let tenant = farm.ledger().tenant(&job.terms.tenant).await?;
    Ok(tenant.unwrap_or_else(|| Tenant::unlimited(job.terms.tenant.clone())))
}

/// The job after the change, or the refusal because it has ended.
async fn after(farm: &Farm, caller: &Caller, job: &Job, act: &str, changed: bool) -> Answer<Json<JobBody>> {
    if !changed {
        return Err(Problem::new(Code::JobEnded, format!("the job is {} already", job.state.name()))
            .mend("retry takes a failed or cancelled job up again"));
    }
    farm.wake().await;
    caller.did(farm, &job.terms.tenant, act, job.id.as_str()).await;
    let now = caller.job(farm, job.id.as_str()).await?;
    Ok(Json(JobBody::new(&now, &farm.ledger().progress(&job.id).await?)))
}

async fn hold(farm: &Farm, caller: &Caller, id: &str, act: &str, hold: Hold) -> Answer<Json<JobBody>> {
    let job = own(farm, caller, id).await?;
    let changed = farm.ledger().hold(&job.id, hold, farm.now()).await?;
    after(farm, caller, &job, act, changed).await
}

/// Ends a job now: what is under way stops at its next step.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/cancel", tag = "control",
    params(("id" = String, Path, description = "The job")),
    request_body(content = Option<CancelAsk>, description = "May be absent"),
    responses(
        (status = 200, description = "The job is cancelled", body = JobBody),
    )
)]
pub(crate) async fn cancel(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    ask: Option<Strict<CancelAsk>>,
) -> Answer<Json<JobBody>> {
    let job = own(&farm, &caller, &id).await?;
    let ask = ask.map(|ask| ask.0).unwrap_or_default();
    if ask.reason.len() > 500 {
        return Err(Problem::field("reason", "a reason has at most 500 characters"));
    }
    let colon = if ask.reason.is_empty() { "" } else { ": " };
    let why = format!("cancelled by {}{colon}{}", caller.who, ask.reason);
    let changed = farm.ledger().cancel(&job.id, Some(&why), farm.now()).await?;
    after(&farm, &caller, &job, "job.cancel", changed).await
}

/// Hands out no more tasks of a job until it is resumed; what is under way is finished.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/pause", tag = "control",
    params(("id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The job is paused", body = JobBody),
    )
)]
pub(crate) async fn pause(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<Json<JobBody>> {
    hold(&farm, &caller, &id, "job.pause", Hold::Paused).await
}

/// Hands the tasks of a paused or draining job out again.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/resume", tag = "control",
    params(("id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The job goes on", body = JobBody),
    )
)]
pub(crate) async fn resume(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<Json<JobBody>> {
    hold(&farm, &caller, &id, "job.resume", Hold::None).await
}

/// Finishes what is under way, then ends the job as cancelled; what was made stays.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/drain", tag = "control",
    params(("id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The job drains", body = JobBody),
    )
)]
pub(crate) async fn drain(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<Json<JobBody>> {
    hold(&farm, &caller, &id, "job.drain", Hold::Draining).await
}

/// Lets the rest of a job be rendered whose preview was looked at, or is not made yet. To reject it, cancel the job.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/approve", tag = "control",
    params(("id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The job goes on", body = JobBody),
    )
)]
pub(crate) async fn approve(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<Json<JobBody>> {
    let job = own(&farm, &caller, &id).await?;
    let changed = farm.ledger().approve(&job.id, farm.now()).await?;
    if !changed && job.state == JobState::Running {
        return Err(Problem::new(Code::NothingToApprove, "the job has no preview, or it was approved already"));
    }
    after(&farm, &caller, &job, "job.approve", changed).await
}

/// Takes a failed or cancelled job up again; what is done stays done. Of one whose latents or film were removed everything is made again. It counts among the running jobs of its tenant.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/retry", tag = "control",
    params(("id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The job runs again", body = JobBody),
    )
)]
pub(crate) async fn retry(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<Json<JobBody>> {
    let job = own(&farm, &caller, &id).await?;
    let (code, what) = match job.state {
        JobState::Running => (Code::JobRunning, "the job is running"),
        JobState::Done if job.latents_gone.is_none() && job.film_gone.is_none() => (Code::JobEnded, "the film is made"),
        JobState::Failed | JobState::Cancelled | JobState::Done => {
            for name in [PORTRAIT, AUDIO] {
                if farm.stores.blobs.size(&BlobKey::input(&job.id, name)?).await?.is_none() {
                    let problem = Problem::new(Code::InputsGone, format!("the {name} of the job was removed"));
                    return Err(problem.mend("send the same order with its files, then retry"));
                }
            }
            let _place = farm.admit(&tenant(&farm, &job).await?).await?;
            let changed = farm.ledger().revive(&job.id, farm.now()).await?;
            return after(&farm, &caller, &job, "job.retry", changed).await;
        }
    };
    Err(Problem::new(code, what).mend("only failed and cancelled jobs are taken up again"))
}

/// Gives a job another priority; it acts on all its open tasks at once.
#[utoipa::path(
    put, path = "/v1/jobs/{id}/priority", tag = "control",
    params(("id" = String, Path, description = "The job")),
    request_body = PriorityAsk,
    responses(
        (status = 200, description = "The job has the priority", body = JobBody),
    )
)]
pub(crate) async fn priority(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    Strict(ask): Strict<PriorityAsk>,
) -> Answer<Json<JobBody>> {
    let job = own(&farm, &caller, &id).await?;
    let priority = ask.priority.priority()?;
    let highest = tenant(&farm, &job).await?.highest_priority;
    if priority > highest && caller.role < Role::Operator {
        let detail = format!("the priority is {priority}, and the tenant may order up to {highest}");
        return Err(Problem::new(Code::PriorityTooHigh, detail));
    }
    let changed = farm.ledger().set_priority(&job.id, priority, farm.now()).await?;
    after(&farm, &caller, &job, "job.priority", changed).await
}
