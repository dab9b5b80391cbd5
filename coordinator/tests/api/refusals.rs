//! Orders and requests that are refused, and leave no trace.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use super::{
    harness::{Api, Form, Reply},
    material::{portrait, track},
};

async fn order(api: &Api, order: Value) -> Reply {
    api.upload(Form::film().order(&order)).await
}

#[tokio::test]
async fn every_field_has_a_type_and_limits() {
    let api = Api::new().await;
    let long = "x".repeat(201);
    let many: serde_json::Map<_, _> = (0..33).map(|i| (format!("l{i}"), json!("v"))).collect();
    let wrong = [
        (json!({ "colour": 1 }), Some("colour")),
        (json!({ "settings": { "colour": 1 } }), Some("colour")),
        (json!({ "seed": "seven" }), None),
        (json!({ "seed": -1 }), None),
        (json!({ "fps": "fast" }), Some("fps")),
        (json!({ "segment_clips": 0 }), Some("segment_clips")),
        (json!({ "part_segments": 1001 }), Some("part_segments")),
        (json!({ "priority": 101 }), Some("priority")),
        (json!({ "priority": "soon" }), Some("priority")),
        (json!({ "pool": "No Pool" }), Some("pool")),
        (json!({ "tenant": "../x" }), Some("tenant")),
        (json!({ "most_at_once": 0 }), Some("most_at_once")),
        (json!({ "external_id": long }), Some("external_id")),
        (json!({ "labels": many }), Some("labels")),
        (json!({ "labels": { "a:b": "c" } }), Some("labels")),
        (json!({ "labels": ["a"] }), None),
        (json!({ "model": "other" }), Some("model")),
        (json!({ "model": "/etc" }), Some("model")),
        (json!({ "model": ".." }), Some("model")),
        (json!({ "settings": { "face": "1,2,3" } }), Some("settings.face")),
        (
            json!({ "webhook": { "url": "https://10.0.0.1/", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } }),
            Some("webhook"),
        ),
        (json!({ "webhook": { "url": "https://example.com/", "secret": "secret" } }), Some("webhook")),
        (json!({ "consent": { "kind": "recorded", "reference": " " } }), Some("consent.reference")),
        (json!({ "consent": { "kind": "maybe", "reference": "x" } }), None),
    ];
    for (body, field) in wrong {
        let problem = order(&api, body.clone()).await.refused(422, "invalid_field");
        assert_eq!(problem["field"].as_str(), field, "{body}: {problem}");
        assert!(!problem.to_string().contains("/private"), "{problem}");
    }
    assert_eq!((api.traces().await, api.scratch()), ((0, 0), 0));
}

#[tokio::test]
async fn files_that_make_no_film_are_refused_by_name_without_paths() {
    let api = Api::new().await;
    let forms = [
        Form::new().file("portrait", "face.png", b"no picture".to_vec()).file("audio", "speech.wav", track(8000)),
        Form::new().file("portrait", "face.png", portrait(1)).file("audio", "speech.wav", b"no sound".to_vec()),
        Form::new().file("portrait", "face.png", portrait(1)).file("audio", "speech.wav", track(0)),
        Form::film().order(&json!({ "settings": { "size": 63 } })),
        Form::film().order(&json!({ "settings": { "mask_lip": "1,2,3,4" } })),
        Form::film().order(&json!({ "settings": { "face": "70,0,60,60" } })),
    ];
    for form in forms {
        let problem = api.upload(form).await.refused(422, "bad_input");
        let text = problem.to_string();
        assert!(!text.contains(api.dir.path().to_str().unwrap()) && !text.contains("--"), "{text}");
    }
    assert_eq!((api.traces().await, api.scratch()), ((0, 0), 0));
}

