//! The stream of what happens to a job.

use std::time::Duration;

use axum::{body::Body, http::Request, response::Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::harness::Api;

/// One frame of the stream: id, name, data.
type Frame = (Option<u64>, String, Value);

async fn open(api: &Api, id: &str, last: Option<&str>) -> Response {
    let mut request = Request::get(format!("/v1/jobs/{id}/events"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn frames(text: &str) -> Vec<Frame> {
    let field = |frame: &str, name: &str| {
        frame
            .lines()
            .find_map(|line| line.strip_prefix(name).map(|rest| rest.trim_start_matches(": ").trim().to_owned()))
    };
    let whole = text.split("\n\n").filter(|frame| frame.contains("event:"));
    whole
        .map(|frame| {
            let id = field(frame, "id").map(|id| id.parse().unwrap());
            (id, field(frame, "event").unwrap(), serde_json::from_str(&field(frame, "data").unwrap()).unwrap())
        })
        .collect()
}

async fn all(response: Response) -> Vec<Frame> {
    let read = tokio::time::timeout(Duration::from_secs(20), response.into_body().collect());
    let bytes = read.await.expect("the stream ends").unwrap().to_bytes();
    frames(std::str::from_utf8(&bytes).unwrap())
}

fn names(frames: &[Frame]) -> Vec<&str> {
    frames.iter().filter(|frame| frame.0.is_some()).map(|frame| frame.1.as_str()).collect()
}

#[tokio::test]
async fn a_stream_tells_everything_once_and_ends_with_the_job() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    let response = open(&api, &id, None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (frames, ()) = tokio::join!(all(response), api.finish(&id));
    assert_eq!(names(&frames), ["job.accepted", "job.started", "job.completed"]);
    let ids: Vec<u64> = frames.iter().filter_map(|frame| frame.0).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let (_, _, accepted) = &frames.iter().find(|frame| frame.1 == "job.accepted").unwrap();
    assert_eq!(
        (accepted["type"].as_str(), accepted["data"]["job"].as_str()),
        (Some("job.accepted"), Some(id.as_str()))
    );
    let progress: Vec<f64> =
        frames.iter().filter(|f| f.1 == "progress").map(|f| f.2["share"].as_f64().unwrap()).collect();
    assert!(progress.is_sorted() && progress.last() == Some(&1.0), "{progress:?}");

    // Whoever comes back with the last id it saw gets the rest, and after the end nothing.
    let rest = all(open(&api, &id, Some(&ids[0].to_string())).await).await;
    assert_eq!(names(&rest), ["job.started", "job.completed"]);
    let nothing = open(&api, &id, Some(&ids.last().unwrap().to_string())).await;
    assert_eq!(nothing.status(), 204);
    let reply = api
        .send(Request::get(format!("/v1/jobs/{id}/events")).header("last-event-id", "x").body(Body::empty()).unwrap())
        .await;
    reply.refused(422, "invalid_field");
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_lives() {
    let api = Api::with(|settings, _| settings.limits.heartbeat = Duration::from_millis(50)).await;
    let id = api.job(1, json!({})).await;
    let mut body = open(&api, &id, None).await.into_body();
    let mut text = String::new();
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while text.matches(": alive").count() < 2 {
        let frame = tokio::time::timeout_at(until, body.frame()).await.expect("signs of life").unwrap().unwrap();
        text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
    }
    assert_eq!(names(&frames(&text)), ["job.accepted"]);
}

#[tokio::test]
async fn streams_are_counted_and_their_places_come_back() {
    let api = Api::with(|settings, _| settings.limits.streams = 2).await;
    let id = api.job(1, json!({})).await;
    let one = open(&api, &id, None).await;
    let two = open(&api, &id, None).await;
    assert_eq!(api.get(&format!("/v1/jobs/{id}/events")).await.refused(503, "busy")["retryable"], true);
    drop((one, two));
    assert_eq!(open(&api, &id, None).await.status(), 200);
}
