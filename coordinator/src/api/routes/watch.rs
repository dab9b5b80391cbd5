//! `GET /v1/jobs/{id}/watch.m3u8` and its fragments: a film that is watched while it is made.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use shared::{
    Result,
    ports::{BlobKey, Job, Task},
};

use super::artifacts::serve;
use crate::{
    api::{
        caller::Caller,
        code::Code,
        extract::Named,
        farm::{Farm, Shared},
        problem::{Answer, Problem},
    },
    watch::{HEAD, Watched, fragment_name},
};

/// The media type of playlists (RFC 8216, section 4).
const M3U8: &str = "application/vnd.apple.mpegurl";

/// Gives an HTTP Live Streaming playlist of the film as far as it is made: all parts up to the first that is missing. Players ask for it
/// again while it grows; it ends when the job does.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/watch.m3u8", tag = "artifacts",
    params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The playlist", body = String, content_type = "application/vnd.apple.mpegurl"))
)]
pub(crate) async fn playlist(State(farm): Shared, caller: Caller, Named(id): Named<String>) -> Answer<Response> {
    let job = caller.job(&farm, &id).await?;
    let tasks = farm.ledger().stitched(&job.id).await?;
    let text = watched(&job, &tasks)?.playlist("watch/")?;
    Ok(([(header::CONTENT_TYPE, M3U8), (header::CACHE_CONTROL, "no-cache")], text).into_response())
}

/// Gives a fragment that the playlist names; made of the part when it is first asked for.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/watch/{name}", tag = "artifacts",
    params(
        ("id" = String, Path, description = "The job"),
        ("name" = String, Path, description = "`init.mp4` or `part-NNNNN.m4s`"),
    ),
    responses(
        (status = 200, description = "The fragment", body = String, content_type = "video/mp4"),
        (status = 206, description = "The bytes that the header Range asks for", body = String, content_type = "video/mp4"),
        (status = 303, description = "The fragment lies under the URL in the header Location for a quarter of an hour"),
    )
)]
pub(crate) async fn fragment(
    State(farm): Shared,
    caller: Caller,
    Named((id, name)): Named<(String, String)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let job = caller.job(&farm, &id).await?;
    let tasks = farm.ledger().stitched(&job.id).await?;
    let watched = watched(&job, &tasks)?;
    let place = if name == HEAD { Some(0) } else { (0..watched.parts()).find(|place| fragment_name(*place) == name) };
    let place = place.ok_or_else(|| Problem::not_found("fragment").mend("take the names from watch.m3u8"))?;
    let [media, head] = watched.blobs(place)?;
    let wanted = if name == HEAD { &head } else { &media };
    if farm.stores.blobs.size(wanted).await?.is_none() {
        keep(&farm, &watched, place, [&media, &head]).await?;
    }
    serve(&farm, wanted, "video/mp4", &headers).await
}

fn watched<'a>(job: &'a Job, tasks: &'a [Task]) -> Answer<Watched<'a>> {
    Watched::of(job, tasks)?.filter(|watched| watched.parts() > 0).ok_or_else(not_yet)
}

fn not_yet() -> Problem {
    Problem::new(Code::NotMadeYet, "the first part of the film is not made yet").retry_after(5)
}

/// Makes the fragment of a part, and keeps it.
async fn keep(farm: &Farm, watched: &Watched<'_>, place: usize, [media, head]: [&BlobKey; 2]) -> Result<()> {
    let dir = farm.scratch()?;
    let (blobs, file) = (farm.stores.blobs.as_ref(), dir.path().join("fragment"));
    let before = watched.fragment(blobs, place, &file).await?;
    if place == 0 {
        blobs.put(head, &before).await?;
    }
    blobs.put_file(media, &file).await?;
    Ok(())
}
