//! `GET /v1/jobs/{id}/events`: what happens to a job, as it happens (server-sent events,
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event as Frame, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use shared::{JobId, JobState, Result, ports::Progress, ports::records::Event};
use tokio::sync::OwnedSemaphorePermit;

use crate::api::{
    caller::Caller,
    extract::{Asked, Named},
    farm::{Farm, Gates, Shared},
    problem::{Answer, Problem},
    wire::{job::ProgressBody, records::EventBody},
};

/// Events read at a time.
const BATCH: u32 = 100;

/// Looks that may fail one after the other before the stream ends; the client comes again.
const PATIENCE: u32 = 5;

/// Events with which a job ends.
const ENDS: [&str; 3] = ["job.completed", "job.failed", "job.cancelled"];

/// Looks for the last event of a job that has ended.
const GRACE: u32 = 5;

/// Where a stream begins.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Only events after this one; the header `Last-Event-ID` counts more.
    after: Option<u64>,
}

/// Streams what happens to a job: every event since the one that `Last-Event-ID` names, progress at most once a second, and the end
/// of the stream with the end of the job.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(
        ("id" = String, Path, description = "The job"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that the client has seen"),
        EventsQuery,
    ),
    responses(
        (status = 200, description = "Events whose data are an EventBody, and `progress` with a ProgressBody", body = EventBody, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended and nothing came after the last event: do not ask again"),
    )
)]
pub(crate) async fn events(
    State(farm): Shared,
    caller: Caller,
    Named(id): Named<String>,
    Asked(query): Asked<EventsQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let job = caller.job(&farm, &id).await?;
    let place = Gates::pass(&farm.gates.streams, "streams of events")?;
    let last = headers.get("last-event-id").map(|value| value.to_str().ok().and_then(|text| text.trim().parse().ok()));
    let after = match last {
        None => query.after,
        Some(Some(id)) => Some(id),
        Some(None) => return Err(Problem::field("Last-Event-ID", "the header is no number that an event had")),
    };
    if job.state != JobState::Running && after.is_some() {
        let more = farm.ledger().events(Some(&job.id), None, after.unwrap_or(0), 1).await?;
        if more.is_empty() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
    let alive = KeepAlive::new().interval(farm.settings.limits.heartbeat).text("alive");
    let watch = Watch {
        job: job.id,
        fps: job.order.fps,
        after: after.unwrap_or(0),
        waiting: VecDeque::new(),
        shown: None,
        ended: false,
        failures: 0,
        grace: GRACE,
        told_end: false,
        first: true,
        farm,
        _place: place,
    };
    Ok(Sse::new(watch.frames()).keep_alive(alive).into_response())
}

/// One client's view of one job.
struct Watch {
    farm: Arc<Farm>,
    job: JobId,
    fps: shared::Fps,
    after: u64,
    waiting: VecDeque<Frame>,
    shown: Option<Progress>,
    ended: bool,
    failures: u32,
    grace: u32,
    told_end: bool,
    first: bool,
    _place: OwnedSemaphorePermit,
}

impl Watch {
    fn frames(self) -> impl Stream<Item = Result<Frame, Infallible>> {
        stream::unfold(self, |mut watch| async move { watch.next().await.map(|frame| (Ok(frame), watch)) })
    }

    /// The next frame; nothing when the job has ended and everything was told.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return Some(frame);
            }
            if self.ended || self.failures >= PATIENCE {
                return None;
            }
            if !std::mem::take(&mut self.first) {
                tokio::time::sleep(self.farm.settings.limits.look).await;
            }
            match self.look().await {
                Ok(()) => self.failures = 0,
                Err(error) => {
                    self.failures += 1;
                    tracing::warn!(%error, job = %self.job, "a stream of events waits for the ledger");
                }
            }
        }
    }

    /// Everything new since the last look.
    async fn look(&mut self) -> Result<()> {
        let ledger = self.farm.ledger();
        // The state is read before the events: an end that is seen has its event among those that are read after it.
        let ended = ledger.job(&self.job).await?.is_none_or(|job| job.state != JobState::Running);
        let progress = ledger.progress(&self.job).await?;
        if self.shown != Some(progress) {
            self.shown = Some(progress);
            self.waiting.extend(frame(Frame::default().event("progress"), &ProgressBody::new(&progress, self.fps)));
        }
        let events = ledger.events(Some(&self.job), None, self.after, BATCH).await?;
        let whole = events.len() < BATCH as usize;
        for event in &events {
            self.after = event.id;
            self.waiting.extend(told(event));
        }
        self.first = !whole;
        self.told_end |= events.iter().any(|event| ENDS.contains(&event.kind.as_str()));
        if ended && whole {
            // A ledger may show the last event a moment later than the state that it tells of.
            self.ended = self.told_end || self.grace == 0;
            self.grace = self.grace.saturating_sub(1);
        }
        Ok(())
    }
}

fn told(event: &Event) -> Option<Frame> {
    frame(Frame::default().id(event.id.to_string()).event(&event.kind), &EventBody::new(event))
}

fn frame(frame: Frame, data: &impl serde::Serialize) -> Option<Frame> {
    frame.json_data(data).ok()
}
