//! `GET /v1/jobs/{id}/explain`: why is this not running?

use axum::{Json, extract::State};
use shared::{Result, ports::Job};

use crate::{
    api::{
        caller::Caller,
        extract::Named,
        farm::{Farm, Shared},
        problem::Answer,
        standing::crew,
        wire::records::{ExplainBody, TaskCounts},
    },
    explain::{Facts, explain},
};

/// Says why a job is where it is, the decisive reason first.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/explain", tag = "jobs",
    params(("id" = String, Path, description = "The job")),
    responses(
        (status = 200, description = "The reasons", body = ExplainBody),
    )
)]
pub(crate) async fn why(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<Json<ExplainBody>> {
    let job = caller.job(&farm, &id).await?;
    let now = farm.now();
    let standing = farm.ledger().standing(&job.id, now).await?;
    let crew = crew(&farm).await?;
    let tenant = of_tenant(&farm, &job).await?;
    let facts = Facts { job: &job, standing: &standing, crew: &crew, tenant, now };
    let reasons = explain(&facts).into_iter().map(Into::into).collect();
    let tasks = TaskCounts {
        waiting: standing.waiting,
        ready: standing.ready,
        released: standing.released,
        leased: standing.leased,
        backing_off: standing.backing_off.map_or(0, |(n, _)| n),
    };
    Ok(Json(ExplainBody { state: job.state.name(), reasons, tasks }))
}

/// Tasks of the job's tenant that are under way, and how many may be.
async fn of_tenant(farm: &Farm, job: &Job) -> Result<(u64, Option<u32>)> {
    let name = &job.terms.tenant;
    let most = farm.ledger().tenant(name).await?.and_then(|tenant| tenant.most_at_once);
    if most.is_none() {
        return Ok((0, None));
    }
    Ok((farm.ledger().under_way(name).await?, most))
}
