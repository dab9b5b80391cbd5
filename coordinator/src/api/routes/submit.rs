//! `POST /v1/jobs`.

use std::sync::Arc;

use axum::{
    body::to_bytes,
    extract::{FromRequest as _, Multipart, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use shared::{Error, digest::Digest, ports::access::Role};

use crate::api::{
    accept::accept,
    answers::{Kept, Key},
    caller::Caller,
    code::Code,
    extract::{media_type, parse},
    farm::{Farm, Gates, Shared},
    intake::{Files, Scratch, multipart},
    problem::{Answer, Problem},
    trace,
    wire::{job::AcceptedBody, order::OrderBody},
};

/// A form with an order and its files.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the parts of a form, which are read one by one as they come")]
pub(crate) struct OrderForm {
    /// The order as JSON; may be absent when nothing but the files is ordered.
    order: Option<OrderBody>,
    /// The portrait.
    #[schema(value_type = Option<String>, format = Binary)]
    portrait: Option<Vec<u8>>,
    /// The track.
    #[schema(value_type = Option<String>, format = Binary)]
    audio: Option<Vec<u8>>,
}

/// An order that came in whole.
pub(crate) struct Received<B> {
    pub(crate) body: B,
    pub(crate) files: Files,
    pub(crate) scratch: Scratch,
    /// SHA-256 of everything that was sent.
    digest: String,
}

/// Orders a film. Everything is checked before anything is queued; the answer says which settings took effect and how much
/// work it is. The same order of the same tenant is the same job.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 200 characters: the same request with the same key gets the same answer for seven days")),
    request_body(content((OrderBody = "application/json"), (OrderForm = "multipart/form-data"))),
    responses(
        (status = 202, description = "The job is queued; its place is in the header Location", body = AcceptedBody),
        (status = 200, description = "The same order was accepted before", body = AcceptedBody),
    )
)]
pub(crate) async fn submit(State(farm): Shared, caller: Caller, request: Request) -> Answer<Response> {
    once(farm, caller, request, "POST /v1/jobs", |farm, caller, received| async move {
        accept(&farm, &caller, received).await
    })
    .await
}

/// Takes in a body with its files and makes a job of it with `work`, once for each idempotency key. `place` says which endpoint it is.
pub(crate) async fn once<B, W, F>(
    farm: Arc<Farm>,
    caller: Caller,
    request: Request,
    place: &str,
    work: W,
) -> Answer<Response>
where
    B: DeserializeOwned + Default + Send + 'static,
    W: FnOnce(Arc<Farm>, Caller, Received<B>) -> F + Send + 'static,
    F: Future<Output = Answer<AcceptedBody>> + Send,
{
    caller.needs(Role::Submitter)?;
    let gate = Gates::pass(&farm.gates.uploads, "submissions")?;
    let key = Key::of(request.headers())?;
    let received = receive(&farm, request, place).await?;
    let kept = match &key {
        None => None,
        Some(key) => match key.begin(&farm, &caller.tenant, &received.digest).await? {
            Kept::Answered(response) => return Ok(response),
            Kept::New(open) => Some(open),
        },
    };
    // From here on the work is done even when the client goes away: its key finds the answer later. It has a time of its own, since
    // nobody may be waiting for it any more: a source that drips must not hold its place for ever.
    let work = tokio::spawn(trace::carried(async move {
        let _gate = gate;
        let term = farm.settings.limits.upload;
        let outcome = tokio::time::timeout(term, work(farm.clone(), caller, received)).await;
        let outcome = outcome.unwrap_or_else(|_| {
            let detail = format!("the order was not accepted within {} s", term.as_secs_f64());
            Err(Problem::new(Code::TimedOut, detail).mend("see that its sources are fast enough").retry_after(5))
        });
        let answer =
            outcome.map(|accepted| (if accepted.new { StatusCode::ACCEPTED } else { StatusCode::OK }, accepted));
        match kept {
            None => answer.map(|(status, body)| respond(status, &serde_json::to_string(&body).unwrap_or_default())),
            Some(open) => open.end(&farm, answer).await,
        }
    }));
    work.await.map_err(|e| Error::world("work on a submission broke").from_source(e))?
}

/// The answer with the job's place, from its body alone: an answer that is given again looks the same.
pub(crate) fn respond(status: StatusCode, body: &str) -> Response {
    #[derive(serde::Deserialize)]
    struct Place {
        job: Id,
    }
    #[derive(serde::Deserialize)]
    struct Id {
        id: String,
    }
    let mut response = (status, body.to_owned()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let place = serde_json::from_str::<Place>(body).ok();
    if let Some(place) = place.and_then(|place| HeaderValue::from_str(&format!("/v1/jobs/{}", place.job.id)).ok()) {
        headers.insert(header::LOCATION, place);
    }
    response
}

/// Takes the body in, as JSON or as a form.
async fn receive<B: DeserializeOwned + Default>(
    farm: &Arc<Farm>,
    request: Request,
    place: &str,
) -> Answer<Received<B>> {
    let limits = &farm.settings.limits;
    let scratch = Scratch::new(&farm.settings.scratch)?;
    let kind = media_type(request.headers()).to_ascii_lowercase();
    let (body, text, files) = match kind.as_str() {
        "application/json" => {
            // The route has no limit of its own, since the files of a form are counted as they come.
            let whole = tokio::time::timeout(limits.silence, to_bytes(request.into_body(), limits.json_bytes)).await;
            let whole = whole.map_err(|_| Problem::new(Code::TimedOut, "the body did not come"))?;
            let bytes = whole.map_err(|_| {
                Problem::new(
                    Code::TooLarge,
                    format!("the order has more than {} bytes, or ended early", limits.json_bytes),
                )
            })?;
            (parse::<B>(&bytes)?, bytes.to_vec(), Files::default())
        }
        "multipart/form-data" => {
            let form = Multipart::from_request(request, farm).await;
            let form = form.map_err(|error| Problem::new(Code::Malformed, error.body_text()))?;
            multipart(form, &scratch, limits).await?
        }
        other => {
            let problem = Problem::new(Code::UnsupportedMediaType, format!("the body is \"{other}\""));
            return Err(problem.mend("send application/json, or multipart/form-data with order, portrait and audio"));
        }
    };
    let digest = digest(place, &text, &files);
    Ok(Received { body, files, scratch, digest })
}

/// SHA-256 of everything that was sent: where to, the order's text, and name and digest of each file.
fn digest(place: &str, text: &[u8], files: &Files) -> String {
    let mut digest = Digest::new();
    digest.field(place.as_bytes());
    digest.field(text);
    for file in [&files.portrait, &files.audio] {
        let name = file.as_ref().and_then(|file| file.path.file_name()).map(std::ffi::OsStr::as_encoded_bytes);
        digest.field(name.unwrap_or_default());
        digest.field(file.as_ref().map_or(b"".as_slice(), |file| file.sha256.as_bytes()));
    }
    digest.hex()
}
