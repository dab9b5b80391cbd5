//! Tenants see and may what is theirs.

use axum::http::Method;
use serde_json::json;
use shared::ports::access::Role;

use super::harness::{Api, Form};

#[tokio::test]
async fn jobs_of_others_are_as_unknown_as_none() {
    let api = Api::new().await;
    let [a, b] = [api.token("a", Role::Submitter).await, api.token("b", Role::Submitter).await];
    let body = api.upload(Form::film().by(&a)).await.fine(202);
    let id = body["job"]["id"].as_str().unwrap().to_owned();
    let none = "0".repeat(32);
    let paths = [
        "",
        "/explain",
        "/tasks",
        "/attempts",
        "/logs?task=prepare",
        "/events",
        "/artifacts",
        "/artifacts/film",
        "/deliveries",
    ];
    for path in paths {
        let ask = async |id: &str| {
            let reply = api.ask(Method::GET, &format!("/v1/jobs/{id}{path}"), Some(&b), None).await;
            let mut problem = reply.refused(404, "not_found");
            problem.as_object_mut().unwrap().remove("trace_id");
            problem
        };
        assert_eq!(ask(&id).await, ask(&none).await, "{path}");
    }
    for act in ["cancel", "pause", "resume", "drain", "retry", "deliveries/1/replay"] {
        let reply = api.ask(Method::POST, &format!("/v1/jobs/{id}/{act}"), Some(&b), None).await;
        reply.refused(404, "not_found");
    }
    let priority = Some(json!({ "priority": 1 }));
    api.ask(Method::PUT, &format!("/v1/jobs/{id}/priority"), Some(&b), priority).await.refused(404, "not_found");
    let listed = async |token: &str, query: &str| {
        let reply = api.ask(Method::GET, &format!("/v1/jobs{query}"), Some(token), None).await;
        reply.fine(200)["items"].as_array().unwrap().len()
    };
    assert_eq!((listed(&a, "").await, listed(&b, "").await, listed(&b, "?tenant=a").await), (1, 0, 0));
    let operator = api.token("house", Role::Operator).await;
    assert_eq!((listed(&operator, "").await, listed(&operator, "?tenant=b").await), (1, 0));
    // The same order of another tenant is another job.
    let other = api.upload(Form::film().by(&b)).await.fine(202);
    assert_ne!(other["job"]["id"], id);
}

#[tokio::test]
async fn roles_allow_what_they_say() {
    let api = Api::new().await;
    let viewer = api.token("a", Role::Viewer).await;
    let submitter = api.token("a", Role::Submitter).await;
    let id = api.upload(Form::film().by(&submitter)).await.fine(202)["job"]["id"].as_str().unwrap().to_owned();
    api.ask(Method::GET, &format!("/v1/jobs/{id}"), Some(&viewer), None).await.fine(200);
    api.upload(Form::film().by(&viewer)).await.refused(403, "forbidden");
    api.ask(Method::POST, &format!("/v1/jobs/{id}/cancel"), Some(&viewer), None).await.refused(403, "forbidden");
    let order = json!({ "tenant": "b" });
    api.upload(Form::film().order(&order).by(&submitter)).await.refused(403, "forbidden");
    let operators = [
        (Method::GET, "/v1/workers"),
        (Method::POST, "/v1/workers/x/drain"),
        (Method::GET, "/v1/tenants"),
        (Method::GET, "/v1/tokens"),
        (Method::DELETE, "/v1/tokens/x"),
        (Method::GET, "/v1/dead-letters"),
        (Method::POST, "/v1/dead-letters/replay"),
        (Method::DELETE, "/v1/dead-letters"),
        (Method::GET, "/v1/audit"),
        (Method::GET, "/v1/backlog"),
    ];
    for (method, path) in operators {
        api.ask(method, path, Some(&submitter), None).await.refused(403, "forbidden");
    }
    let operator = api.token("house", Role::Operator).await;
    let body = api.upload(Form::film().order(&json!({ "tenant": "b", "seed": 5 })).by(&operator)).await.fine(202);
    assert_eq!(body["job"]["tenant"], "b");
}

