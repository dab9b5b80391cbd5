//! `GET /v1/jobs/{id}/artifacts` and what is in it.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::{
    Result, TaskKind, TaskState,
    ports::{BlobKey, Job, Task},
};

use crate::{
    api::{
        caller::Caller,
        code::Code,
        extract::{Asked, Named},
        farm::{Farm, Shared},
        problem::{Answer, Problem},
        range::{Wanted, wanted},
        thumbnail::{self, THUMBNAIL},
        wire::{Page, records::ArtifactBody},
    },
    watch::Watched,
};

/// Bytes read from the store at a time.
const PIECE: u64 = 1 << 20;

/// Blobs that are looked at together.
const LOOKS: usize = 16;

/// Names of excerpts begin like this: a part with its sound, to be looked at alone.
const EXCERPT: &str = "excerpt-";

/// The media type of films and parts.
const MP4: &str = "video/mp4";

/// Which of a job's files.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ArtifactsQuery {
    /// Where the next page begins, as the last one said.
    cursor: Option<String>,
    /// Most files on the page, 1 to 500; 100 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A file that can be asked for: its name, and the blob that it is, unless it is made when somebody asks.
type Entry = (String, Option<BlobKey>);

/// Lists the files that a job made so far: parts as soon as each is done, the film at the end.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/artifacts", tag = "artifacts",
    params(("id" = String, Path, description = "The job"), ArtifactsQuery),
    responses((status = 200, description = "One page", body = Page<ArtifactBody>))
)]
pub(crate) async fn list(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    Asked(query): Asked<ArtifactsQuery>,
) -> Answer<Json<Page<ArtifactBody>>> {
    let job = caller.job(&farm, &id).await?;
    let (mut page, next) = page(entries(&job, &farm.ledger().stitched(&job.id).await?)?, &query)?;
    // The store is asked about the files of this page only, a few at a time.
    let sizes = page.iter().map(|(_, key)| size(&farm, key.as_ref()));
    let sizes: Vec<_> = stream::iter(sizes.collect::<Vec<_>>()).buffered(LOOKS).try_collect().await?;
    // Blobs that were tidied away are not listed.
    let there = page.drain(..).zip(sizes).filter(|((_, key), bytes)| key.is_none() || bytes.is_some());
    let items = there.map(|((name, _), bytes)| {
        let media_type = if name == "thumbnail" { "image/png" } else { MP4 };
        let href = format!("/v1/jobs/{}/artifacts/{name}", job.id);
        ArtifactBody { name, media_type, bytes, href }
    });
    Ok(Json(Page { items: items.collect(), next }))
}

/// All files that the job has now, in the order of its plan.
fn entries(job: &Job, tasks: &[Task]) -> Answer<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut parts = false;
    for task in tasks {
        if let Some(key) = made(job, task)? {
            parts |= matches!(task.kind, TaskKind::Part { .. });
            entries.push((task.id.as_str().to_owned(), Some(key)));
        }
    }
    entries.extend(excerpts(job, tasks)?.into_iter().map(|name| (name, None)));
    if parts {
        entries.push(("thumbnail".to_owned(), None));
    }
    Ok(entries)
}

/// The excerpts of a job's preview that can be made now, by name.
fn excerpts(job: &Job, tasks: &[Task]) -> Answer<Vec<String>> {
    let Some(preview) = &job.terms.preview else { return Ok(Vec::new()) };
    let shown = job.order.plan()?.shown(preview)?;
    let done = tasks.iter().filter(|task| task.state == TaskState::Done && shown.contains(&task.id));
    Ok(done.filter_map(|task| Some(format!("{EXCERPT}{}", task.id.as_str().strip_prefix("part-")?))).collect())
}

/// The entries of a page, and the cursor of the next: the name of the last entry on this one.
fn page(mut entries: Vec<Entry>, query: &ArtifactsQuery) -> Answer<(Vec<Entry>, Option<String>)> {
    let limit = query.limit.unwrap_or(100);
    if !(1..=500).contains(&limit) {
        return Err(Problem::field("limit", format!("a page of {limit}")).mend("give 1 to 500"));
    }
    if let Some(cursor) = &query.cursor {
        let last = entries.iter().position(|(name, _)| name == cursor);
        let last = last.ok_or_else(|| Problem::field("cursor", "the cursor is none that an earlier page returned"))?;
        entries.drain(..=last);
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|(name, _)| name.clone());
    Ok((entries, next))
}

async fn size(farm: &Farm, key: Option<&BlobKey>) -> Answer<Option<u64>> {
    match key {
        Some(key) => Ok(farm.stores.blobs.size(key).await?),
        None => Ok(None),
    }
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
        ("name" = String, Path, description = "`film`, `part-NNNNN`, `excerpt-NNNNN` (a part with its sound) or `thumbnail`"),
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
    let tasks = farm.ledger().stitched(&job.id).await?;
    if name == "thumbnail" {
        let part =
            tasks.iter().find(|task| matches!(task.kind, TaskKind::Part { .. }) && task.state == TaskState::Done);
        let part = part.ok_or_else(|| not_yet("thumbnail"))?;
        let Some(source) = made(&job, part)? else { return Err(not_yet("thumbnail")) };
        let key = BlobKey::made(&job.id, &part.id, part.attempt, THUMBNAIL)?;
        thumbnail::keep(&farm, &source, &key).await?;
        return serve(&farm, &key, "image/png", &headers).await;
    }
    if let Some(place) = name.strip_prefix(EXCERPT).and_then(|place| place.parse::<usize>().ok()) {
        let watched =
            Watched::of(&job, &tasks)?.filter(|watched| watched.has(place)).ok_or_else(|| not_yet("excerpt"))?;
        let key = watched.excerpt_blob(place)?;
        keep_excerpt(&farm, &watched, place, &key).await?;
        return serve(&farm, &key, MP4, &headers).await;
    }
    let task = tasks.iter().find(|task| task.id.as_str() == name);
    let task = task.filter(|task| matches!(task.kind, TaskKind::Film | TaskKind::Part { .. }));
    let task = task.ok_or_else(|| Problem::not_found("artifact").mend("list the job's artifacts"))?;
    let key = made(&job, task)?.ok_or_else(|| not_yet(&name))?;
    serve(&farm, &key, MP4, &headers).await
}

/// Makes the excerpt of a part unless it was made before.
async fn keep_excerpt(farm: &Farm, watched: &Watched<'_>, place: usize, key: &BlobKey) -> Result<()> {
    let blobs = farm.stores.blobs.as_ref();
    if blobs.size(key).await?.is_none() {
        let dir = farm.scratch()?;
        let file = dir.path().join("excerpt");
        watched.excerpt(blobs, place, &file).await?;
        blobs.put_file(key, &file).await?;
    }
    Ok(())
}

fn not_yet(name: &str) -> Problem {
    Problem::new(Code::NotMadeYet, format!("the {name} is not made yet")).retry_after(5)
}

/// Gives a blob: by a redirect where the store has signed URLs, else its bytes, also in ranges.
pub(super) async fn serve(
    farm: &Farm,
    key: &BlobKey,
    media_type: &'static str,
    headers: &HeaderMap,
) -> Answer<Response> {
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
