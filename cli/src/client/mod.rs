//! The client's side of the HTTP API: one request, its answer, and what an error of the farm says.

pub(crate) mod events;
pub(crate) mod fetch;
pub(crate) mod moment;
pub(crate) mod order;
pub(crate) mod problem;
#[cfg(test)]
mod tests;
pub(crate) mod upload;
pub(crate) mod wire;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::Value;
use shared::{Error, JobId, Result, pace::Pace};
use url::Url;

use crate::settings::Settings;

/// How long an answer may take that needs no work of the farm.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a request is made whose answer says that another try may help, or that did not reach the farm.
const TRIES: u32 = 5;

/// The longest wait between two tries, whatever the farm asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A farm's API.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

/// One request, made again when it did not get through.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Value>,
    key: Option<String>,
}

impl Ask {
    /// Reads what is at `path`, below `/v1`.
    pub(crate) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    /// Asks for something to be done.
    pub(crate) fn post(path: &[&str]) -> Self {
        Self::new(Method::POST, path)
    }

    /// Sets something.
    pub(crate) fn put(path: &[&str]) -> Self {
        Self::new(Method::PUT, path)
    }

    /// Does something to a job: `POST /v1/jobs/{job}/{act}`.
    pub(crate) fn act(job: &JobId, act: &str) -> Self {
        Self::post(&["jobs", job.as_str(), act])
    }

    /// Reads something of a job: `GET /v1/jobs/{job}/{what}`.
    pub(crate) fn of(job: &JobId, what: &str) -> Self {
        Self::get(&["jobs", job.as_str(), what])
    }

    fn new(method: Method, path: &[&str]) -> Self {
        let path = path.iter().map(|&segment| segment.to_owned()).collect();
        Self { method, path, query: Vec::new(), body: None, key: None }
    }

    /// Adds a query parameter.
    #[must_use]
    pub(crate) fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Sends a JSON document along.
    #[must_use]
    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The farm does it once, however often it is asked with this key.
    #[must_use]
    pub(crate) fn once(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl Api {
    /// The API that the settings name.
    ///
    /// # Errors
    /// When its address cannot be used.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let base = Url::parse(&settings.api_url).map_err(|e| {
            Error::order(format!("the API's address \"{}\" cannot be used", settings.api_url))
                .from_source(e)
                .mend("give one such as http://127.0.0.1:8080 with --api or EMOFARM_API_URL")
        })?;
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("emofarm/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::world("the HTTP client does not start").from_source(e))?;
        Ok(Self { http, base, token: settings.token.get().map(str::to_owned) })
    }

    /// The API's address as it may be shown.
    pub(crate) fn place(&self) -> String {
        let mut shown = self.base.clone();
        let _ = shown.set_password(None);
        shown.to_string().trim_end_matches('/').to_owned()
    }

    /// The JSON document that answers `ask`.
    ///
    /// # Errors
    /// What the farm says, with its mend; [`Cause::Unreachable`](shared::error::Cause::Unreachable) when it cannot be
    /// reached or stays busy.
    pub(crate) async fn json(&self, ask: &Ask) -> Result<Value> {
        let answer = self.answer(ask, &[], PATIENCE).await?;
        read(answer, PATIENCE).await
    }

