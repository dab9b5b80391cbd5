//! Refusals as RFC 9457 problem documents.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use shared::{Error, error::Cause};
use utoipa::ToSchema;

use super::{code::Code, trace};
use crate::remarks::for_the_api;

/// Why a request was refused.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    mend: Option<String>,
    field: Option<String>,
    retry_after: Option<u32>,
}

/// What an endpoint answers, or why it does not.
pub(crate) type Answer<T> = Result<T, Problem>;

/// The document as it is sent (`application/problem+json`, <https://www.rfc-editor.org/rfc/rfc9457>).
#[derive(Debug, serde::Serialize, serde::Deserialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// Always `about:blank`: the code tells cases apart.
    pub(crate) r#type: String,
    /// The same text for every case of the code.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What happened, naming the thing concerned.
    pub(crate) detail: String,
    /// The stable name of the case.
    pub(crate) code: String,
    /// Whether the same request may succeed later.
    pub(crate) retryable: bool,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
    /// The field concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// Names the request in the logs of the coordinator.
    pub(crate) trace_id: String,
}

impl Problem {
    /// A refusal; the detail names the thing concerned.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), mend: None, field: None, retry_after: None }
    }

    /// Whatever is not there, and whatever the caller may not know of: the two look alike.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    /// A field that cannot be accepted.
    pub(crate) fn field(name: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(Code::InvalidField, detail);
        problem.field = Some(name.to_owned());
        problem
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// Says after how many seconds trying again makes sense.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// An error about a field: a wrong order becomes a problem of this field.
    pub(crate) fn of_field(name: &str, error: &Error) -> Self {
        let mut problem = Self::field(name, error.message());
        problem.mend = error.mending().map(str::to_owned);
        problem
    }

    /// The same with every occurrence of `private` taken out: paths of this machine are nobody's business.
    #[must_use]
    pub(crate) fn without(mut self, private: &str) -> Self {
        self.detail = self.detail.replace(private, "");
        self.mend = self.mend.map(|mend| mend.replace(private, ""));
        self
    }

    /// The same with the flags of the command line told as fields of the order.
    #[must_use]
    pub(crate) fn said_of_fields(mut self) -> Self {
        self.detail = for_the_api(&self.detail);
        self.mend = self.mend.as_deref().map(for_the_api);
        self
    }

    /// The case.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// The document of this request.
    pub(crate) fn body(&self) -> ProblemBody {
        ProblemBody {
            r#type: "about:blank".into(),
            title: self.code.title().into(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            code: self.code.name().into(),
            retryable: self.code.retryable(),
            mend: self.mend.clone(),
            field: self.field.clone(),
            trace_id: trace::current(),
        }
    }
}

impl From<Error> for Problem {
    /// An order that is wrong is told as it is; what broke inside the farm is logged and told in general words.
    fn from(error: Error) -> Self {
        match error.cause() {
            Cause::Order => {
                let mut problem = Self::new(Code::BadInput, error.message());
                problem.mend = error.mending().map(str::to_owned);
                problem
            }
            Cause::Unreachable => {
                tracing::warn!(%error, trace_id = trace::current(), "a store does not answer");
                Self::new(Code::Unreachable, "a store of the farm does not answer").retry_after(5)
            }
            Cause::World | Cause::Stopped | Cause::LeaseLost => {
                tracing::error!(%error, trace_id = trace::current(), "a request broke");
                Self::new(Code::Broken, "the request could not be answered").retry_after(5)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.code.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
