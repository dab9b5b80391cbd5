//! `GET /v1/jobs/{id}`.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use shared::{JobState, digest::sha256, ports::Job};

use crate::api::{
    caller::Caller,
    extract::{Asked, Named},
    farm::{Farm, Shared},
    problem::{Answer, Problem},
    standing::outlook,
    wire::job::{JobBody, StatusBody},
};

/// How long a client that asked about a running job does well to wait.
const AGAIN: u32 = 5;

/// How to ask for one job.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatusQuery {
    /// Answer only when the job has changed from what `If-None-Match` names, or, without that header, when it has ended; at the
    /// latest after so many seconds (at most 60).
    #[param(minimum = 0, maximum = 60)]
    wait: Option<f64>,
}

/// Tells where a job stands.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job"), StatusQuery),
    responses(
        (status = 200, description = "The job; the header ETag names this state of it", body = StatusBody),
        (status = 304, description = "Nothing changed since the state that If-None-Match names"),
    )
)]
pub(crate) async fn status(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    Asked(query): Asked<StatusQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let limits = &farm.settings.limits;
    let wait = query.wait.unwrap_or(0.0);
    if !(0.0..=limits.wait.as_secs_f64()).contains(&wait) {
        let most = limits.wait.as_secs_f64();
        return Err(Problem::field("wait", format!("a wait of {wait} s")).mend(format!("give 0 to {most}")));
    }
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let until = tokio::time::Instant::now() + Duration::from_secs_f64(wait);
    let (job, body, etag) = loop {
        let (job, body, etag) = look(&farm, &caller, &id).await?;
        let news = known.map_or(job.state != JobState::Running, |known| !matches(known, &etag));
        let now = tokio::time::Instant::now();
        if news || now >= until {
            break (job, body, etag);
        }
        tokio::time::sleep(limits.look.min(until - now)).await;
    };
    let unchanged = known.is_some_and(|known| matches(known, &etag));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (position, eta) = outlook(&farm, &job).await?;
        Json(StatusBody { job: body, position, eta: eta.map(Into::into) }).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if job.state == JobState::Running {
        headers.insert(header::RETRY_AFTER, AGAIN.into());
    }
    Ok(response)
}

/// The job with its progress, and the name of this state of it: what it is expected to become is no part of that.
async fn look(farm: &Farm, caller: &Caller, id: &str) -> Answer<(Job, JobBody, String)> {
    let job = caller.job(farm, id).await?;
    let progress = farm.ledger().progress(&job.id).await?;
    let body = JobBody::new(&job, &progress);
    let digest = sha256(&serde_json::to_vec(&body).unwrap_or_default());
    Ok((job, body, format!("\"{}\"", &digest[..16])))
}

/// Whether `If-None-Match` names this state.
fn matches(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == etag)
}
