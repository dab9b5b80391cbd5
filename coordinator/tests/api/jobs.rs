//! Lists of jobs, and where one stands.

use std::time::Duration;

use axum::{body::Body, http::Request};
use serde_json::json;
use shared::Error;

use super::harness::{Api, Reply};

fn ids(reply: &Reply) -> Vec<String> {
    let body = reply.fine(200);
    body["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_hold_every_job_once_the_latest_first() {
    let api = Api::new().await;
    let mut made = Vec::new();
    for seed in 0..7 {
        // Some are submitted at the same moment.
        if seed % 2 == 0 {
            api.clock.advance(Duration::from_secs(1));
        }
        made.push(api.job(seed, json!({})).await);
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/jobs?limit=3".to_owned());
    let mut pages = 0;
    loop {
        let reply = api.get(&path).await;
        seen.extend(ids(&reply));
        pages += 1;
        match reply.json()["next"].as_str() {
            Some(next) => path = format!("/v1/jobs?limit=3&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (3, 7));
    assert_eq!(seen[0], made[6]);
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 7, "{seen:?}");
    for wrong in ["limit=0", "limit=501", "cursor=abc", "state=resting", "label=north", "tenant=A"] {
        api.get(&format!("/v1/jobs?{wrong}")).await.refused(422, "invalid_field");
    }
    api.get("/v1/jobs?limit=500").await.fine(200);
}

#[tokio::test]
async fn filters_leave_only_what_was_asked_for() {
    let api = Api::new().await;
    let a = api.job(1, json!({ "labels": { "show": "north", "lang": "de" }, "external_id": "reel 1" })).await;
    let b = api.job(2, json!({ "labels": { "show": "north" } })).await;
    let c = api.job(3, json!({})).await;
    api.post(&format!("/v1/jobs/{c}/cancel"), json!({})).await.fine(200);
    for (query, expected) in [
        ("label=show:north", vec![&b, &a]),
        ("label=show:north,lang:de", vec![&a]),
        ("label=show:south", vec![]),
        ("external_id=reel%201", vec![&a]),
        ("external_id=reel", vec![]),
        ("state=cancelled", vec![&c]),
        ("state=done,failed", vec![]),
        ("state=running,cancelled&label=lang:de", vec![&a]),
    ] {
        let mut found = ids(&api.get(&format!("/v1/jobs?{query}")).await);
        let mut expected: Vec<String> = expected.into_iter().cloned().collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn a_status_says_how_far_a_job_is_and_when_it_will_be_done() {
    let api = Api::new().await;
    // Four seconds are 100 frames: 13 segments of 8 frames.
    let form = super::harness::Form::new().file("portrait", "face.png", super::material::portrait(1));
    let body = api.upload(form.file("audio", "speech.wav", super::material::track(32_000))).await.fine(202);
    let id = body["job"]["id"].as_str().unwrap();
    let status = api.get(&format!("/v1/jobs/{id}")).await.fine(200);
    assert_eq!((status["progress"]["share"].as_f64(), status["eta"].is_null()), (Some(0.0), true));
    assert_eq!(status["position"], 0);
    api.work(id, "prepare", 1).await;
    for segment in 0..9 {
        api.work(id, &format!("segment-0-{segment:05}"), 8).await;
    }
    api.clock.advance(Duration::from_secs(10));
    let status = api.get(&format!("/v1/jobs/{id}")).await.fine(200);
    assert_eq!(
        (status["progress"]["frames_rendered"].as_u64(), status["progress"]["frames"].as_u64()),
        (Some(72), Some(100))
    );
    let eta = status["eta"]["p50_seconds"].as_f64().unwrap();
    // 28 frames are left, and a frame took a second.
    assert!((28.0..30.0).contains(&eta), "{status:#}");
    assert!(status["eta"]["p90_seconds"].as_f64().unwrap() >= eta);
    api.finish(id).await;
    let status = api.get(&format!("/v1/jobs/{id}")).await.fine(200);
    assert_eq!((status["state"].as_str(), status["progress"]["share"].as_f64()), (Some("done"), Some(1.0)));
    assert!(status["eta"].is_null() && status["ended"].is_string());
}

#[tokio::test]
async fn an_unchanged_status_is_not_sent_again() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    let first = api.get(&format!("/v1/jobs/{id}")).await;
    let etag = first.header("etag").to_owned();
    assert_eq!(first.header("retry-after"), "5");
    let again = async |etag: &str, query: &str| {
        let request = Request::get(format!("/v1/jobs/{id}{query}")).header("if-none-match", etag);
        api.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(again(&etag, "").await.status, 304);
    assert_eq!(again(&format!("\"x\", W/{etag}"), "").await.status, 304);
    assert_eq!(again("\"x\"", "").await.status, 200);
    let started = std::time::Instant::now();
    assert_eq!(again(&etag, "?wait=0.3").await.status, 304);
    assert!(started.elapsed() >= Duration::from_millis(300), "it waited");
    let (changed, ()) = tokio::join!(again(&etag, "?wait=20"), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        api.post(&format!("/v1/jobs/{id}/pause"), json!({})).await.fine(200);
    });
    assert_eq!((changed.status.as_u16(), changed.json()["hold"].as_str()), (200, Some("paused")));
    assert!(started.elapsed() < Duration::from_secs(15), "the change ended the wait");
    for wrong in ["61", "-1", "NaN", "soon"] {
        api.get(&format!("/v1/jobs/{id}?wait={wrong}")).await.refused(422, "invalid_field");
    }
}

#[tokio::test]
async fn tasks_attempts_and_logs_are_listed() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    api.fail(&id, "prepare", &Error::world("the disk is full")).await;
    api.clock.advance(Duration::from_secs(5));
    api.work(&id, "prepare", 2).await;
    let tasks = api.get(&format!("/v1/jobs/{id}/tasks")).await.fine(200);
    let tasks = tasks["items"].as_array().unwrap();
    assert_eq!((tasks[0]["id"].as_str(), tasks[0]["state"].as_str()), (Some("prepare"), Some("done")));
    assert_eq!(
        (tasks[1]["kind"].as_str(), tasks[1]["first_frame"].as_u64(), tasks[1]["end_frame"].as_u64()),
        (Some("segment"), Some(0), Some(8))
    );
    let attempts = api.get(&format!("/v1/jobs/{id}/attempts?task=prepare")).await.fine(200);
    let outcomes: Vec<_> = attempts["items"].as_array().unwrap().iter().map(|a| a["outcome"].clone()).collect();
    assert_eq!(outcomes, ["failed", "done"]);
    assert!(attempts["items"][0]["error"].as_str().unwrap().contains("the disk is full"));
    let page = api.get(&format!("/v1/jobs/{id}/tasks?limit=2")).await.fine(200);
    let rest = api.get(&format!("/v1/jobs/{id}/tasks?cursor={}", page["next"].as_str().unwrap())).await.fine(200);
    assert_eq!(page["items"].as_array().unwrap().len() + rest["items"].as_array().unwrap().len(), tasks.len());
    api.get(&format!("/v1/jobs/{id}/attempts?limit=1001")).await.refused(422, "invalid_field");

    let log = attempts["items"][1]["log"].as_str().unwrap();
    api.get(log).await.refused(404, "not_made_yet");
    for (piece, text) in [(1, "{\"n\":2}\n"), (0, "{\"n\":1}\n")] {
        let (job, task) = (id.parse().unwrap(), shared::TaskId::from_text("prepare"));
        let key = shared::ports::BlobKey::log(&job, &task, 2, piece).unwrap();
        api.stores.blobs.put(&key, text.as_bytes()).await.unwrap();
    }
    assert_eq!(api.get(log).await.text(), "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(api.get(&format!("/v1/jobs/{id}/logs?task=prepare")).await.text(), "{\"n\":1}\n{\"n\":2}\n");
    api.get(&format!("/v1/jobs/{id}/logs?task=prepare&attempt=3")).await.refused(404, "not_made_yet");
    api.get(&format!("/v1/jobs/{id}/logs?task=..%2F..%2Fx")).await.refused(404, "not_found");
    api.get(&format!("/v1/jobs/{id}/logs")).await.refused(422, "invalid_field");
}
