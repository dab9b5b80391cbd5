//! `GET /v1/jobs/{id}/logs`: what an attempt wrote.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::{TaskId, ports::BlobKey};

use crate::api::{
    caller::Caller,
    code::Code,
    extract::{Asked, Named},
    farm::Shared,
    problem::{Answer, Problem},
};

/// Which log.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// The task.
    task: String,
    /// The attempt, from 1; the last one when absent.
    attempt: Option<u32>,
}

/// Gives the log of an attempt as it was kept so far: one JSON object for each line.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/logs", tag = "jobs",
    params(("id" = String, Path, description = "The job"), LogQuery),
    responses((status = 200, description = "The log", body = String, content_type = "application/x-ndjson"))
)]
pub(crate) async fn logs(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    Asked(query): Asked<LogQuery>,
) -> Answer<Response> {
    let job = caller.job(&farm, &id).await?;
    let unknown = || Problem::not_found("task in this job");
    let task = TaskId::from_text(query.task);
    let tasks = farm.ledger().tasks(&job.id).await?;
    let known = tasks.into_iter().find(|known| known.id == task).ok_or_else(unknown)?;
    let attempt = query.attempt.unwrap_or(known.attempt);
    if attempt == 0 || attempt > known.attempt {
        return Err(Problem::new(Code::NotMadeYet, format!("there is no attempt {attempt} at {task} yet")));
    }
    let blobs = farm.stores.blobs.clone();
    let pieces = blobs.list(&BlobKey::log_prefix(&job.id, &task, attempt)).await?;
    if pieces.is_empty() {
        let detail = format!("attempt {attempt} at {task} has kept no log");
        return Err(Problem::new(Code::NotMadeYet, detail).mend("a log is kept in pieces while the attempt goes on"));
    }
    // One piece at a time is in memory.
    let bytes = stream::iter(pieces).then(move |key| {
        let blobs = blobs.clone();
        async move { blobs.get(&key).await.map(Bytes::from) }
    });
    let body = Body::from_stream(bytes.map_err(std::io::Error::other));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}
