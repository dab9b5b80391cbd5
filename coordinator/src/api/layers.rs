//! What holds for every request: a place among those being answered, an end in time, and an answer when the handler panics.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;

use super::{
    code::Code,
    farm::{Farm, Gates},
    problem::Problem,
    trace,
};

/// Paths that answer even when every place is taken, so that a busy coordinator is not taken for a dead one.
const ALWAYS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Bounds the request. The place is held until the answer begins; streams are counted by themselves.
pub(crate) async fn bounds(State(farm): State<Arc<Farm>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let place = match Gates::pass(&farm.gates.requests, "requests") {
        Ok(place) => Some(place),
        Err(_) if ALWAYS.contains(&path.as_str()) => None,
        Err(problem) => return problem.into_response(),
    };
    let limits = &farm.settings.limits;
    let uploads = request.method() == Method::POST && matches!(path.as_str(), "/v1/jobs" | "/v1/estimate");
    // A long poll waits as long as it may and then still has the usual time.
    let term = if uploads { limits.upload } else { limits.request + limits.wait };
    let answered = tokio::time::timeout(term, AssertUnwindSafe(next.run(request)).catch_unwind()).await;
    drop(place);
    match answered {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            tracing::error!(panic = text, trace_id = trace::current(), path, "a handler panicked");
            Problem::new(Code::Broken, "the request could not be answered").into_response()
        }
        Err(_) => {
            let detail = format!("the request took longer than {} s", term.as_secs_f64());
            Problem::new(Code::TimedOut, detail).retry_after(5).into_response()
        }
    }
}

/// Turns the framework's own refusals (a method that a path does not know) into problem documents.
pub(crate) async fn no_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "the path exists, but not with this method")
}

/// For paths that do not exist.
pub(crate) async fn no_path() -> Problem {
    Problem::not_found("path").mend("GET /v1/openapi.json lists all paths")
}
