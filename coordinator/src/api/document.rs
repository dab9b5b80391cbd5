//! The `OpenAPI` document, made of the handlers.

use axum::Json;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, RefOr, Response, ResponseBuilder,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{code::Code, endpoints, problem::ProblemBody};

#[derive(OpenApi)]
#[openapi(
    info(title = "emofarm", description = "Orders audio-driven portrait films from a render farm and tells how far they are."),
    components(schemas(ProblemBody)),
    modifiers(&Bearer)
)]
struct Frame;

/// The scheme of tokens.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("emo_…").build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The document without the endpoints.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}

/// Paths that need no token.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/v1/openapi.json"];

/// The whole document (`OpenAPI` 3.1, <https://spec.openapis.org/oas/v3.1.0>).
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = endpoints().into_openapi();
    for (path, item) in &mut document.paths.paths {
        let open = OPEN.contains(&path.as_str());
        let all =
            [("get", &mut item.get), ("put", &mut item.put), ("post", &mut item.post), ("delete", &mut item.delete)];
        for (method, operation) in all {
            if let Some(operation) = operation {
                // The names of handlers repeat, those of paths do not.
                operation.operation_id = Some(format!(
                    "{method}{}",
                    path.replace("/v1", "").replace(['/', '-'], "_").replace(['{', '}', '.'], "")
                ));
                complete(operation, open);
            }
        }
    }
    document
}

/// What every endpoint has: refusals, and a token unless it is open.
fn complete(operation: &mut Operation, open: bool) {
    let codes: Vec<String> = Code::ALL.iter().map(|code| format!("`{}`: {}", code.name(), code.title())).collect();
    let about = |what: &str| format!("{what} The field `code` is one of: {}", codes.join(" "));
    for (status, what) in [("4XX", "Refused."), ("5XX", "The farm failed.")] {
        operation.responses.responses.insert(status.to_owned(), RefOr::T(refusal(&about(what))));
    }
    if !open {
        operation.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    }
}

fn refusal(description: &str) -> Response {
    let schema = utoipa::openapi::Ref::from_schema_name("ProblemBody");
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", Content::new(Some(schema)))
        .build()
}

/// This document.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "health",
    responses((status = 200, description = "The document", body = Object))
)]
pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
