//! Previews and their approval.

use axum::http::Method;
use serde_json::json;

use super::harness::{Api, Form};

async fn act(api: &Api, id: &str, act: &str) -> super::harness::Reply {
    api.ask(Method::POST, &format!("/v1/jobs/{id}/{act}"), None, None).await
}

async fn reasons(api: &Api, id: &str) -> Vec<String> {
    let body = api.get(&format!("/v1/jobs/{id}/explain")).await.fine(200);
    body["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_preview_is_looked_at_and_approved() {
    let api = Api::new().await;
    let id = api.job(1, json!({ "preview": "last,first", "approve": true })).await;
    let path = format!("/v1/jobs/{id}");
    let job = api.get(&path).await.fine(200);
    assert_eq!(
        (&job["preview"], &job["approve"], &job["hold"]),
        (&json!("first,last"), &json!(true), &json!("preview"))
    );
    assert!(reasons(&api, &id).await.contains(&"preview".to_owned()));
    api.get(&format!("{path}/artifacts/excerpt-00000")).await.refused(404, "not_made_yet");
    for task in ["prepare", "segment-0-00000", "segment-0-00001", "part-00000"] {
        api.work(&id, task, 1).await;
    }
    assert_eq!(api.stores.ledger.previewed(api.now()).await.unwrap().len(), 1);
    assert_eq!(reasons(&api, &id).await, ["approval_required"]);
    let listed = api.get(&format!("{path}/artifacts")).await.fine(200);
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["part-00000", "excerpt-00000", "thumbnail"]);
    let excerpt = api.get(&format!("{path}/artifacts/excerpt-00000")).await;
    assert_eq!((excerpt.status.as_u16(), excerpt.header("content-type")), (200, "video/mp4"));
    let file = api.dir.path().join("excerpt.mp4");
    std::fs::write(&file, &excerpt.bytes).unwrap();
    assert_eq!(media::film::decode(&file, |_, _| Ok(())).unwrap(), 3);
    api.get(&format!("{path}/artifacts/excerpt-00001")).await.refused(404, "not_made_yet");
    assert_eq!(act(&api, &id, "approve").await.fine(200)["hold"], "none");
    act(&api, &id, "approve").await.refused(409, "nothing_to_approve");
    api.finish(&id).await;
    act(&api, &id, "approve").await.refused(409, "job_ended");
    let events = api.stores.ledger.events(Some(&id.parse().unwrap()), None, 0, 99).await.unwrap();
    let ready = events.iter().find(|event| event.kind == "job.preview_ready").unwrap();
    assert_eq!(ready.data, json!({ "parts": ["part-00000"] }));
    let audit = api.get("/v1/audit").await.fine(200);
    assert!(audit["items"].as_array().unwrap().iter().any(|entry| entry["act"] == "job.approve"), "{audit}");
}

#[tokio::test]
async fn a_rejected_preview_is_a_cancelled_job() {
    let api = Api::new().await;
    let id = api.job(1, json!({ "preview": "every:2", "approve": true })).await;
    act(&api, &id, "cancel").await.fine(200);
    act(&api, &id, "approve").await.refused(409, "job_ended");
}

#[tokio::test]
async fn previews_that_mean_nothing_are_refused() {
    let api = Api::new().await;
    for (order, field) in [
        (json!({ "preview": "end" }), "preview"),
        (json!({ "preview": "every:0" }), "preview"),
        (json!({ "approve": true }), "approve"),
    ] {
        let problem = api.upload(Form::film().order(&order)).await.refused(422, "invalid_field");
        assert!(problem.to_string().contains(field), "{problem}");
    }
    let id = api.job(1, json!({})).await;
    act(&api, &id, "approve").await.refused(409, "nothing_to_approve");
}
