//! The same request with the same key gets the same answer.

use serde_json::json;

use super::{
    harness::{Api, Form},
    material::{portrait, track},
};

#[tokio::test]
async fn the_first_answer_is_given_again() {
    let api = Api::new().await;
    let form = || Form::film().header("idempotency-key", "\"one\"");
    let first = api.upload(form()).await;
    let body = first.fine(202);
    let again = api.upload(form()).await;
    assert_eq!(again.fine(202), body, "also the status: the job is told as new again");
    assert_eq!((again.header("location"), again.header("idempotency-replayed")), (first.header("location"), "true"));
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(api.traces().await.1, 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_tenant() {
    let api = Api::new().await;
    let keyed = |form: Form| form.header("idempotency-key", "one");
    api.upload(keyed(Form::film())).await.fine(202);
    for other in [
        Form::film().order(&json!({ "seed": 2 })),
        Form::new().file("portrait", "face.png", portrait(8)).file("audio", "speech.wav", track(8000)),
        Form::new().file("portrait", "other.png", portrait(9)).file("audio", "speech.wav", track(8000)),
    ] {
        api.upload(keyed(other)).await.refused(422, "key_reused");
    }
    let token = api.token("studio", shared::ports::access::Role::Submitter).await;
    api.upload(keyed(Form::film().order(&json!({ "seed": 2 })).by(&token))).await.fine(202);
}

#[tokio::test]
async fn a_request_that_is_being_answered_is_not_begun_again() {
    let api = Api::new().await;
    let form = || Form::film().order(&json!({ "model": "slow" })).header("idempotency-key", "one");
    let (first, second) = tokio::join!(api.upload(form()), async {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        api.upload(form()).await
    });
    first.fine(202);
    assert_eq!(second.refused(409, "in_progress")["retryable"], true);
    assert_eq!(second.header("retry-after"), "2");
    assert_eq!(api.upload(form()).await.fine(202), first.json());
}

#[tokio::test]
async fn lasting_refusals_are_kept_and_passing_ones_are_not() {
    let api = Api::new().await;
    let wrong = || Form::film().order(&json!({ "fps": "fast" })).header("idempotency-key", "wrong");
    let first = api.upload(wrong()).await;
    first.refused(422, "invalid_field");
    let again = api.upload(wrong()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (first.status, "true"));
    assert_eq!(
        (again.json()["code"].clone(), again.header("content-type")),
        (json!("invalid_field"), "application/problem+json")
    );
    // A directory where the blobs should be makes the store fail for a while.
    let blobs = api.dir.path().join("blobs");
    let away = api.dir.path().join("away");
    std::fs::rename(&blobs, &away).unwrap();
    std::fs::write(&blobs, "in the way").unwrap();
    let later = || Form::film().header("idempotency-key", "later");
    assert!(api.upload(later()).await.status.is_server_error());
    std::fs::remove_file(&blobs).unwrap();
    std::fs::rename(&away, &blobs).unwrap();
    api.upload(later()).await.fine(202);
}

#[tokio::test]
async fn keys_have_a_length() {
    let api = Api::new().await;
    for key in ["", "\"\"", &"x".repeat(201)] {
        let problem = api.upload(Form::film().header("idempotency-key", key)).await.refused(422, "invalid_field");
        assert_eq!(problem["field"], "Idempotency-Key");
    }
}
