//! What operators, probes and autoscalers ask.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use shared::{
    Clock as _, TaskId, TaskKey,
    ports::{
        access::Role,
        crew::{WorkerOrder, WorkerState},
    },
};

use super::harness::{Api, Form};

#[tokio::test]
async fn workers_are_listed_and_asked() {
    let api = Api::new().await;
    assert_eq!(api.get("/v1/workers").await.fine(200)["items"], json!([]));
    let id = api.job(1, json!({})).await;
    let key = TaskKey { job: id.parse().unwrap(), task: TaskId::from_text("prepare") };
    api.worker("w1", 0, "default", WorkerState::busy(&key)).await;
    api.worker("w2", 24_000, "a100", WorkerState::SetAside { reason: "no memory".into() }).await;
    let listed = api.get("/v1/workers").await.fine(200);
    assert_eq!(
        (listed["items"][0]["state"].as_str(), listed["items"][0]["job"].as_str()),
        (Some("busy"), Some(id.as_str()))
    );
    assert_eq!(
        (listed["items"][1]["state"].as_str(), listed["items"][1]["reason"].as_str()),
        (Some("set_aside"), Some("no memory"))
    );
    let only = api.get("/v1/workers?pool=a100").await.fine(200);
    assert_eq!((only["items"].as_array().unwrap().len(), only["items"][0]["id"].as_str()), (1, Some("w2")));
    for (path, order) in [("w1/drain", WorkerOrder::Drain), ("w2/work", WorkerOrder::Work)] {
        api.ask(Method::POST, &format!("/v1/workers/{path}"), None, None).await.fine(200);
        let ledger = api.stores.ledger.as_ref();
        let crew = ledger.crew(shared::Timestamp(0)).await.unwrap();
        let hand = crew.iter().find(|hand| path.starts_with(&hand.card.id.0)).unwrap();
        assert_eq!(ledger.report(&hand.card, &hand.state, api.clock.now()).await.unwrap(), Some(order), "{path}");
    }
    api.ask(Method::POST, "/v1/workers/w9/drain", None, None).await.refused(404, "not_found");
    api.clock.advance(Duration::from_mins(1));
    assert_eq!(api.get("/v1/workers").await.fine(200)["items"][0]["state"], "gone");
}

#[tokio::test]
async fn the_backlog_is_what_autoscalers_need() {
    let api = Api::new().await;
    let empty = api.get("/v1/backlog").await.fine(200);
    assert_eq!(
        empty,
        json!({ "pool": "default", "lane": "render", "tasks": 0, "waiting": 0, "seconds": 0.0, "workers": 0 })
    );
    let id = api.job(1, json!({})).await;
    api.work(&id, "prepare", 1).await;
    api.worker("w1", 0, "default", WorkerState::Idle).await;
    let waiting = api.get("/v1/backlog?pool=default&lane=render").await.fine(200);
    // One segment of 8 frames is ready; nothing was measured yet, so that a frame counts as a second.
    let expected =
        json!({ "pool": "default", "lane": "render", "tasks": 1, "waiting": 1, "seconds": 8.0, "workers": 1 });
    assert_eq!(waiting, expected);
    let lease = api.claim(&id, "segment-0-00000").await;
    let busy = api.get("/v1/backlog").await.fine(200);
    assert_eq!(
        (busy["tasks"].as_u64(), busy["waiting"].as_u64()),
        (Some(1), Some(0)),
        "work under way keeps its worker"
    );
    api.clock.advance(Duration::from_secs(16));
    api.stores.ledger.complete(&lease, api.now()).await.unwrap();
    let measured = api.get("/v1/backlog").await.fine(200);
    assert_eq!(measured["seconds"], 16.0, "two seconds for each of eight frames");
    assert_eq!(api.get("/v1/backlog?pool=other").await.fine(200)["tasks"], 0);
    api.get("/v1/backlog?lane=fast").await.refused(422, "invalid_field");
    api.get("/v1/backlog?pool=A").await.refused(422, "invalid_field");
}

