//! Orders that are fine.

use serde_json::{Value, json};
use shared::{JobState, Priority, ports::BlobKey};

use super::{
    harness::{Api, Form},
    material::{portrait, track},
};

#[tokio::test]
async fn an_uploaded_order_is_a_job_and_the_answer_says_what_took_effect() {
    let api = Api::new().await;
    let order = json!({
        "seed": 7, "fps": "29.97", "priority": "high", "pool": "a100", "gpu_memory": 24000, "most_at_once": 3,
        "external_id": "reel 5", "labels": { "show": "north" }, "settings": { "size": 128, "face": "1,2,30,40" },
        "webhook": { "url": "https://example.com/hook", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
        "consent": { "kind": "dubbing_agreement", "reference": "contract 17" }
    });
    let reply = api.upload(Form::film().order(&order)).await;
    let body = reply.fine(202);
    let job = &body["job"];
    let id = job["id"].as_str().unwrap();
    assert_eq!(reply.header("location"), format!("/v1/jobs/{id}"));
    assert_eq!(
        (body["new"].as_bool(), job["state"].as_str(), job["hold"].as_str()),
        (Some(true), Some("running"), Some("none"))
    );
    assert_eq!(
        (job["priority"].as_u64(), job["pool"].as_str(), job["most_at_once"].as_u64()),
        (Some(75), Some("a100"), Some(3))
    );
    let effective = &job["order"];
    assert_eq!((effective["fps"].as_str(), effective["seed"].as_u64()), (Some("30000/1001"), Some(7)));
    assert_eq!((effective["segment_clips"].as_u64(), effective["part_segments"].as_u64()), (Some(2), Some(2)));
    assert_eq!(
        (effective["settings"]["face"].as_str(), effective["settings"]["size"].as_u64()),
        (Some("1,2,30,40"), Some(128))
    );
    assert!(effective["settings"]["steps"].is_null(), "the model's own");
    assert_eq!(body["estimate"]["frames"], 30);
    assert_eq!(body["estimate"]["render_seconds"], json!(null), "nothing was measured yet");
    assert!(!reply.text().contains("whsec") && !reply.text().contains("contract 17"), "{}", reply.text());

    let kept = api.stores.ledger.job(&id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.terms.priority), (JobState::Running, Priority::HIGH));
    assert_eq!(kept.terms.consent.unwrap().reference, "contract 17");
    assert_eq!(kept.terms.webhook.unwrap().url, "https://example.com/hook");
    for (name, bytes) in [("portrait", portrait(9)), ("audio", track(8000))] {
        let key = BlobKey::input(&id.parse().unwrap(), name).unwrap();
        assert!(api.stores.blobs.get(&key).await.unwrap() == bytes, "{name}");
    }
    assert_eq!(api.scratch(), 0, "uploads are removed when the job is recorded");
}

#[tokio::test]
async fn the_same_order_is_the_same_job_and_keeps_its_terms() {
    let api = Api::new().await;
    let first = api.upload(Form::film()).await.fine(202);
    assert_eq!(first["job"]["order"]["seed"], 42, "as on the command line");
    let remark = first["remarks"][0].as_str().unwrap();
    assert!(
        remark.contains("no face detector") && remark.contains("settings.face") && !remark.contains("--"),
        "{remark}"
    );
    let again = api.upload(Form::film().order(&json!({ "priority": 99 }))).await.fine(200);
    assert_eq!((&again["job"]["id"], again["new"].as_bool()), (&first["job"]["id"], Some(false)));
    assert_eq!(again["job"]["priority"], 50);
    let other = api.upload(Form::film().order(&json!({ "seed": 43 }))).await.fine(202);
    assert_ne!(other["job"]["id"], first["job"]["id"]);
}

