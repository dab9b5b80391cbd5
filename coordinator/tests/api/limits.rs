//! Limits of requests, and handlers that break.

use std::time::{Duration, Instant};

use axum::body::Body;
use futures_util::stream;
use serde_json::json;

use super::harness::{Api, Form};

#[tokio::test]
async fn a_handler_that_panics_is_a_problem_and_the_next_request_is_fine() {
    let api = Api::new().await;
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let reply = api.post("/v1/estimate", json!({ "seconds": 1, "model": "panics" })).await;
    std::panic::set_hook(hook);
    let problem = reply.refused(500, "broken");
    assert!(!problem.to_string().contains("asked to"), "what broke stands in the log only");
    api.post("/v1/estimate", json!({ "seconds": 1 })).await.fine(200);
}

#[tokio::test]
async fn slow_requests_end_and_busy_coordinators_say_so() {
    let api = Api::with(|settings, _| {
        settings.limits.upload = Duration::from_millis(100);
        settings.limits.requests = 1;
    })
    .await;
    let slow = || api.post("/v1/estimate", json!({ "seconds": 1, "model": "slow" }));
    let (slow, (busy, probe)) = tokio::join!(slow(), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        (api.get("/v1/jobs").await, api.get("/healthz").await)
    });
    assert_eq!(slow.refused(503, "timed_out")["retryable"], true);
    busy.refused(503, "busy");
    assert_eq!((busy.header("retry-after"), probe.status.as_u16()), ("1", 200), "probes are always answered");
    api.get("/v1/jobs").await.fine(200);
}

#[tokio::test]
async fn submissions_at_once_are_bounded() {
    let api = Api::with(|settings, _| settings.limits.uploads = 1).await;
    let slow = || Form::film().order(&json!({ "model": "slow" }));
    let (first, second) = tokio::join!(api.upload(slow()), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        api.upload(slow()).await
    });
    first.fine(202);
    second.refused(503, "busy");
}

#[tokio::test]
async fn a_client_that_falls_silent_is_not_waited_for() {
    let api = Api::with(|settings, _| settings.limits.silence = Duration::from_millis(100)).await;
    let silent = |start: &'static str| {
        let first = stream::iter([Ok::<_, std::io::Error>(axum::body::Bytes::from_static(start.as_bytes()))]);
        Body::from_stream(futures_util::StreamExt::chain(first, stream::pending()))
    };
    let started = Instant::now();
    let mut request = Form::film().request();
    *request.body_mut() =
        silent("--edge\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"a.wav\"\r\n\r\nab");
    api.send(request).await.refused(503, "timed_out");
    let request = axum::http::Request::post("/v1/jobs").header("content-type", "application/json");
    api.send(request.body(silent("{")).unwrap()).await.refused(503, "timed_out");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!((api.traces().await, api.scratch()), ((0, 0), 0));
}
