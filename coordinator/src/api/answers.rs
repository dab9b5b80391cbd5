//! Idempotency keys: the same request gets the same answer (draft-ietf-httpapi-idempotency-key-header-07).

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use shared::{
    Name,
    ports::access::{Answer as KeptAnswer, Known},
};

use super::{
    code::Code,
    farm::Farm,
    problem::{Answer, Problem},
    routes::submit::respond,
};

/// A key that came with a request.
pub(crate) struct Key(String);

/// What is known of a key.
pub(crate) enum Kept {
    /// The request was answered before, and this is the answer.
    Answered(Response),
    /// The request is new and its answer will be kept.
    New(Open),
}

/// A key whose request is being answered.
pub(crate) struct Open {
    tenant: Name,
    key: String,
    request: String,
}

impl Key {
    /// The key in the headers.
    pub(crate) fn of(headers: &HeaderMap) -> Answer<Option<Self>> {
        let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
        let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
        if text.is_empty() || text.len() > 200 {
            return Err(Problem::field("Idempotency-Key", "a key has 1 to 200 visible characters"));
        }
        Ok(Some(Self(text.to_owned())))
    }

    /// Takes the key for the request with this digest.
    pub(crate) async fn begin(&self, farm: &Farm, tenant: &Name, request: &str) -> Answer<Kept> {
        match farm.ledger().begin_answer(tenant, &self.0, request, farm.now()).await? {
            Known::New => {
                let (tenant, key, request) = (tenant.clone(), self.0.clone(), request.to_owned());
                Ok(Kept::New(Open { tenant, key, request }))
            }
            Known::Answered(answer) => Ok(Kept::Answered(again(&answer))),
            Known::Running => {
                let problem = Problem::new(Code::InProgress, "the request with this key is being answered");
                Err(problem.retry_after(2))
            }
            Known::Other => Err(Problem::new(Code::KeyReused, "the key came with another request before")
                .mend("give every request a key of its own, such as a UUID")),
        }
    }
}

/// The answer of the first time, marked as such.
fn again(answer: &KeptAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = respond(status, &answer.body);
    if !status.is_success() {
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/problem+json"));
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

impl Open {
    /// Keeps the answer, unless it may be another one next time.
    pub(crate) async fn end<T: serde::Serialize>(
        self,
        farm: &Farm,
        answer: Answer<(StatusCode, T)>,
    ) -> Answer<Response> {
        let (kept, response) = match answer {
            Ok((status, body)) => {
                let body = serde_json::to_string(&body).unwrap_or_default();
                let response = respond(status, &body);
                (Some(KeptAnswer { request: self.request, status: status.as_u16(), body }), response)
            }
            Err(problem) => {
                let lasting = !problem.code().retryable() && !problem.code().status().is_server_error();
                let body = serde_json::to_string(&problem.body()).unwrap_or_default();
                let status = problem.code().status().as_u16();
                (lasting.then_some(KeptAnswer { request: self.request, status, body }), problem.into_response())
            }
        };
        if let Err(error) = farm.ledger().end_answer(&self.tenant, &self.key, kept.as_ref(), farm.now()).await {
            // The job is what counts, and a repeated submission finds it by its id.
            tracing::warn!(%error, "the answer to an idempotency key could not be kept");
        }
        Ok(response)
    }
}
