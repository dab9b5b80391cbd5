//! One id for each request, in its answer, its problem document and the log.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

tokio::task_local! {
    static TRACE: String;
}

/// The id of the request that is being answered; empty outside of one.
pub(crate) fn current() -> String {
    TRACE.try_with(Clone::clone).unwrap_or_default()
}

/// Work for the request that goes on in a task of its own, under the same id.
pub(crate) fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    TRACE.scope(current(), work)
}

/// Gives the request its id: that of a `traceparent` header (<https://www.w3.org/TR/trace-context/>), or a new one.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let given = request.headers().get("traceparent").and_then(|value| value.to_str().ok()).and_then(trace_id);
    let id = given.unwrap_or_else(|| crate::chance::hex::<16>().unwrap_or_else(|_| "0".repeat(32)));
    let method = known(request.method());
    let path = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", trace_id = %id, %method, %path);
    let started = tokio::time::Instant::now();
    let mut response = TRACE.scope(id.clone(), next.run(request).instrument(span)).await;
    let status = response.status().as_u16().to_string();
    metrics::histogram!("emofarm_http_request_duration_seconds", "method" => method, "path" => path, "status" => status)
        .record(started.elapsed().as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-trace-id", value);
    }
    response
}

/// A method as a label of metrics. Clients may send any word as a method, and each would be counted for as long as the process lives.
fn known(method: &Method) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// The trace id of a `traceparent`: `00-<32 hexadecimal digits>-<16>-<2>`.
fn trace_id(traceparent: &str) -> Option<String> {
    let mut fields = traceparent.split('-');
    let (_version, id) = (fields.next()?, fields.next()?);
    let fine = id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (fine && id.bytes().any(|b| b != b'0')).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_nobody_knows_are_one() {
        assert_eq!([known(&Method::GET), known(&Method::DELETE)], ["GET", "DELETE"]);
        for word in ["BREW", "get", "XYZZY-1"] {
            assert_eq!(known(&Method::from_bytes(word.as_bytes()).unwrap()), "other");
        }
    }

    #[test]
    fn only_well_formed_trace_ids_are_taken_over() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")).as_deref(), Some(id));
        for text in
            ["", "00", "00-xyz-1-1", &format!("00-{}-1-1", "0".repeat(32)), &format!("00-{}-1-1", "A".repeat(32))]
        {
            assert_eq!(trace_id(text), None, "{text}");
        }
    }
}
