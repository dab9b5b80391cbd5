//! `POST /v1/jobs/{id}/retakes`.

use std::{path::PathBuf, sync::Arc};

use axum::{
    extract::{Request, State},
    response::Response,
};
use shared::{JobState, Terms, ports::Job};

use crate::{
    api::{
        accept::{take_in, tenant_of},
        caller::Caller,
        code::Code,
        extract::Named,
        farm::{Farm, Shared},
        intake::{Part, fetch},
        problem::{Answer, Problem},
        routes::submit::{Received, once},
        wire::{
            job::AcceptedBody,
            order::{PriorityBody, Source},
        },
    },
    retake::{RetakeWishes, range, retake},
};

/// Which frames of a film are rendered anew.
#[derive(Clone, Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetakeBody {
    /// From the first timecode up to, and without, the second: `HH:MM:SS:FF-HH:MM:SS:FF`.
    #[schema(example = "00:41:12:00-00:41:20:00")]
    range: String,
    /// Seed of the noise of these frames; another one than the film's when absent.
    seed: Option<u64>,
    /// Another track for the whole film, as long as the one before. May be uploaded with the order instead.
    audio: Option<Source>,
    /// How urgent it is; as the film was when absent.
    priority: Option<PriorityBody>,
}

/// A form with a retake and its track.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the parts of a form, which are read one by one as they come")]
pub(crate) struct RetakeForm {
    /// The retake as JSON.
    order: RetakeBody,
    /// The track.
    #[schema(value_type = Option<String>, format = Binary)]
    audio: Option<Vec<u8>>,
}

/// Renders some frames of a film anew and keeps the rest. The answer is a job of its own with a film of its own: the earlier one stays.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/retakes", tag = "jobs",
    params(
        ("id" = String, Path, description = "The job whose film is changed"),
        ("Idempotency-Key" = Option<String>, Header, description = "At most 200 characters: the same request with the same key gets the same answer for seven days"),
    ),
    request_body(content((RetakeBody = "application/json"), (RetakeForm = "multipart/form-data"))),
    responses(
        (status = 202, description = "The job is queued; its place is in the header Location", body = AcceptedBody),
        (status = 200, description = "The same retake was accepted before", body = AcceptedBody),
    )
)]
pub(crate) async fn submit(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    request: Request,
) -> Answer<Response> {
    let base = caller.job(&farm, &id).await?;
    if base.state == JobState::Running {
        return Err(Problem::new(Code::JobRunning, "there is no film to change yet").mend("wait until it is made"));
    }
    let place = format!("POST /v1/jobs/{id}/retakes");
    once(farm, caller, request, &place, move |farm, caller, received| async move {
        accept(&farm, &caller, &base, received).await
    })
    .await
}

/// Checks everything, then keeps the inputs and records the job.
async fn accept(
    farm: &Arc<Farm>,
    caller: &Caller,
    base: &Job,
    mut received: Received<RetakeBody>,
) -> Answer<AcceptedBody> {
    let body = &received.body;
    if received.files.portrait.is_some() {
        return Err(Problem::field("portrait", "a retake has the portrait of its film")
            .mend("order another film to change the portrait"));
    }
    let frames = range(&body.range, base.order.fps).map_err(|error| Problem::of_field("range", &error))?;
    // What is looked at first of a whole film says nothing of a retake.
    let mut terms = Terms { preview: None, approve: false, ..base.terms.clone() };
    if let Some(priority) = &body.priority {
        terms.priority = priority.priority()?;
    }
    let tenant = tenant_of(farm, caller, &terms).await?;
    if let Some(source) = &body.audio {
        if received.files.audio.is_some() {
            return Err(Problem::field("audio", "the audio came twice"));
        }
        let track = fetch(source, Part::Audio, &terms.tenant, &received.scratch, &farm.settings).await?;
        received.files.audio = Some(track);
    }
    let audio: Option<PathBuf> = received.files.audio.as_ref().map(|file| file.path.clone());
    let wishes = RetakeWishes { frames, seed: received.body.seed, audio };
    let drafted = retake(base, &wishes, farm.ledger(), farm.stores.blobs.as_ref(), received.scratch.path()).await;
    let private = received.scratch.private(Part::Audio);
    let drafted = drafted.map_err(|error| Problem::from(error).said_of_fields().without(&private))?;
    take_in(farm, caller, &terms, &tenant, &drafted, "job.retake").await.map_err(|problem| problem.without(&private))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_retake_is_refused() {
        for text in [r#"{"range": 3}"#, r#"{"frames": "x"}"#, r#"{"seed": -1}"#] {
            assert!(serde_json::from_str::<RetakeBody>(text).is_err(), "{text}");
        }
        assert!(range("", shared::Fps::PAL).is_err());
    }
}
