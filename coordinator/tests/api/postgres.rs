//! The same over a real `PostgreSQL`, also while it is away.

use std::time::{Duration, Instant};

use serde_json::json;
use stores::Urls;

use super::harness::{Api, Form};

async fn over(url: &str) -> Api {
    stores::migrate(url).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let blobs = format!("file://{}", dir.path().join("blobs").display());
    let urls = Urls { ledger: url.into(), queue: "memory:".into(), blobs };
    Api::over(stores::open(&urls).await.unwrap(), dir, |_, _| {})
}

#[tokio::test]
async fn a_job_lives_its_whole_life() {
    let api = over(&services::postgres().await.url().await).await;
    let order = json!({ "labels": { "show": "north" }, "external_id": "reel 1", "priority": "high" });
    let form = || Form::film().order(&order).header("idempotency-key", "one");
    let first = api.upload(form()).await.fine(202);
    assert_eq!(api.upload(form()).await.fine(202), first);
    let id = first["job"]["id"].as_str().unwrap();
    assert_eq!(api.get(&format!("/v1/jobs/{id}/explain")).await.fine(200)["reasons"][0]["code"], "no_worker");
    api.finish(id).await;
    let status = api.get(&format!("/v1/jobs/{id}")).await.fine(200);
    assert_eq!((status["state"].as_str(), status["progress"]["share"].as_f64()), (Some("done"), Some(1.0)));
    let listed = api.get("/v1/jobs?label=show:north&external_id=reel%201&state=done").await.fine(200);
    assert_eq!(listed["items"][0]["id"], id);
    let events = api.get(&format!("/v1/jobs/{id}/events")).await.text();
    for kind in ["job.accepted", "job.started", "job.completed"] {
        assert_eq!(events.matches(&format!("event: {kind}\n")).count(), 1, "{events}");
    }
    assert_eq!(api.get(&format!("/v1/jobs/{id}/artifacts/film")).await.status, 200);
    assert!(api.get("/metrics").await.text().contains("emofarm_jobs{state=\"done\",hold=\"none\"} 1"));
    let acts = api.get("/v1/audit").await.fine(200);
    assert_eq!(acts["items"][0]["act"], "job.submit");
}

#[tokio::test]
async fn a_database_that_is_away_is_told_without_its_address() {
    let postgres = services::own_postgres().await;
    let url = postgres.url().await;
    let api = over(&url).await;
    let id = api.job(1, json!({})).await;
    postgres.stop().await;
    // The processes behind open connections of a killed server end one by one.
    let until = Instant::now() + Duration::from_secs(30);
    let ready = loop {
        let ready = api.get("/readyz").await;
        if ready.status == 503 {
            break ready.fine(503);
        }
        assert!(Instant::now() < until, "{}", ready.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!((ready["stores"]["ledger"] == "ok", ready["stores"]["queue"].as_str()), (false, Some("ok")));
    let reply = api.get(&format!("/v1/jobs/{id}")).await;
    let problem = reply.refused(503, "unreachable");
    assert!(!problem.to_string().contains("127.0.0.1") && !problem.to_string().contains("postgres"), "{problem}");
    assert_eq!((problem["retryable"].as_bool(), reply.header("retry-after")), (Some(true), "5"));
    assert_eq!(api.get("/healthz").await.status, 200);
    postgres.start().await;
    // The server of the tests may lose its last moment when it is killed; what counts is that the API needs no restart.
    assert_eq!(api.get("/readyz").await.fine(200)["ready"], true);
    let again = api.job(2, json!({})).await;
    api.get(&format!("/v1/jobs/{again}")).await.fine(200);
}
