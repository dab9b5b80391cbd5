//! `GET /v1/jobs/{id}/artifacts` and what is in it.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{TryStreamExt as _, stream};
use shared::{
    TaskKind, TaskState,
    ports::{BlobKey, Job, Task},
};

use crate::api::{
    caller::Caller,
    code::Code,
    extract::Named,
    farm::{Farm, Shared},
    problem::{Answer, Problem},
    range::{Wanted, wanted},
    thumbnail::{self, THUMBNAIL},
    wire::{Page, records::ArtifactBody},
};

/// Bytes read from the store at a time.
const PIECE: u64 = 1 << 20;

/// The media type of films and parts.
const MP4: &str = "video/mp4";

/// Lists the files that a job made so far: parts as soon as each is done, the film at the end.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/artifacts", tag = "artifacts",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "All of them", body = Page<ArtifactBody>))
)]
pub(crate) async fn list(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
) -> Answer<Json<Page<ArtifactBody>>> {
    let job = caller.job(&farm, &id).await?;
    let mut items = Vec::new();
    let mut parts = false;
    for task in farm.ledger().tasks(&job.id).await? {
        let Some(key) = made(&job, &task)? else { continue };
        parts |= matches!(task.kind, TaskKind::Part { .. });
        // Parts of a job whose blobs were tidied away are not listed.
        if let Some(bytes) = farm.stores.blobs.size(&key).await? {
            items.push(artifact(&job, task.id.as_str(), MP4, Some(bytes)));
        }
    }
    if parts {
        items.push(artifact(&job, "thumbnail", "image/png", None));
    }
    Ok(Json(Page { items, next: None }))
}

fn artifact(job: &Job, name: &str, media_type: &'static str, bytes: Option<u64>) -> ArtifactBody {
    ArtifactBody { name: name.to_owned(), media_type, bytes, href: format!("/v1/jobs/{}/artifacts/{name}", job.id) }
}

/// The blob that a task left, when it is a film or a part and done.
fn made(job: &Job, task: &Task) -> Answer<Option<BlobKey>> {
    let name = match task.kind {
        TaskKind::Film => "film.mp4",
        TaskKind::Part { .. } => "part.mp4",
        _ => return Ok(None),
    };
    let done = task.state == TaskState::Done;
    Ok(if done { Some(BlobKey::made(&job.id, &task.id, task.attempt, name)?) } else { None })
}

/// Gives a file: by a redirect to the store where that has signed URLs, else the bytes themselves, also in ranges.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/artifacts/{name}", tag = "artifacts",
    params(
        ("id" = String, Path, description = "The job"),
        ("name" = String, Path, description = "`film`, `part-NNNNN` or `thumbnail`"),
    ),
    responses(
        (status = 200, description = "The file", body = String, content_type = "video/mp4"),
        (status = 206, description = "The bytes that the header Range asks for", body = String, content_type = "video/mp4"),
        (status = 303, description = "The file lies under the URL in the header Location for a quarter of an hour"),
    )
)]
pub(crate) async fn get(
    State(farm): Shared,
    caller: Caller,
    Named((id, name)): Named<(String, String)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let job = caller.job(&farm, &id).await?;
    let tasks = farm.ledger().tasks(&job.id).await?;
    if name == "thumbnail" {
        let part =
            tasks.iter().find(|task| matches!(task.kind, TaskKind::Part { .. }) && task.state == TaskState::Done);
        let part = part.ok_or_else(|| not_yet("thumbnail"))?;
        let Some(source) = made(&job, part)? else { return Err(not_yet("thumbnail")) };
        let key = BlobKey::made(&job.id, &part.id, part.attempt, THUMBNAIL)?;
        thumbnail::keep(&farm, &source, &key).await?;
        return serve(&farm, &key, "image/png", &headers).await;
    }
    let task = tasks.iter().find(|task| task.id.as_str() == name);
    let task = task.filter(|task| matches!(task.kind, TaskKind::Film | TaskKind::Part { .. }));
    let task = task.ok_or_else(|| Problem::not_found("artifact").mend("list the job's artifacts"))?;
    let key = made(&job, task)?.ok_or_else(|| not_yet(&name))?;
    serve(&farm, &key, MP4, &headers).await
}

fn not_yet(name: &str) -> Problem {
    Problem::new(Code::NotMadeYet, format!("the {name} is not made yet")).retry_after(5)
}

async fn serve(farm: &Farm, key: &BlobKey, media_type: &'static str, headers: &HeaderMap) -> Answer<Response> {
    let blobs = &farm.stores.blobs;
    let size = blobs.size(key).await?.ok_or_else(|| Problem::not_found("artifact").mend("it was tidied away"))?;
    if let Some(url) = blobs.link(key, farm.settings.limits.link).await? {
        let place =
            HeaderValue::from_str(&url).map_err(|_| Problem::new(Code::Broken, "the store gave no usable URL"))?;
        return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response());
    }
    // A blob never changes, so its key is the name of its bytes; `If-Range` with another name wants everything.
    let etag = format!("\"{}\"", &shared::digest::sha256(key.as_str().as_bytes())[..16]);
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let same = text(header::IF_RANGE).is_none_or(|known| known == etag);
    let range = text(header::RANGE).filter(|_| same);
    let (status, from, to) = match wanted(range, size) {
        Wanted::All => (StatusCode::OK, 0, size),
        Wanted::Part { from, to } => (StatusCode::PARTIAL_CONTENT, from, to),
        Wanted::Nothing => {
            let problem = Problem::new(Code::RangeNotSatisfiable, format!("the file has {size} bytes"));
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{size}"))], problem).into_response());
        }
    };
    let mut response = (status, bytes(farm, key, from, to)).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(header::CONTENT_LENGTH, (to - from).into());
    let mut set = |name, text: String| HeaderValue::from_str(&text).map(|value| out.insert(name, value));
    let _ = set(header::ETAG, etag);
    if status == StatusCode::PARTIAL_CONTENT {
        let _ = set(header::CONTENT_RANGE, format!("bytes {from}-{}/{size}", to - 1));
    }
    Ok(response)
}

/// Bytes `from..to` of a blob, a piece at a time.
fn bytes(farm: &Farm, key: &BlobKey, from: u64, to: u64) -> Body {
    let start = (farm.stores.blobs.clone(), key.clone(), from);
    let pieces = stream::try_unfold(start, move |(blobs, key, at)| async move {
        if at >= to {
            return Ok(None);
        }
        let end = (at + PIECE).min(to);
        let piece = blobs.get_range(&key, at, end).await?;
        if piece.len() as u64 != end - at {
            return Err(shared::Error::world(format!("{key} ended early")));
        }
        Ok(Some((Bytes::from(piece), (blobs, key, end))))
    });
    Body::from_stream(pieces.map_err(std::io::Error::other))
}
