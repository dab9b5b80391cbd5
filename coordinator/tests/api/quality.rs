//! What was measured of a job.

use std::time::Duration;

use serde_json::json;
use shared::{
    Frames, TaskId, TaskKey, Timestamp,
    ports::WorkerId,
    quality::{ClipQuality, Fault, Measured, Quality},
};

use super::harness::Api;

#[tokio::test]
async fn measures_come_in_pages_in_the_order_of_the_film() {
    let api = Api::new().await;
    let id = api.job(1, json!({})).await;
    let path = format!("/v1/jobs/{id}/quality");
    assert_eq!(api.get(&path).await.fine(200), json!({ "items": [] }));
    let task = TaskId::from_text("prepare");
    let key = TaskKey { job: id.parse().unwrap(), task: task.clone() };
    let ledger = &api.stores.ledger;
    let (worker, now) = (WorkerId("one".into()), Timestamp(1_900_000_000_000));
    let lease = ledger.claim(&key, &worker, Duration::from_secs(30), now).await.unwrap().unwrap();
    let record = |place: u64| {
        let faults = if place == 1 { vec![Fault::Colour] } else { Vec::new() };
        let quality = Quality::Clip(ClipQuality { take: place as u32, faults, ..ClipQuality::default() });
        Measured { task: task.clone(), frames: Frames::new(place * 4, place * 4 + 4), quality }
    };
    ledger.keep_quality(&lease, &(0..3).map(record).collect::<Vec<_>>(), now).await.unwrap();
    let first = api.get(&format!("{path}?limit=2")).await.fine(200);
    assert_eq!(first["next"], "2");
    let (fine, bad) = (&first["items"][0], &first["items"][1]);
    assert_eq!((&fine["first_frame"], &fine["end_frame"], &fine["task"]), (&json!(0), &json!(4), &json!("prepare")));
    assert!(fine.get("warning").is_none() && bad["warning"].as_str().unwrap().contains("colour"), "{first}");
    assert_eq!(bad["quality"]["clip"]["faults"], json!(["colour"]));
    let rest = api.get(&format!("{path}?limit=2&cursor=2")).await.fine(200);
    assert_eq!((rest["items"].as_array().unwrap().len(), rest.get("next")), (1, None));
    assert_eq!(rest["items"][0]["quality"]["clip"]["take"], 2);
    for wrong in ["limit=0", "limit=1001", "cursor=abc", "page=2"] {
        api.get(&format!("{path}?{wrong}")).await.refused(422, "invalid_field");
    }
    api.get(&format!("/v1/jobs/{}/quality", "0".repeat(32))).await.refused(404, "not_found");
    let status = api.get(&format!("/v1/jobs/{id}")).await.fine(200);
    assert_eq!(status["links"]["quality"], path.as_str());
}