    /// All things of a list, page after page, at most `most` of them.
    ///
    /// # Errors
    /// As [`Api::json`].
    pub(crate) async fn list(&self, ask: &Ask, most: usize) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut page = self.json(ask).await?;
        loop {
            items.extend(wire::items::<Value>(&page)?);
            match wire::next(&page) {
                Some(cursor) if items.len() < most => page = self.json(&ask.clone().query("cursor", cursor)).await?,
                _ => break,
            }
        }
        items.truncate(most);
        Ok(items)
    }

    /// The answer to `ask` with more headers; its body is not read yet.
    ///
    /// # Errors
    /// As [`Api::json`].
    pub(crate) async fn answer(&self, ask: &Ask, headers: &[(&str, String)], within: Duration) -> Result<Response> {
        self.patiently(within, || {
            let mut request = self.request(ask.method.clone(), &ask.path).query(&ask.query);
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            if let Some(key) = &ask.key {
                request = request.header("Idempotency-Key", key);
            }
            if let Some(body) = &ask.body {
                request = request.json(body);
            }
            std::future::ready(Ok(request))
        })
        .await
    }

    /// Whether something at the API's address answers as a farm that can work.
    ///
    /// # Errors
    /// As [`Api::json`], after one try.
    pub(crate) async fn ready(&self) -> Result<()> {
        let url = self.url(&[] as &[&str], &["readyz"]);
        let sent = tokio::time::timeout(Duration::from_secs(5), self.http.get(url).send()).await;
        let answer = sent.map_err(|_| self.silent(Duration::from_secs(5)))?.map_err(|e| self.unreachable(&e))?;
        if answer.status().is_success() { Ok(()) } else { Err(problem::error(answer).await) }
    }

    /// Makes a request until it gets through, a few times at most. `build` makes it anew for every try.
    pub(crate) async fn patiently<F>(&self, within: Duration, mut build: impl FnMut() -> F) -> Result<Response>
    where
        F: Future<Output = Result<RequestBuilder>>,
    {
        let mut waits = Pace::new(Duration::from_millis(400), u64::from(std::process::id()));
        let mut tried = 1;
        loop {
            let sent = tokio::time::timeout(within, build().await?.send()).await;
            let (error, asked) = match sent {
                Ok(Ok(answer)) if answer.status().is_success() => return Ok(answer),
                Ok(Ok(answer)) if worth_another_try(answer.status()) => {
                    let asked = retry_after(&answer);
                    (problem::error(answer).await, asked)
                }
                Ok(Ok(answer)) => return Err(problem::error(answer).await),
                Ok(Err(error)) => (self.unreachable(&error), None),
                Err(_) => return Err(self.silent(within)),
            };
            if tried >= TRIES {
                return Err(error);
            }
            let wait = asked.unwrap_or_else(|| waits.wait() * 2_u32.pow(tried - 1)).min(LONGEST_WAIT);
            tracing::info!(%error, wait_ms = wait.as_millis() as u64, "trying again");
            tokio::time::sleep(wait).await;
            tried += 1;
        }
    }

    /// A request to `/v1` and the segments of `path`, which may hold anything.
    pub(crate) fn request<S: AsRef<str>>(&self, method: Method, path: &[S]) -> RequestBuilder {
        let request = self.http.request(method, self.url(path, &["v1"]));
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    fn url<S: AsRef<str>>(&self, path: &[S], root: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Only addresses without a host cannot have segments, and settings refuse those.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(root).extend(path);
        }
        url
    }

    /// The farm could not be reached, or the connection broke.
    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Error {
        // The innermost cause says what happened ("connection refused"); the layers above it only that something did.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Error::unreachable(format!("the farm's API at {} cannot be reached: {cause}", self.place()))
            .mend("see that a coordinator runs there, or give another address with --api or EMOFARM_API_URL")
    }

    /// The farm took a request and did not answer it.
    pub(crate) fn silent(&self, within: Duration) -> Error {
        Error::unreachable(format!("the farm's API at {} did not answer within {} s", self.place(), within.as_secs()))
            .mend("try again; \"emofarm doctor\" says what is down")
    }
}

/// Reads an answer as JSON.
pub(crate) async fn read(answer: Response, within: Duration) -> Result<Value> {
    let place = answer.url().path().to_owned();
    let wrong = |e: String| {
        Error::world(format!("the farm's answer from {place} cannot be read: {e}"))
            .mend("see that --api names a farm, and that its version fits this program's")
    };
    let body = tokio::time::timeout(within, answer.bytes()).await.map_err(|_| wrong("it broke off".into()))?;
    let body = body.map_err(|e| wrong(e.to_string()))?;
    if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body).map_err(|e| wrong(e.to_string())) }
}

/// Busy, starting, or behind a proxy whose farm is away.
fn worth_another_try(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// The wait that the farm asks for, in whole seconds.
fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_secs)
}
