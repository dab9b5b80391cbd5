//! Inputs that are named by a URL.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Method, StatusCode},
    routing::get,
};
use coordinator::{Reachable, api::Settings};
use futures_util::stream;
use serde_json::{Value, json};
use shared::{digest::sha256, ports::access::Role};

use super::{
    harness::Api,
    material::{portrait, track},
};

/// A web server on this machine; where it listens.
async fn web() -> String {
    let redirect = |to: &'static str| move || async move { (StatusCode::FOUND, [("location", to)]) };
    let router = Router::new()
        .route("/face.png", get(|| async { ([("content-type", "image/png")], portrait(9)) }))
        .route("/speech.wav", get(|| async { ([("content-type", "audio/wav")], track(8000)) }))
        .route("/page", get(|| async { ([("content-type", "text/html")], "<html>") }))
        .route("/large", get(|| async { vec![0_u8; 200_000] }))
        .route("/away", get(redirect("https://other.example/face.png")))
        .route("/near", get(redirect("/face.png")))
        .route("/round", get(redirect("/round")))
        .route("/drips", get(drips))
        .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A portrait that comes for ever, a byte at a time and never silent for long.
async fn drips() -> Body {
    Body::from_stream(stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
    }))
}

fn local(settings: &mut Settings) {
    settings.sources.hosts = vec!["127.0.0.1".into()];
    settings.sources.plain_http = true;
    settings.sources.reachable = Reachable::Anything;
    settings.limits.portrait_bytes = 100_000;
}

fn order(portrait: &str, audio: &str) -> Value {
    json!({ "portrait": { "uri": portrait }, "audio": { "uri": audio } })
}

#[tokio::test]
async fn inputs_come_from_the_web_where_that_is_allowed() {
    let at = web().await;
    let api = Api::with(|settings, _| local(settings)).await;
    let (face, speech) = (format!("{at}/face.png"), format!("{at}/speech.wav"));
    let job = api.post("/v1/jobs", order(&face, &speech)).await.fine(202);
    assert_eq!(job["job"]["order"]["portrait"], json!({ "name": "face.png", "sha256": sha256(&portrait(9)) }));
    // The same files uploaded are the same job.
    assert_eq!(api.upload(super::harness::Form::film()).await.fine(200)["job"]["id"], job["job"]["id"]);
    // A redirect within what is allowed leads to the same file.
    let near = api.post("/v1/jobs", order(&format!("{at}/near"), &speech)).await.fine(200);
    assert_eq!(near["job"]["id"], job["job"]["id"]);
    let right = json!({ "portrait": { "uri": face, "sha256": sha256(&portrait(9)).to_uppercase() }, "audio": { "uri": speech }, "seed": 3 });
    api.post("/v1/jobs", right).await.fine(202);
    let wrong = json!({ "portrait": { "uri": face, "sha256": "00" }, "audio": { "uri": speech } });
    api.post("/v1/jobs", wrong).await.refused(422, "bad_input");
    for (uri, status, code) in [
        ("/page", 422, "bad_input"),
        ("/large", 413, "too_large"),
        ("/away", 403, "source_refused"),
        ("/round", 403, "source_refused"),
        ("/broken", 502, "source_unreachable"),
        ("/none", 502, "source_unreachable"),
    ] {
        api.post("/v1/jobs", order(&format!("{at}{uri}"), &speech)).await.refused(status, code);
    }
    assert_eq!((api.traces().await.1, api.scratch()), (2, 0));
}

#[tokio::test]
async fn nothing_is_fetched_that_is_not_allowed() {
    let at = web().await;
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("face.png"), portrait(1)).unwrap();
    let file = format!("file://{}", files.path().join("face.png").display());
    let strict = Api::new().await;
    for uri in [format!("{at}/face.png").as_str(), "https://example.com/a.png", &file, "s3://bucket/a.png"] {
        strict.post("/v1/jobs", order(uri, uri)).await.refused(403, "source_refused");
    }
    // An allowed host with an inner address: the address decides.
    let public = Api::with(|settings, _| {
        local(settings);
        settings.sources.reachable = Reachable::Public;
        settings.sources.hosts.push("localhost".into());
    })
    .await;
    public.post("/v1/jobs", order(&format!("{at}/face.png"), &file)).await.refused(422, "invalid_field");
    let named = at.replace("127.0.0.1", "localhost");
    public.post("/v1/jobs", order(&format!("{named}/face.png"), &file)).await.refused(502, "source_unreachable");
    for uri in ["ftp://example.com/a", "face.png", "javascript:1", &format!("https://x/{}", "y".repeat(2000))] {
        strict.post("/v1/jobs", order(uri, uri)).await.refused(422, "invalid_field");
    }
}

#[tokio::test]
async fn files_of_allowed_directories_are_taken_and_no_others() {
    let api = Api::with(|settings, dir| settings.sources.directories = vec![dir.join("in")]).await;
    let dir = api.dir.path();
    std::fs::create_dir(dir.join("in")).unwrap();
    std::fs::create_dir(dir.join("inner")).unwrap();
    std::fs::write(dir.join("in/face.png"), portrait(1)).unwrap();
    std::fs::write(dir.join("in/speech.wav"), track(8000)).unwrap();
    std::fs::write(dir.join("inner/face.png"), portrait(2)).unwrap();
    std::os::unix::fs::symlink(dir.join("inner/face.png"), dir.join("in/link.png")).unwrap();
    let uri = |name: &str| format!("file://{}/{name}", dir.display());
    let audio = uri("in/speech.wav");
    let body = api.post("/v1/jobs", order(&uri("in/face.png"), &audio)).await.fine(202);
    assert_eq!(body["job"]["order"]["portrait"]["name"], "face.png");
    for refused in
        ["inner/face.png", "in/../inner/face.png", "in/%2e%2e/inner/face.png", "in/link.png", "in/none.png", "in"]
    {
        api.post("/v1/jobs", order(&uri(refused), &audio)).await.refused(403, "source_refused");
    }
    api.post("/v1/jobs", order("file://host/in/face.png", &audio)).await.refused(422, "invalid_field");
}