#[tokio::test]
async fn a_film_in_chains_says_where_they_meet() {
    let api = Api::new().await;
    // Four seconds of track, and a cut after 27 frames.
    let order = |order: &Value| {
        let form = Form::new().file("portrait", "face.png", portrait(1)).file("audio", "speech.wav", track(32_000));
        form.order(order)
    };
    let edl = "001 AX V C 00:00:00:00 00:00:01:02 01:00:00:00 01:00:01:02\n002 AX V C 0:0:0:0 0:0:3:0 01:00:01:02 01:00:04:00\n";
    let wish = json!({ "continuity": "anchored", "chain_seconds": 1, "join": "blend", "shots": edl });
    let body = api.upload(order(&wish)).await.fine(202);
    let effective = &body["job"]["order"];
    assert_eq!((&effective["chains"], &effective["join"]), (&json!(4), &json!("blend")));
    assert_eq!((&body["estimate"]["chains"], &body["estimate"]["tasks"]["bridge"]), (&json!(4), &json!(3)));
    let seams = body["seams"].as_array().unwrap();
    assert_eq!(seams.len(), 3);
    assert_eq!(seams[0], json!({ "frame": 27, "timecode": "00:00:01:02", "why": "shot" }));
    assert!(seams[1..].iter().all(|seam| seam["why"] != "shot" && seam["timecode"].is_string()), "{seams:?}");
    let id = body["job"]["id"].as_str().unwrap().parse().unwrap();
    let kept = api.stores.ledger.job(&id).await.unwrap().unwrap().order.cuts;
    assert_eq!(kept.seams.len(), 3);
    // One chain says nothing of joins.
    let strict = api.upload(order(&json!({ "continuity": "strict" }))).await.fine(202);
    assert_eq!((&strict["job"]["order"]["chains"], strict["job"]["order"].get("join")), (&json!(1), None));
    assert_eq!((&strict["seams"], &strict["estimate"]["continuity"]), (&json!([]), &json!("strict")));
    let refused = [
        (json!({ "continuity": "soft" }), "invalid_field", ""),
        (json!({ "chain_seconds": 0 }), "invalid_field", "chain_seconds"),
        (json!({ "continuity": "strict", "shots": edl }), "bad_input", "leave shots out"),
        (json!({ "continuity": "parallel", "shots": "hello" }), "bad_input", "EDL"),
    ];
    for (wish, code, mend) in refused {
        let problem = api.upload(order(&wish)).await.refused(422, code);
        assert!(problem["mend"].as_str().unwrap_or_default().contains(mend), "{problem}");
    }
}

#[tokio::test]
async fn an_estimate_knows_chains_without_their_pauses() {
    let api = Api::new().await;
    let ask =
        json!({ "seconds": 60, "continuity": "anchored", "chain_seconds": 20, "segment_clips": 5, "part_segments": 2 });
    let body = api.post("/v1/estimate", ask).await.fine(200);
    assert_eq!((&body["frames"], &body["chains"], &body["tasks"]["bridge"]), (&json!(1500), &json!(3), &json!(2)));
    assert_eq!(body["continuity"], "anchored");
    for (seconds, continuity, chains) in [(60.0, "strict", 1), (60.1, "anchored", 2)] {
        let body = api.post("/v1/estimate", json!({ "seconds": seconds })).await.fine(200);
        assert_eq!((&body["continuity"], &body["chains"]), (&json!(continuity), &json!(chains)), "{body}");
    }
    let short = json!({ "seconds": 60, "continuity": "anchored", "chain_seconds": 1, "fps": "1" });
    let problem = api.post("/v1/estimate", short).await.refused(422, "bad_input");
    assert!(problem["mend"].as_str().unwrap().contains("give chain_seconds at least"), "{problem}");
}

#[tokio::test]
async fn an_estimate_tells_the_work_of_a_film_that_is_not_ordered() {
    let api = Api::new().await;
    let body =
        api.post("/v1/estimate", json!({ "seconds": 60, "segment_clips": 5, "part_segments": 2 })).await.fine(200);
    assert_eq!((body["frames"].as_u64(), body["seconds"].as_f64()), (Some(1500), Some(60.0)));
    assert_eq!(body["tasks"], json!({ "prepare": 1, "segment": 75, "part": 38, "film": 1 }));
    for (wrong, field) in [
        (json!({}), "seconds"),
        (json!({ "seconds": -1 }), "seconds"),
        (json!({ "seconds": 86_401 }), "seconds"),
        (json!({ "seconds": 1, "model": "other" }), "model"),
        (json!({ "seconds": 1, "pool": "A" }), "pool"),
    ] {
        assert_eq!(api.post("/v1/estimate", wrong).await.refused(422, "invalid_field")["field"], field);
    }
    assert_eq!(api.traces().await, (0, 0));
}
