//! Tokens, and what holds without one.

use axum::{
    body::Body,
    http::{Method, Request},
};
use coordinator::tokens::digest;
use serde_json::json;
use shared::ports::access::Role;

use super::harness::Api;

#[tokio::test]
async fn a_token_is_shown_once_and_kept_as_a_digest() {
    let api = Api::new().await;
    let ask = json!({ "tenant": "studio", "role": "submitter", "note": "batch", "days": 30 });
    let issued = api.post("/v1/tokens", ask).await.fine(201);
    let text = issued["text"].as_str().unwrap();
    // 32 bytes are 43 letters of base64.
    assert!(text.starts_with("emo_") && text.len() == 47, "{text}");
    let kept = api.stores.ledger.tokens().await.unwrap().remove(0);
    assert_eq!(kept.sha256, digest(text));
    assert!(!format!("{kept:?}").contains(&text[4..]), "the token itself is kept nowhere");
    let listed = api.ask(Method::GET, "/v1/tokens", Some(&api.token("x", Role::Operator).await), None).await;
    assert!(!listed.text().contains(&text[4..]) && !listed.text().contains(&kept.sha256), "{}", listed.text());
    assert_eq!(issued["token"]["expires"], "2027-02-14T08:00:00.000Z");
}

#[tokio::test]
async fn tokens_end_by_time_and_by_revocation() {
    let api = Api::new().await;
    let operator = api.token("house", Role::Operator).await;
    let ask = Some(json!({ "tenant": "a", "role": "viewer", "days": 1 }));
    let issued = api.ask(Method::POST, "/v1/tokens", Some(&operator), ask).await.fine(201);
    let (text, id) = (issued["text"].as_str().unwrap(), issued["token"]["id"].as_str().unwrap());
    let jobs = || api.ask(Method::GET, "/v1/jobs", Some(text), None);
    jobs().await.fine(200);
    api.clock.advance(std::time::Duration::from_secs(86_401));
    jobs().await.refused(401, "unauthenticated");
    let other = api.token("a", Role::Viewer).await;
    let other_id = api.stores.ledger.token(&digest(&other), shared::Timestamp(0)).await.unwrap().unwrap().id;
    let revoke = async |id: &str| api.ask(Method::DELETE, &format!("/v1/tokens/{id}"), Some(&operator), None).await;
    revoke(&other_id).await.fine(204);
    api.ask(Method::GET, "/v1/jobs", Some(&other), None).await.refused(401, "unauthenticated");
    revoke(&other_id).await.refused(404, "not_found");
    revoke("tok-none").await.refused(404, "not_found");
    assert!(!id.is_empty());
}

#[tokio::test]
async fn without_a_token_this_machine_is_the_operator_until_there_is_one() {
    let api = Api::new().await;
    api.get("/v1/workers").await.fine(200);
    let from = |host: &str, origin: Option<&str>| {
        let request = Request::get("/v1/workers").header("host", host);
        let request = origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        request.body(Body::empty()).unwrap()
    };
    api.send(from("127.0.0.1:8080", None)).await.fine(200);
    api.send(from("rebound.example:8080", None)).await.refused(401, "unauthenticated");
    api.send(from("127.0.0.1:8080", Some("https://evil.example"))).await.refused(401, "unauthenticated");
    let token = api.token("house", Role::Operator).await;
    let refused = api.get("/v1/workers").await;
    refused.refused(401, "unauthenticated");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    api.ask(Method::GET, "/v1/workers", Some(&token), None).await.fine(200);
    for path in ["/healthz", "/readyz", "/v1/openapi.json"] {
        assert_eq!(api.get(path).await.status, 200, "{path} needs no token");
    }
    api.get("/metrics").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn wrong_tokens_are_refused() {
    let api = Api::new().await;
    let token = api.token("house", Role::Operator).await;
    for value in ["", "Bearer", "Bearer ", "Basic abc", &format!("Bearer {token}x"), &format!("Basic {token}"), &token]
    {
        let request = Request::get("/v1/jobs").header("authorization", value).body(Body::empty()).unwrap();
        api.send(request).await.refused(401, "unauthenticated");
    }
    for (wrong, field) in [
        (json!({ "tenant": "A", "role": "viewer" }), "tenant"),
        (json!({ "tenant": "a", "role": "king" }), "role"),
        (json!({ "tenant": "a", "role": "viewer", "days": 0 }), "days"),
        (json!({ "tenant": "a", "role": "viewer", "note": "x".repeat(201) }), "note"),
        (json!({ "role": "viewer" }), "tenant"),
    ] {
        let reply = api.ask(Method::POST, "/v1/tokens", Some(&token), Some(wrong)).await;
        assert_eq!(reply.refused(422, "invalid_field")["field"], field);
    }
}