#[tokio::test]
async fn forms_hold_what_they_may_and_names_are_no_ways() {
    let api = Api::new().await;
    for name in ["../../etc/passwd", "..", "/etc/passwd", "a\\b.png", ".hidden", "c:x.png", &"x".repeat(121)] {
        let form = Form::new().file("portrait", name, portrait(1)).file("audio", "speech.wav", track(8000));
        api.upload(form).await.refused(422, "bad_name");
    }
    for (form, field) in [
        (Form::film().file("hat", "hat.png", portrait(1)), "hat"),
        (Form::film().file("audio", "again.wav", track(8000)), "audio"),
        (Form::new().file("audio", "speech.wav", track(8000)), "portrait"),
        (Form::new().file("portrait", "face.png", portrait(1)), "audio"),
        (Form::film().order(&json!({ "portrait": { "uri": "https://example.com/a.png" } })), "portrait"),
    ] {
        assert_eq!(api.upload(form).await.refused(422, "invalid_field")["field"], field);
    }
    api.upload(Form::film().part("order", None, b"{".to_vec())).await.refused(400, "malformed");
    let mut broken = Form::film().request();
    *broken.body_mut() =
        Body::from("--edge\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"a.wav\"\r\n\r\nabc");
    api.send(broken).await.refused(400, "malformed");
    assert_eq!((api.traces().await, api.scratch()), ((0, 0), 0));
}

#[tokio::test]
async fn every_body_has_a_size() {
    let api = Api::with(|settings, _| {
        settings.limits.portrait_bytes = portrait(1).len() as u64;
        settings.limits.audio_bytes = track(8000).len() as u64;
        settings.limits.json_bytes = 4000;
    })
    .await;
    let film = |picture, samples| {
        Form::new().file("portrait", "face.png", picture).file("audio", "speech.wav", track(samples))
    };
    api.upload(film(portrait(1), 8000)).await.fine(202);
    let mut larger = portrait(1);
    larger.push(0);
    api.upload(film(larger, 8000)).await.refused(413, "too_large");
    api.upload(film(portrait(2), 8001)).await.refused(413, "too_large");
    api.upload(Form::film().order(&json!({ "external_id": "x".repeat(4000) }))).await.refused(413, "too_large");
    let large = json!({ "note": "x".repeat(5000) });
    api.post("/v1/jobs", large.clone()).await.refused(413, "too_large");
    api.post("/v1/estimate", large.clone()).await.refused(413, "too_large");
    api.ask(Method::PUT, "/v1/tenants/a", None, Some(large)).await.refused(413, "too_large");
    assert_eq!((api.traces().await.1, api.scratch()), (1, 0));
}

#[tokio::test]
async fn requests_that_nobody_understands_are_problems_too() {
    let api = Api::new().await;
    api.get("/v1/nothing").await.refused(404, "not_found");
    api.get("/").await.refused(404, "not_found");
    api.ask(Method::PATCH, "/v1/jobs", None, None).await.refused(405, "method_not_allowed");
    api.ask(Method::DELETE, "/healthz", None, None).await.refused(405, "method_not_allowed");
    let typed = |kind: &str, body: &str| {
        Request::post("/v1/jobs").header("content-type", kind).body(Body::from(body.to_owned())).unwrap()
    };
    api.send(typed("text/plain", "{}")).await.refused(415, "unsupported_media_type");
    api.send(typed("", "")).await.refused(415, "unsupported_media_type");
    api.send(typed("multipart/form-data", "")).await.refused(400, "malformed");
    api.send(typed("application/json", "{\"seed\":")).await.refused(400, "malformed");
    api.send(typed("application/json", "[]")).await.refused(422, "invalid_field");
    let reply = api.get("/v1/jobs?colour=1").await;
    assert!(reply.refused(422, "invalid_field")["detail"].as_str().unwrap().contains("colour"));
    api.get("/v1/jobs?limit=many").await.refused(422, "invalid_field");
    api.get("/v1/jobs/%FF").await.refused(404, "not_found");
}

#[tokio::test]
async fn the_trace_of_the_caller_is_taken_over() {
    let api = Api::new().await;
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = Request::get("/v1/nothing").header("traceparent", format!("00-{id}-00f067aa0ba902b7-01"));
    let problem = api.send(request.body(Body::empty()).unwrap()).await.refused(404, "not_found");
    assert_eq!(problem["trace_id"], id);
    let other = api.get("/v1/nothing").await.refused(404, "not_found");
    assert_eq!(other["trace_id"].as_str().map(str::len), Some(32));
    assert_ne!(other["trace_id"], api.get("/v1/nothing").await.refused(404, "not_found")["trace_id"]);
}
