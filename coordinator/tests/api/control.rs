//! What people do to jobs.

use axum::http::Method;
use serde_json::json;
use shared::Error;

use super::harness::Api;

#[tokio::test]
async fn jobs_are_paused_resumed_drained_and_cancelled() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    let act = async |act: &str| api.ask(Method::POST, &format!("/v1/jobs/{id}/{act}"), None, None).await;
    assert_eq!(act("pause").await.fine(200)["hold"], "paused");
    assert_eq!(act("resume").await.fine(200)["hold"], "none");
    assert_eq!(act("drain").await.fine(200)["hold"], "draining");
    assert_eq!(act("resume").await.fine(200)["hold"], "none");
    act("retry").await.refused(409, "job_running");
    let path = format!("/v1/jobs/{id}/cancel");
    api.post(&path, json!({ "because": "x" })).await.refused(422, "invalid_field");
    api.post(&path, json!({ "reason": "x".repeat(501) })).await.refused(422, "invalid_field");
    let job = api.post(&path, json!({ "reason": "wrong track" })).await.fine(200);
    assert_eq!(
        (job["state"].as_str(), job["error"].as_str()),
        (Some("cancelled"), Some("cancelled by anonymous: wrong track"))
    );
    for verb in ["cancel", "pause", "resume", "drain"] {
        act(verb).await.refused(409, "job_ended");
    }
    assert_eq!(act("retry").await.fine(200)["state"], "running");
    api.finish(&id).await;
    act("retry").await.refused(409, "job_ended");
    let acts = api.get("/v1/audit").await.fine(200);
    let acts: Vec<&str> = acts["items"].as_array().unwrap().iter().map(|one| one["act"].as_str().unwrap()).collect();
    let expected = ["job.retry", "job.cancel", "job.resume", "job.drain", "job.resume", "job.pause", "job.submit"];
    assert_eq!(acts, expected, "each act once, the latest first, and none that was refused");
}

#[tokio::test]
async fn a_failed_job_is_taken_up_again() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    api.fail(&id, "prepare", &Error::order("the portrait is torn")).await;
    let job = api.get(&format!("/v1/jobs/{id}")).await.fine(200);
    assert_eq!(job["state"], "failed");
    assert!(job["error"].as_str().unwrap().contains("the portrait is torn"), "{job}");
    api.ask(Method::POST, &format!("/v1/jobs/{id}/retry"), None, None).await.fine(200);
    api.work(&id, "prepare", 1).await;
}

#[tokio::test]
async fn a_priority_acts_on_open_jobs() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    let path = format!("/v1/jobs/{id}/priority");
    let set = async |body| api.ask(Method::PUT, &path, None, Some(body)).await;
    assert_eq!(set(json!({ "priority": "urgent" })).await.fine(200)["priority"], 100);
    assert_eq!(set(json!({ "priority": 3 })).await.fine(200)["priority"], 3);
    for wrong in [json!({ "priority": 101 }), json!({ "priority": "now" }), json!({}), json!({ "priority": 300 })] {
        set(wrong).await.refused(422, "invalid_field");
    }
    api.finish(&id).await;
    set(json!({ "priority": 5 })).await.refused(409, "job_ended");
}