#[tokio::test]
async fn metrics_show_the_farm() {
    let api = Api::new().await;
    let id = api.job(1, json!({ "tenant": "studio" })).await;
    api.worker("w1", 0, "default", WorkerState::Idle).await;
    let reply = api.get("/metrics").await;
    assert!(reply.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = reply.text();
    for line in [
        "emofarm_jobs{state=\"running\",hold=\"none\"} 1",
        "emofarm_workers{state=\"idle\",pool=\"default\"} 1",
        "emofarm_tasks{state=\"ready\",lane=\"render\",pool=\"default\",memory=\"0\",priority=\"50\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("emofarm_runnable_backlog_seconds{pool=\"default\""), "{text}");
    assert!(!text.contains(&id), "no job stands in metrics");
}

#[tokio::test]
async fn metrics_tell_a_tenant_nothing_of_others() {
    let api = Api::new().await;
    coordinator::telemetry::install();
    let viewer = api.token("metrics-a", Role::Viewer).await;
    let operator = api.token("house", Role::Operator).await;
    for (seed, tenant) in [(1, "metrics-a"), (2, "metrics-b")] {
        let order = json!({ "seed": seed, "tenant": tenant });
        api.upload(Form::film().order(&order).by(&operator)).await.fine(202);
    }
    let seen = async |token: &str| api.ask(Method::GET, "/metrics", Some(token), None).await.text();
    let line = |tenant: &str| format!("emofarm_jobs_submitted_total{{tenant=\"{tenant}\"}} 1");
    let (all, own) = (seen(&operator).await, seen(&viewer).await);
    assert!(all.contains(&line("metrics-a")) && all.contains(&line("metrics-b")), "{all}");
    assert!(own.contains(&line("metrics-a")) && own.contains("emofarm_jobs{") && !own.contains("metrics-b"), "{own}");
}

#[tokio::test]
async fn the_farm_is_counted_once_for_many_who_ask() {
    let api = Api::with(|settings, _| settings.limits.overview = Duration::from_secs(5)).await;
    let running = async || {
        let text = api.get("/metrics").await.text();
        text.lines().find(|line| line.starts_with("emofarm_jobs{state=\"running\"")).unwrap().to_owned()
    };
    assert!(running().await.ends_with(" 0"), "a farm without jobs has a voice too");
    api.job(1, json!({})).await;
    api.clock.advance(Duration::from_millis(4999));
    assert!(running().await.ends_with(" 0"));
    assert_eq!(api.get("/v1/backlog").await.fine(200)["waiting"], 0);
    api.clock.advance(Duration::from_millis(1));
    assert!(running().await.ends_with(" 1"));
    assert_eq!(api.get("/v1/backlog").await.fine(200)["waiting"], 1);
}

#[tokio::test]
async fn probes_tell_living_from_ready() {
    let api = Api::new().await;
    assert_eq!(api.get("/healthz").await.text(), "ok\n");
    assert_eq!(api.get("/readyz").await.fine(200)["ready"], true);
    std::fs::remove_dir_all(api.dir.path().join("blobs")).unwrap();
    let body = api.get("/readyz").await.fine(503);
    assert_eq!((body["ready"].as_bool(), body["stores"]["ledger"].as_str()), (Some(false), Some("ok")));
    assert_eq!(body["stores"]["blobs"], "does not answer");
    assert_eq!(api.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn dead_letters_and_the_audit_are_shown() {
    let api = Api::new().await;
    assert_eq!(api.get("/v1/dead-letters").await.fine(200)["items"], json!([]));
    let act = async |method, path| api.ask(method, path, None, None).await.fine(200)["count"].clone();
    assert_eq!(act(Method::POST, "/v1/dead-letters/replay").await, 0);
    assert_eq!(act(Method::DELETE, "/v1/dead-letters").await, 0);
    api.ask(Method::PUT, "/v1/tenants/a", None, Some(json!({}))).await.fine(200);
    let acts = api.get("/v1/audit?limit=2").await.fine(200);
    assert_eq!(
        (acts["items"][0]["act"].as_str(), acts["items"][0]["who"].as_str()),
        (Some("tenant.set"), Some("anonymous"))
    );
    assert_eq!(acts["items"].as_array().unwrap().len(), 2);
    assert_eq!(api.get("/v1/audit?tenant=a").await.fine(200)["items"].as_array().unwrap().len(), 1);
    for wrong in ["limit=0", "limit=1001", "tenant=A", "x=1"] {
        api.get(&format!("/v1/audit?{wrong}")).await.refused(422, "invalid_field");
    }
}
