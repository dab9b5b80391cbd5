//! Why a job is not running, told from real ledgers.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use shared::{Error, TaskId, TaskKey, ports::crew::WorkerState};

use super::harness::Api;

async fn codes(api: &Api, id: &str) -> Vec<String> {
    let body = api.get(&format!("/v1/jobs/{id}/explain")).await.fine(200);
    let reasons = body["reasons"].as_array().unwrap();
    assert!(reasons.iter().all(|reason| reason["text"].as_str().unwrap().ends_with('.')), "{body:#}");
    reasons.iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_job_without_workers_says_which_are_missing() {
    let api = Api::new().await;
    let id = api.job(1, json!({ "pool": "a100", "gpu_memory": 24_000 })).await;
    assert_eq!(codes(&api, &id).await, ["no_worker"]);
    api.worker("small", 8_000, "a100", WorkerState::Idle).await;
    assert_eq!(codes(&api, &id).await, ["too_little_memory"]);
    api.worker("large", 48_000, "a100", WorkerState::Starting).await;
    assert_eq!(codes(&api, &id).await, ["workers_starting"]);
    api.worker("large", 48_000, "a100", WorkerState::SetAside { reason: "three failures".into() }).await;
    let body = api.get(&format!("/v1/jobs/{id}/explain")).await.fine(200);
    assert_eq!(body["reasons"][0]["code"], "workers_set_aside");
    assert!(body["reasons"][0]["text"].as_str().unwrap().contains("large (three failures)"), "{body}");
    api.worker("large", 48_000, "a100", WorkerState::Idle).await;
    assert_eq!(codes(&api, &id).await, Vec::<String>::new(), "its tasks are on their way");
    api.clock.advance(Duration::from_secs(31));
    assert_eq!(codes(&api, &id).await, ["no_worker"], "whoever is silent for half a minute is gone");
}

#[tokio::test]
async fn holds_and_ends_are_told() {
    let api = Api::new().await;
    api.worker("w1", 0, "default", WorkerState::Idle).await;
    let id = api.job(1, json!({})).await;
    let act = async |act: &str| api.ask(Method::POST, &format!("/v1/jobs/{id}/{act}"), None, None).await.fine(200);
    act("pause").await;
    assert_eq!(codes(&api, &id).await, ["paused"]);
    act("resume").await;
    let lease = api.claim(&id, "prepare").await;
    act("drain").await;
    assert_eq!(codes(&api, &id).await, ["draining", "under_way"]);
    act("resume").await;
    api.stores.ledger.complete(&lease, api.now()).await.unwrap();
    act("cancel").await;
    assert_eq!(codes(&api, &id).await, ["job_cancelled"]);
    act("retry").await;
    api.finish(&id).await;
    assert_eq!(codes(&api, &id).await, ["job_done"]);
}

#[tokio::test]
async fn back_offs_queues_and_busy_farms_are_told() {
    let api = Api::new().await;
    let first = api.job(1, json!({ "priority": "high" })).await;
    let second = api.job(2, json!({})).await;
    let key = TaskKey { job: first.parse().unwrap(), task: TaskId::from_text("prepare") };
    api.worker("w1", 0, "default", WorkerState::busy(&key)).await;
    let found = codes(&api, &second).await;
    assert_eq!(found, ["tasks_ahead", "farm_busy"]);
    api.fail(&second, "prepare", &Error::world("no luck")).await;
    let found: Value = api.get(&format!("/v1/jobs/{second}/explain")).await.fine(200);
    assert_eq!(found["reasons"][0]["code"], "backing_off");
    assert!(found["reasons"][0]["text"].as_str().unwrap().contains("in 1 s"), "{found:#}");
    assert_eq!(found["tasks"]["backing_off"], 1);
}

#[tokio::test]
async fn limits_of_job_and_tenant_are_told() {
    let api = Api::new().await;
    api.ask(Method::PUT, "/v1/tenants/default", None, Some(json!({ "most_at_once": 1 }))).await.fine(200);
    api.worker("w1", 0, "default", WorkerState::Idle).await;
    let first = api.job(1, json!({})).await;
    let second = api.job(2, json!({})).await;
    api.claim(&first, "prepare").await;
    assert_eq!(codes(&api, &second).await[0], "tenant_limit_reached");
    assert_eq!(codes(&api, &first).await[0], "under_way");
}
