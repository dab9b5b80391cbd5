//! Some frames of a film are rendered anew, as a job of its own.

use axum::http::Method;
use serde_json::json;
use shared::ports::{BlobKey, access::Role};

use super::{
    harness::{Api, Form},
    material::track,
};

/// A film that is made, with latents in the store as workers leave them.
async fn film(api: &Api) -> String {
    let id = api.job(1, json!({ "priority": "high" })).await;
    api.finish(&id).await;
    keep_latents(api, &id).await;
    id
}

async fn keep_latents(api: &Api, id: &str) {
    let job = id.parse().unwrap();
    for task in api.stores.ledger.tasks(&job).await.unwrap() {
        if task.kind.renders() {
            let key = BlobKey::made(&job, &task.id, task.attempt, "latents.safetensors").unwrap();
            api.stores.blobs.put(&key, b"latents").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_retake_is_a_job_of_its_own_that_renders_only_what_changes() {
    let api = Api::new().await;
    let base = film(&api).await;
    let path = format!("/v1/jobs/{base}/retakes");
    let asked = json!({ "range": "00:00:00:10-00:00:00:24", "seed": 9 });
    let taken = api.post(&path, asked.clone()).await.fine(202);
    let id = taken["job"]["id"].as_str().unwrap();
    assert_ne!(id, base);
    let order = &taken["job"]["order"];
    let expected = json!({ "job": base, "range": "00:00:00:10-00:00:01:00", "frames": 15 });
    assert_eq!((&order["retake"], &order["seed"]), (&expected, &json!(9)));
    assert_eq!((taken["job"]["priority"].as_u64(), taken["job"]["progress"]["frames"].as_u64()), (Some(75), Some(15)));
    assert_eq!(taken["remarks"].as_array().unwrap().len(), 1, "{taken}");
    let tasks = api.get(&format!("/v1/jobs/{id}/tasks")).await.fine(200);
    let names: Vec<_> = tasks["items"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "prepare",
            "segment-1-00000",
            "segment-1-00001",
            "segment-1-00002",
            "bridge-00000",
            "part-00000",
            "part-00001",
            "film"
        ]
    );
    // The same once more is the same job; the film before stays as it was.
    assert_eq!(api.post(&path, asked).await.fine(200)["job"]["id"], id);
    assert_eq!(api.get(&format!("/v1/jobs/{base}")).await.fine(200)["state"], "done");
    // A retake can be changed in its turn.
    api.finish(id).await;
    keep_latents(&api, id).await;
    let again =
        api.post(&format!("/v1/jobs/{id}/retakes"), json!({ "range": "00:00:00:12-00:00:00:22" })).await.fine(202);
    assert_eq!((&again["job"]["order"]["retake"]["job"], &again["job"]["order"]["seed"]), (&json!(id), &json!(10)));
}

#[tokio::test]
async fn another_track_must_be_as_long_as_the_one_before() {
    let api = Api::new().await;
    let base = film(&api).await;
    let path = format!("/v1/jobs/{base}/retakes");
    let order = json!({ "range": "00:00:00:10-00:00:01:00" });
    let with = |samples| Form::new().order(&order).file("audio", "new.wav", track(samples)).to(&path);
    let short = api.upload(with(7000)).await.refused(422, "bad_input");
    assert!(short["detail"].as_str().unwrap().contains("covers 22 frames, and the film has 25"), "{short}");
    let taken = api.upload(with(8000)).await.fine(202);
    assert_eq!(taken["job"]["order"]["audio"]["name"], "new.wav");
    let face = api.upload(Form::film().order(&order).to(&path)).await.refused(422, "invalid_field");
    assert_eq!(face["field"], "portrait");
    assert_eq!(api.scratch(), 0);
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_and_leaves_no_trace() {
    let api = Api::new().await;
    let running = api.job(2, json!({})).await;
    let range = json!({ "range": "00:00:00:10-00:00:01:00" });
    api.post(&format!("/v1/jobs/{running}/retakes"), range.clone()).await.refused(409, "job_running");
    let base = film(&api).await;
    let path = format!("/v1/jobs/{base}/retakes");
    let before = api.traces().await;
    for wrong in
        ["", "x", "00:00:00:10", "00:00:01:00-00:00:00:10", "00:00:00:10-00:00:00:10", "00:00:00:30-00:00:01:00"]
    {
        let refused = api.post(&path, json!({ "range": wrong })).await.refused(422, "invalid_field");
        assert_eq!(refused["field"], "range", "{wrong}: {refused}");
    }
    for wrong in ["00:00:00:10-00:00:02:00", "00:00:00:00-00:00:01:00"] {
        api.post(&path, json!({ "range": wrong })).await.refused(422, "bad_input");
    }
    api.post(&path, json!({ "range": "x", "colour": 1 })).await.refused(422, "invalid_field");
    let foreign = api.token("others", Role::Submitter).await;
    api.ask(Method::POST, &path, Some(&foreign), Some(range.clone())).await.refused(404, "not_found");
    let viewer = api.token("default", Role::Viewer).await;
    api.ask(Method::POST, &path, Some(&viewer), Some(range.clone())).await.refused(403, "forbidden");
    assert_eq!(api.traces().await, before);
    // Latents that were tidied away.
    let operator = api.token("default", Role::Operator).await;
    api.stores.blobs.remove(&format!("jobs/{base}/segment-0-00001/")).await.unwrap();
    let gone = api.ask(Method::POST, &path, Some(&operator), Some(range)).await.refused(422, "bad_input");
    assert!(gone["detail"].as_str().unwrap().contains("tidied away"), "{gone}");
}
