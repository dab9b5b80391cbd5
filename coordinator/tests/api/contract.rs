//! Whether an answer is what the OpenAPI document promises: a small checker for the part of JSON Schema that occurs in it.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};

/// Checks one answer.
pub(crate) fn check(document: &Value, method: &Method, path: &str, status: StatusCode, kind: &str, bytes: &[u8]) {
    let Some(template) = template(document, path) else {
        assert_eq!(status, StatusCode::NOT_FOUND, "{path} is not in the document, but was answered with {status}");
        return;
    };
    let method = method.as_str().to_lowercase();
    let Some(operation) = document["paths"][template].get(&method) else {
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {template} is not in the document");
        return;
    };
    let responses = &operation["responses"];
    let class = format!("{}XX", status.as_u16() / 100);
    let response = responses.get(status.as_str()).or_else(|| responses.get(&class));
    let response = response.unwrap_or_else(|| panic!("{method} {template} does not document {status}"));
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        assert!(bytes.is_empty(), "{method} {template}: {status} has a body that is not documented");
        return;
    };
    // Films and thumbnails share a path; the document names the type of films.
    if kind == "image/png" {
        return;
    }
    let media =
        content.get(kind).unwrap_or_else(|| panic!("{method} {template} {status}: \"{kind}\" is not documented"));
    if kind == "application/json" || kind.ends_with("+json") {
        let body: Value = serde_json::from_slice(bytes).unwrap();
        let faults = faults(document, &media["schema"], &body, "body");
        assert!(faults.is_empty(), "{method} {template} {status}: {faults:?}\n{body:#}");
    }
}

/// The documented path that a real one belongs to; one without parameters comes first.
pub(crate) fn template<'a>(document: &'a Value, path: &str) -> Option<&'a str> {
    let fits = |template: &str| {
        let (a, b): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.starts_with('{') && !b.is_empty() || a == b)
    };
    let mut fitting: Vec<&String> = document["paths"].as_object().unwrap().keys().filter(|key| fits(key)).collect();
    fitting.sort_by_key(|key| key.matches('{').count());
    fitting.first().map(|key| key.as_str())
}

/// What in `value` is not as `schema` says.
pub(crate) fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let schema = resolve(document, schema);
    if let Some(any) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
        if !any.iter().any(|one| faults(document, one, value, at).is_empty()) {
            found.push(format!("{at} is none of what it may be"));
        }
        return found;
    }
    if let Some(types) = schema.get("type") {
        let named = |name: &Value| is(value, name.as_str().unwrap_or_default());
        if !types.as_array().map_or_else(|| named(types), |types| types.iter().any(named)) {
            found.push(format!("{at} is {value}, not {types}"));
        }
    }
    if let Some(fields) = value.as_object() {
        found.extend(fields_of(document, schema, fields, at));
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (i, value) in values.iter().enumerate() {
            found.extend(faults(document, items, value, &format!("{at}[{i}]")));
        }
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        found.push(format!("{at} is {value}, none of {allowed:?}"));
    }
    found
}

fn fields_of(document: &Value, schema: &Value, fields: &Map<String, Value>, at: &str) -> Vec<String> {
    let (mut known, mut required) = (Map::new(), Vec::new());
    collect(document, schema, &mut known, &mut required);
    let mut found = Vec::new();
    for name in required.iter().filter(|name| !fields.contains_key(*name)) {
        found.push(format!("{at}.{name} is missing"));
    }
    // A schema that names no fields is a map or anything at all.
    let values = schema.get("additionalProperties").filter(|values| values.is_object());
    for (name, value) in fields {
        let at = format!("{at}.{name}");
        match (known.get(name), values) {
            (Some(schema), _) | (None, Some(schema)) => found.extend(faults(document, schema, value, &at)),
            (None, None) if known.is_empty() => {}
            (None, None) => found.push(format!("{at} is not documented")),
        }
    }
    found
}

/// All fields of an object, also those of the objects that it is made of.
fn collect(document: &Value, schema: &Value, known: &mut Map<String, Value>, required: &mut Vec<String>) {
    let schema = resolve(document, schema);
    known.extend(schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default());
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    required.extend(names.filter_map(Value::as_str).map(str::to_owned));
    for one in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        collect(document, one, known, required);
    }
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        None => schema,
        Some(name) => {
            let found = document.pointer(name.trim_start_matches('#'));
            resolve(document, found.unwrap_or_else(|| panic!("{name} leads nowhere")))
        }
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let document = serde_json::json!({ "components": { "schemas": {
        "A": { "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } },
        "B": { "allOf": [
            { "$ref": "#/components/schemas/A" },
            { "type": "object", "properties": { "t": { "type": ["string", "null"] } } }
        ] },
        "M": { "type": "object", "additionalProperties": { "type": "integer" } }
    } } });
    let of = |name: &str, value: Value| {
        let schema = serde_json::json!({ "$ref": format!("#/components/schemas/{name}") });
        faults(&document, &schema, &value, "x").len()
    };
    use serde_json::json;
    assert_eq!(of("A", json!({ "n": 1 })), 0);
    assert_eq!((of("A", json!({})), of("A", json!({ "n": "1" })), of("A", json!({ "n": 1, "m": 2 }))), (1, 1, 1));
    assert_eq!((of("B", json!({ "n": 1, "t": null })), of("B", json!({ "t": 3 }))), (0, 2));
    assert_eq!((of("M", json!({ "a": 1 })), of("M", json!({ "a": "1" })), of("A", json!([]))), (0, 1, 1));
}
