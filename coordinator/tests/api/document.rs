//! The `OpenAPI` document against the router, and the guide against both.

use std::collections::BTreeSet;

use axum::http::Method;
use coordinator::{
    CODES,
    api::{Code, document},
};
use serde_json::Value;

use super::{contract::template, harness::Api};

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];

fn documented() -> Value {
    serde_json::to_value(document()).unwrap()
}

fn guide() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md")).unwrap()
}

#[tokio::test]
async fn the_router_answers_what_is_documented_and_nothing_else() {
    let api = Api::new().await;
    let document = documented();
    let paths = document["paths"].as_object().unwrap();
    for (path, item) in paths {
        let real = path.replace("{id}", "x").replace("{name}", "x").replace("{delivery}", "1");
        for method in METHODS {
            let known = item.get(method.as_str().to_lowercase()).is_some();
            let reply = api.ask(method.clone(), &real, None, None).await;
            let unknown_path = reply.status == 404 && reply.text().contains("no such path");
            assert!(!unknown_path, "{path} is documented and not routed");
            assert_eq!(reply.status == 405, !known, "{method} {path}: {}", reply.status);
        }
    }
    let served: Value = api.get("/v1/openapi.json").await.fine(200);
    assert_eq!(served, document);
}

#[test]
fn every_reference_leads_somewhere_and_every_endpoint_is_described() {
    let document = documented();
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let about = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
            assert!(!about.is_empty(), "{method} {path}");
            let open = ["/healthz", "/readyz", "/v1/openapi.json"].contains(&path.as_str());
            assert_eq!(operation.get("security").is_some(), !open, "{method} {path}");
            assert!(operation["responses"].get("4XX").is_some() && operation["responses"].get("5XX").is_some());
            names.insert(operation["operationId"].to_string());
        }
    }
    let operations: usize =
        document["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len()).sum();
    assert_eq!(names.len(), operations, "operation ids are unique");
    let refusal = document["paths"]["/v1/jobs"]["get"]["responses"]["4XX"]["description"].as_str().unwrap();
    for code in Code::ALL {
        assert!(refusal.contains(&format!("`{}`", code.name())), "{}", code.name());
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

#[test]
fn the_guide_names_every_path_and_every_code() {
    let (guide, document) = (guide(), documented());
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let line = format!("| `{} {path}` |", method.to_uppercase());
            assert!(guide.contains(&line), "docs/api.md has no row {line}");
        }
    }
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.name(), code.status().as_u16());
        assert!(guide.contains(&row), "docs/api.md has no row {row}");
    }
    for code in CODES {
        assert!(guide.contains(&format!("`{code}`")), "docs/api.md does not name the reason {code}");
    }
}

#[test]
fn the_calls_of_the_guide_are_calls_of_the_api() {
    let document = documented();
    let guide = guide();
    // A command goes on where a line ends in a backslash.
    let joined = guide.replace("\\\n", " ");
    let calls: Vec<&str> = joined.lines().filter(|line| line.trim_start().starts_with("curl ")).collect();
    assert!(calls.len() >= 10, "{}", calls.len());
    for call in calls {
        let words: Vec<&str> = call.split_whitespace().collect();
        let after = |flag: &str| words.iter().position(|word| *word == flag).map(|at| words[at + 1]);
        let url = words
            .iter()
            .find_map(|word| word.trim_matches('"').strip_prefix("$API"))
            .unwrap_or_else(|| panic!("{call}"));
        let path = url.split('?').next().unwrap().replace("$JOB", "x");
        let sends = words.iter().any(|word| matches!(*word, "-F" | "-d" | "--json"));
        let method = after("-X").unwrap_or(if sends { "POST" } else { "GET" }).to_lowercase();
        let known = template(&document, &path).unwrap_or_else(|| panic!("{path} in {call}"));
        let operation = document["paths"][known].get(&method).unwrap_or_else(|| panic!("{method} {known} in {call}"));
        for pair in url.split_once('?').map_or("", |(_, query)| query).split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap();
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|parameter| parameter["name"] == name), "{name} in {call}");
        }
    }
}
