//! An API in this process, and requests to it.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use coordinator::{
    api::{Ports, Settings, document, router},
    tokens,
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared::{
    Name, Timestamp,
    clock::ManualClock,
    ports::{Stores, access::Role},
};
use stores::Urls;
use tower::ServiceExt as _;

use super::{
    contract,
    material::{OnePack, portrait, track},
};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(document()).unwrap());

/// An API over stores of its own.
pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dir: tempfile::TempDir,
}

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks status and code of a refusal, and that it is a whole problem document.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!((body["status"].as_u64(), body["type"].as_str()), (Some(status.into()), Some("about:blank")));
        assert!(!body["detail"].as_str().unwrap().is_empty());
        assert_eq!(body["trace_id"].as_str(), Some(self.header("x-trace-id")), "{body}");
        body
    }

    /// Checks that it is what was wanted, and gives the body.
    #[track_caller]
    pub(crate) fn fine(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        if self.bytes.is_empty() { Value::Null } else { self.json() }
    }
}

impl Api {
    pub(crate) async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    /// An API with other settings; `change` also gets the directory of the test.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings, &std::path::Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let blobs = format!("file://{}", dir.path().join("blobs").display());
        let urls = Urls { ledger: "sqlite::memory:".into(), queue: "memory:".into(), blobs };
        let stores = stores::open(&urls).await.unwrap();
        Self::over(stores, dir, change)
    }

    pub(crate) fn over(
        stores: Stores,
        dir: tempfile::TempDir,
        change: impl FnOnce(&mut Settings, &std::path::Path),
    ) -> Self {
        let mut settings = Settings::new("sizes", dir.path().join("scratch"));
        settings.segment_clips = 2;
        settings.limits.look = std::time::Duration::from_millis(20);
        settings.limits.overview = std::time::Duration::ZERO;
        change(&mut settings, dir.path());
        let clock = Arc::new(ManualClock::at(Timestamp(1_800_000_000_000)));
        let ports = Ports { stores: stores.clone(), clock: clock.clone(), packs: Arc::new(OnePack), settings };
        Self { router: router(ports), stores, clock, dir }
    }

    /// Sends a request; its answer is checked against the document.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        let reply = Reply { status: parts.status, headers: parts.headers, bytes };
        contract::check(&DOCUMENT, &method, &path, reply.status, reply.header("content-type"), &reply.bytes);
        reply
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, None, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::POST, path, None, Some(body)).await
    }

    /// A request as whoever holds `token`, with a JSON body.
    pub(crate) async fn ask(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = match body {
            None => request.body(Body::empty()),
            Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        };
        self.send(request.unwrap()).await
    }

    /// Uploads an order in a form.
    pub(crate) async fn upload(&self, form: Form) -> Reply {
        self.send(form.request()).await
    }

    /// Submits a short film with this seed; its id.
    pub(crate) async fn job(&self, seed: u64, more: Value) -> String {
        let mut order = json!({ "seed": seed });
        order.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let body = self.upload(Form::film().order(&order)).await.fine(202);
        body["job"]["id"].as_str().unwrap().to_owned()
    }

    /// Makes a token.
    pub(crate) async fn token(&self, tenant: &str, role: Role) -> String {
        let tenant: Name = tenant.parse().unwrap();
        let ledger = self.stores.ledger.as_ref();
        tokens::issue(ledger, "test", tenant, role, "test".into(), None, self.clock.as_ref()).await.unwrap().text
    }

    /// Everything that lies in the scratch directory.
    pub(crate) fn scratch(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("scratch")).map_or(0, Iterator::count)
    }

    /// Every blob, and every job: what a refused order must not leave.
    pub(crate) async fn traces(&self) -> (usize, usize) {
        let blobs = self.stores.blobs.list("jobs/").await.unwrap().len();
        let filter = shared::ports::records::JobFilter { limit: 500, ..Default::default() };
        (blobs, self.stores.ledger.jobs(&filter).await.unwrap().len())
    }
}

/// A form as clients send it.
#[derive(Clone)]
pub(crate) struct Form {
    parts: Vec<(String, Option<String>, Vec<u8>)>,
    headers: Vec<(&'static str, String)>,
    path: String,
}

impl Form {
    pub(crate) fn new() -> Self {
        Self { parts: Vec::new(), headers: Vec::new(), path: "/v1/jobs".into() }
    }

    /// Portrait and a track of one second.
    pub(crate) fn film() -> Self {
        Self::new().file("portrait", "face.png", portrait(9)).file("audio", "speech.wav", track(8000))
    }

    pub(crate) fn order(self, order: &Value) -> Self {
        self.part("order", None, order.to_string().into_bytes())
    }

    pub(crate) fn file(self, part: &str, name: &str, bytes: Vec<u8>) -> Self {
        self.part(part, Some(name), bytes)
    }

    pub(crate) fn part(mut self, part: &str, name: Option<&str>, bytes: Vec<u8>) -> Self {
        self.parts.push((part.to_owned(), name.map(str::to_owned), bytes));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends it to another place than orders go.
    pub(crate) fn to(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn by(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn request(self) -> Request<Body> {
        let mut body = Vec::new();
        for (part, name, bytes) in &self.parts {
            let name = name.as_ref().map_or(String::new(), |name| format!("; filename=\"{name}\""));
            body.extend(format!("--edge\r\nContent-Disposition: form-data; name=\"{part}\"{name}\r\n\r\n").as_bytes());
            body.extend(bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--edge--\r\n");
        let mut request = Request::post(&self.path).header("content-type", "multipart/form-data; boundary=edge");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(Body::from(body)).unwrap()
    }
}