#[tokio::test]
async fn limits_of_a_tenant_hold_before_anything_is_queued() {
    let api = Api::new().await;
    let limits = json!({ "highest_priority": "normal", "longest_film": 2, "most_jobs": 2, "weight": 3 });
    let tenant = api.ask(Method::PUT, "/v1/tenants/a", None, Some(limits)).await.fine(200);
    assert_eq!((tenant["highest_priority"].as_u64(), tenant["weight"].as_u64()), (Some(50), Some(3)));
    let token = api.token("a", Role::Submitter).await;
    let upload = |order: serde_json::Value, seconds: u32| {
        let form = Form::new().file("portrait", "face.png", super::material::portrait(1));
        form.file("audio", "speech.wav", super::material::track(8000 * seconds)).order(&order).by(&token)
    };
    api.upload(upload(json!({ "priority": 51 }), 1)).await.refused(403, "priority_too_high");
    api.upload(upload(json!({}), 3)).await.refused(422, "film_too_long");
    assert_eq!(api.traces().await, (0, 0));
    let first = api.upload(upload(json!({ "seed": 1 }), 2)).await.fine(202);
    api.upload(upload(json!({ "seed": 2 }), 2)).await.fine(202);
    let refused = api.upload(upload(json!({ "seed": 3 }), 2)).await;
    assert_eq!(refused.refused(403, "too_many_jobs")["retryable"], true);
    api.upload(upload(json!({ "seed": 1 }), 2)).await.fine(200);
    let id = first["job"]["id"].as_str().unwrap();
    let priority = |number: u8| Some(json!({ "priority": number }));
    let path = format!("/v1/jobs/{id}/priority");
    api.ask(Method::PUT, &path, Some(&token), priority(60)).await.refused(403, "priority_too_high");
    api.ask(Method::PUT, &path, Some(&token), priority(10)).await.fine(200);
    api.ask(Method::POST, &format!("/v1/jobs/{id}/cancel"), Some(&token), None).await.fine(200);
    api.upload(upload(json!({ "seed": 3 }), 2)).await.fine(202);
    // What was ended and is taken up again counts like what is new.
    let retry = format!("/v1/jobs/{id}/retry");
    api.ask(Method::POST, &retry, Some(&token), None).await.refused(403, "too_many_jobs");
    let limits = json!({ "highest_priority": "normal", "most_jobs": 3 });
    let operator = api.token("house", Role::Operator).await;
    api.ask(Method::PUT, "/v1/tenants/a", Some(&operator), Some(limits)).await.fine(200);
    api.ask(Method::POST, &retry, Some(&token), None).await.fine(200);
}

#[tokio::test]
async fn consent_is_demanded_where_the_operator_says_so() {
    let api = Api::with(|settings, _| settings.consent_required = true).await;
    api.upload(Form::film()).await.refused(422, "consent_required");
    assert_eq!(api.traces().await, (0, 0));
    let consent = json!({ "consent": { "kind": "synthetic_person", "reference": "drawn for this test" } });
    api.upload(Form::film().order(&consent)).await.fine(202);
}

#[tokio::test]
async fn tenants_are_made_changed_and_listed() {
    let api = Api::new().await;
    api.get("/v1/tenants/a").await.refused(404, "not_found");
    api.ask(Method::PUT, "/v1/tenants/a", None, Some(json!({ "weight": 2 }))).await.fine(200);
    api.ask(Method::PUT, "/v1/tenants/a", None, Some(json!({ "most_at_once": 4 }))).await.fine(200);
    let tenant = api.get("/v1/tenants/a").await.fine(200);
    assert_eq!((tenant["weight"].as_u64(), tenant["most_at_once"].as_u64()), (Some(1), Some(4)));
    assert_eq!(api.get("/v1/tenants").await.fine(200)["items"], json!([tenant]));
    for (name, body) in [
        ("a", json!({ "weight": 0 })),
        ("a", json!({ "weight": 1001 })),
        ("A", json!({})),
        ("a", json!({ "colour": 1 })),
    ] {
        api.ask(Method::PUT, &format!("/v1/tenants/{name}"), None, Some(body)).await.refused(422, "invalid_field");
    }
}
