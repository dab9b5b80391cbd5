//! Bodies and queries, read strictly: an unknown field or a wrong type is refused by name.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{
    code::Code,
    problem::{Answer, Problem},
};

/// A JSON body.
pub(crate) struct Strict<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Strict<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        json_only(request.headers())?;
        let bytes = body(request, state).await?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> OptionalFromRequest<S> for Strict<T> {
    type Rejection = Problem;

    /// Nothing when the body is empty, whatever its type.
    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        let headers = request.headers().clone();
        let bytes = body(request, state).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        json_only(&headers)?;
        Ok(Some(Self(parse(&bytes)?)))
    }
}

/// The whole body, as far as the limit of the route allows.
pub(crate) async fn body<S: Send + Sync>(request: Request, state: &S) -> Answer<Bytes> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(Code::TooLarge, "the body is larger than allowed")
        } else {
            Problem::new(Code::Malformed, "the body ended early")
        }
    })
}

/// The media type of the body, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

fn json_only(headers: &HeaderMap) -> Answer<()> {
    let kind = media_type(headers);
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, format!("the body is \"{kind}\"")).mend("send application/json"))
}

/// JSON as `T`: text that is no JSON is malformed, JSON that is no `T` has a wrong field.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = error.to_string();
        match error.classify() {
            serde_json::error::Category::Data => match quoted(&detail) {
                Some(field) => Problem::field(&field.to_owned(), detail),
                None => Problem::new(Code::InvalidField, detail),
            },
            _ => Problem::new(Code::Malformed, detail),
        }
    })
}

/// The field that a message of serde names, as in "unknown field `colour`, expected …".
fn quoted(message: &str) -> Option<&str> {
    let named = message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("missing field `"));
    named.and_then(|rest| rest.split('`').next())
}

/// A query string.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|rejection| Problem::new(Code::InvalidField, rejection.body_text()))
    }
}

/// What stands in the path. A path that cannot be read names nothing.
pub(crate) struct Named<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_| Problem::not_found("path"))
    }
}