#[tokio::test]
async fn objects_of_allowed_buckets_are_taken() {
    let other = Api::new().await;
    let store = other.stores.blobs.clone();
    for (name, bytes) in [("face.png", portrait(1)), ("speech.wav", track(8000))] {
        let key = shared::ports::BlobKey::from_text(format!("reel/{name}")).unwrap();
        store.put(&key, &bytes).await.unwrap();
    }
    let api = Api::with(|settings, _| {
        settings.sources.buckets = vec![("s3://inputs/studio".into(), Arc::clone(&store))];
        settings.limits.portrait_bytes = 100_000;
    })
    .await;
    let uri = |name: &str| format!("s3://inputs/studio/{name}");
    api.post("/v1/jobs", order(&uri("reel/face.png"), &uri("reel/speech.wav"))).await.fine(202);
    let refused = |uri: String| api.post("/v1/jobs", order(&uri, "s3://inputs/studio/reel/speech.wav"));
    api.post("/v1/jobs", order(&uri("reel/none.png"), &uri("x"))).await.refused(422, "bad_input");
    refused("s3://inputs/studio2/reel/face.png".into()).await.refused(403, "source_refused");
    refused("s3://inputs/other/reel/face.png".into()).await.refused(403, "source_refused");
    refused(uri("../face.png")).await.refused(403, "source_refused");
    refused(uri("a b")).await.refused(422, "invalid_field");
}

#[tokio::test]
async fn a_source_that_drips_does_not_hold_its_place_for_ever() {
    let at = web().await;
    let api = Api::with(|settings, _| {
        local(settings);
        settings.limits.upload = Duration::from_millis(400);
        settings.limits.uploads = 1;
    })
    .await;
    let (slow, fast) = (format!("{at}/drips"), format!("{at}/face.png"));
    let speech = format!("{at}/speech.wav");
    api.post("/v1/jobs", order(&slow, &speech)).await.refused(503, "timed_out");
    let started = Instant::now();
    let next = loop {
        let reply = api.post("/v1/jobs", order(&fast, &speech)).await;
        if reply.status != 503 || started.elapsed() > Duration::from_secs(10) {
            break reply;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    next.fine(202);
    assert_eq!(api.scratch(), 0, "what came of it is gone");
}

/// Tenants `a` and `b`; whether each gets what lies at `uri`.
async fn who_gets(api: &Api, uri: &str, audio: &str) -> [bool; 2] {
    let mut got = [false; 2];
    for (tenant, got) in ["a", "b"].into_iter().zip(&mut got) {
        let token = api.token(tenant, Role::Submitter).await;
        let reply = api.ask(Method::POST, "/v1/jobs", Some(&token), Some(order(uri, audio))).await;
        *got = reply.status.is_success();
        if !*got {
            reply.refused(403, "source_refused");
        }
    }
    got
}

#[tokio::test]
async fn sources_of_a_tenant_are_its_own() {
    let other = Api::new().await;
    let store = other.stores.blobs.clone();
    for tenant in ["a", "b", "ab"] {
        let key = shared::ports::BlobKey::from_text(format!("{tenant}/raw/face.png")).unwrap();
        store.put(&key, &portrait(1)).await.unwrap();
    }
    let shared_key = shared::ports::BlobKey::from_text("raw/speech.wav").unwrap();
    store.put(&shared_key, &track(8000)).await.unwrap();
    let api = Api::with(|settings, dir| {
        settings.sources.directories = vec![dir.join("in/{tenant}")];
        settings.sources.buckets =
            vec![("s3://inputs/{tenant}/raw".into(), Arc::clone(&store)), ("s3://common".into(), Arc::clone(&store))];
    })
    .await;
    let dir = api.dir.path();
    for tenant in ["a", "b"] {
        std::fs::create_dir_all(dir.join("in").join(tenant)).unwrap();
        std::fs::write(dir.join("in").join(tenant).join("face.png"), portrait(2)).unwrap();
    }
    std::os::unix::fs::symlink(dir.join("in/b/face.png"), dir.join("in/a/link.png")).unwrap();
    let common = "s3://common/raw/speech.wav";
    let file = |place: &str| format!("file://{}/in/{place}/face.png", dir.display());
    for (uri, expected) in [
        ("s3://inputs/a/raw/face.png".to_owned(), [true, false]),
        ("s3://inputs/b/raw/face.png".to_owned(), [false, true]),
        ("s3://inputs/ab/raw/face.png".to_owned(), [false, false]),
        ("s3://inputs/a/raw/../../b/raw/face.png".to_owned(), [false, true]),
        ("s3://inputs/%7Btenant%7D/raw/face.png".to_owned(), [false, false]),
        (file("a"), [true, false]),
        (file("b"), [false, true]),
        (format!("file://{}/in/a/link.png", dir.display()), [false, false]),
    ] {
        assert_eq!(who_gets(&api, &uri, common).await, expected, "{uri}");
    }
    // Whoever may order for others orders from their places.
    let operator = api.token("house", Role::Operator).await;
    let mut ask = order("s3://inputs/b/raw/face.png", common);
    (ask["tenant"], ask["seed"]) = ("b".into(), 9.into());
    api.ask(Method::POST, "/v1/jobs", Some(&operator), Some(ask)).await.fine(202);
}
