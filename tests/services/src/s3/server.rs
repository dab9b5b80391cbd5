//! The server: `s3s-fs` behind hyper, on a thread of its own, since the runtime of each test ends with the test.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use hyper::{Request, Response, body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    HttpError,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    task::{JoinHandle, JoinSet},
};

use super::faults::{Cuttable, Fate, Weather, broken, refusal};
use crate::child::{Keeper, folder};

const ACCESS_KEY: &str = "AKIATESTTESTTESTTEST";
const SECRET_KEY: &str = "a secret of no worth";

pub(super) struct Server {
    address: SocketAddr,
    folder: PathBuf,
    service: Weathered,
    running: Mutex<Option<JoinHandle<()>>>,
    buckets: AtomicU32,
    // Runs nothing; it removes the folder when the test process ends.
    _keeper: Keeper,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    pub(super) async fn start() -> Self {
        let folder = folder("s3");
        let keeper = Keeper::new(&folder, &["true"], &[]);
        let data = folder.join("buckets");
        fine("the folder of buckets", std::fs::create_dir(&data));
        let credentials =
            format!("[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
        fine("the file of credentials", std::fs::write(folder.join("credentials"), credentials));
        let files = s3s_fs::FileSystem::new(&data).unwrap_or_else(|e| panic!("s3s-fs does not open: {e:?}"));
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = Weathered { inner: builder.build(), data, weather: Arc::default() };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::child::free_port()));
        let server =
            Self { address, folder, service, running: Mutex::default(), buckets: AtomicU32::new(0), _keeper: keeper };
        server.serve().await;
        server
    }

    pub(super) async fn serve(&self) {
        let (address, service) = (self.address, self.service.clone());
        let bound = runtime().spawn(TcpListener::bind(address)).await.map_err(std::io::Error::other).flatten();
        let listener = fine("the port of the S3 server", bound);
        let running = runtime().spawn(accept(listener, service));
        *lock(&self.running) = Some(running);
    }

    pub(super) async fn stop(&self) {
        let running = lock(&self.running).take();
        if let Some(running) = running {
            running.abort();
            // It was aborted, and says so.
            let _ = running.await;
        }
    }

    pub(super) fn new_bucket(&self, weather: &Arc<Weather>) -> String {
        let bucket = format!("test-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        fine("a bucket", std::fs::create_dir(self.folder.join("buckets").join(&bucket)));
        lock(&self.service.weather).insert(bucket.clone(), weather.clone());
        bucket
    }

    /// `s3s-fs` keeps them beside the buckets.
    pub(super) fn unfinished_uploads(&self) -> usize {
        let entries = fine("the folder of buckets", std::fs::read_dir(self.folder.join("buckets")));
        entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(".upload")).count()
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn credentials(&self) -> PathBuf {
        Path::new(&self.folder).join("credentials")
    }
}

/// Lives as long as the process.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let build = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    RUNTIME.get_or_init(|| fine("a runtime", build()))
}

/// Serves until it is dropped, and all connections with it.
async fn accept(listener: TcpListener, service: Weathered) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((socket, _)) = listener.accept().await else { continue };
        let service = service.clone();
        connections.spawn(async move {
            // A client that goes away in the midst of a call, and bad weather, are nobody's fault.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// The S3 service under the weather of each bucket.
#[derive(Clone)]
struct Weathered {
    inner: S3Service,
    data: PathBuf,
    weather: Arc<Mutex<HashMap<String, Arc<Weather>>>>,
}

impl Service<Request<Incoming>> for Weathered {
    type Response = Response<Cuttable>;
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Cuttable>, HttpError>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // Only path-style requests are served, so the bucket comes first.
        let bucket = request.uri().path().split('/').nth(1).unwrap_or_default();
        let weather = lock(&self.weather).get(bucket).cloned().unwrap_or_default();
        let mut fate = weather.next();
        if weather.refuses_trailers() && request.headers().contains_key("x-amz-trailer") {
            fate = Fate::Refused(400, "InvalidRequest");
        }
        if weather.ignores_conditions() && request.headers().contains_key("if-none-match") {
            // The header is signed, so it cannot be taken away; without the object it says nothing. There may be none.
            let _ = std::fs::remove_file(self.data.join(request.uri().path().trim_start_matches('/')));
        }
        let inner = self.inner.clone();
        Box::pin(async move {
            match fate {
                Fate::Refused(status, code) => return Ok(refusal(status, code).map(Cuttable::whole)),
                Fate::Lost => return Err(broken()),
                Fate::Fine | Fate::AnswerLost | Fate::Cut => {}
            }
            let answer = inner.call(request.map(s3s::Body::from)).await?;
            match fate {
                Fate::AnswerLost => Err(broken()),
                Fate::Cut => Ok(answer.map(Cuttable::cut)),
                _ => Ok(answer.map(Cuttable::whole)),
            }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fine<T>(what: &str, outcome: std::io::Result<T>) -> T {
    outcome.unwrap_or_else(|e| panic!("{what} cannot be had: {e}"))
}
