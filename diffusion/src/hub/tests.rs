//! Pulls from a server of our own that speaks the hub's protocol, in good weather and bad.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, Response, StatusCode, header},
};
use shared::{digest::sha256, error::Cause};

use super::{
    HubSettings, pull, release,
    sums::{Kind, Sum},
};
use crate::{open, pack::hallo::HalloPack, parity::hallo_dir};

const NETWORK: &str = "hallo/net.pth";
const DETECTOR: &str = "face_analysis/models/scrfd_10g_bnkps.onnx";
const SIZES: &str = "stable-diffusion-v1-5/unet/config.json";
/// Files below this are sent by the hub itself.
const SMALL: usize = 100_000;
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How the server behaves.
#[derive(Default)]
struct Weather {
    /// Every answer with numbers breaks after so many bytes.
    cut: Option<usize>,
    /// Who does not show this token is refused.
    token: Option<String>,
    /// Where to begin is not listened to.
    deaf: bool,
    /// The bytes of this file are not what their digest says.
    false_bytes: Option<&'static str>,
    /// This file has a name that is no digest.
    no_digest: Option<&'static str>,
}

#[derive(Default)]
struct Hub {
    files: BTreeMap<String, Vec<u8>>,
    weather: Mutex<Weather>,
    /// Files of which numbers were sent, from where on, and how many.
    sent: Mutex<Vec<(String, usize, usize)>>,
    requests: Mutex<usize>,
}

/// A running server.
struct Server {
    hub: Arc<Hub>,
    address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(weather: Weather) -> Self {
        let hub = Arc::new(Hub { files: files(), weather: Mutex::new(weather), ..Hub::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state((Arc::clone(&hub), address.clone()));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { hub, address, task }
    }

    fn settings(&self, cache: &Path) -> HubSettings {
        HubSettings {
            endpoint: Some(self.address.clone()),
            token: Some("a-token".into()),
            cache: Some(cache.to_owned()),
            offline: false,
            attempts: 3,
        }
    }

    fn sent(&self, file: &str) -> Vec<(usize, usize)> {
        let sent = self.hub.sent.lock().unwrap();
        sent.iter().filter(|(name, ..)| name == file).map(|(_, from, count)| (*from, *count)).collect()
    }
}

/// The toy release, with the sizes of the speech encoder that the release has.
fn files() -> BTreeMap<String, Vec<u8>> {
    let root = hallo_dir().join("pretrained_models");
    let mut files = BTreeMap::new();
    for file in release("hallo").unwrap().files {
        let bytes = std::fs::read(root.join(file.path)).unwrap_or_else(|_| file.path.as_bytes().to_vec());
        files.insert(file.path.to_owned(), bytes);
    }
    let speech = files.get_mut("wav2vec/wav2vec2-base-960h/config.json").unwrap();
    let text = String::from_utf8(speech.clone()).unwrap().replace("\"hidden_size\": 64", "\"hidden_size\": 768");
    *speech = text.replace("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 12").into_bytes();
    files
}

/// Large files are described by the hub and sent from elsewhere, small ones are sent at once.
async fn answer(State((hub, address)): State<(Arc<Hub>, String)>, request: Request) -> Response<Body> {
    *hub.requests.lock().unwrap() += 1;
    let path = request.uri().path().to_owned();
    let plain = |status: StatusCode| Response::builder().status(status).body(Body::empty()).unwrap();
    if let Some(path) = path.strip_prefix("/elsewhere/") {
        return send(&hub, path, request.method(), request.headers());
    }
    if let Some(token) = &hub.weather.lock().unwrap().token
        && request.headers().get(header::AUTHORIZATION).is_none_or(|shown| shown != &format!("Bearer {token}"))
    {
        return plain(StatusCode::UNAUTHORIZED);
    }
    let file = ["main", COMMIT]
        .iter()
        .find_map(|revision| path.strip_prefix(&format!("/fudan-generative-ai/hallo/resolve/{revision}/")));
    let Some((file, bytes)) = file.and_then(|file| Some((file, hub.files.get(file)?))) else {
        return plain(StatusCode::NOT_FOUND);
    };
    if bytes.len() < SMALL {
        return send(&hub, file, request.method(), request.headers());
    }
    Response::builder()
        .status(StatusCode::FOUND)
        .header("x-repo-commit", COMMIT)
        .header("x-linked-etag", format!("\"{}\"", etag(&hub.weather.lock().unwrap(), file, sha256(bytes))))
        .header("x-linked-size", bytes.len())
        .header(header::LOCATION, format!("{address}/elsewhere/{file}"))
        .body(Body::empty())
        .unwrap()
}

/// What the hub calls a file.
fn etag(weather: &Weather, file: &str, digest: String) -> String {
    if weather.no_digest == Some(file) { "a-name-of-its-own".into() } else { digest }
}

/// `git hash-object` of these bytes.
fn git_digest(bytes: &[u8]) -> String {
    let mut sum = Sum::new(Kind::Git, bytes.len() as u64);
    sum.update(bytes);
    sum.hex()
}

fn send(hub: &Hub, file: &str, method: &Method, headers: &HeaderMap) -> Response<Body> {
    let mut bytes = hub.files[file].clone();
    let weather = hub.weather.lock().unwrap();
    // Elsewhere has digests of its own kind; who takes them for the hub's is caught here.
    let small = bytes.len() < SMALL;
    let etag = if small { etag(&weather, file, git_digest(&bytes)) } else { format!("{:040x}", bytes.len()) };
    if weather.false_bytes == Some(file) {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    }
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes="));
    let from = range.and_then(|range| range.split('-').next()?.parse().ok()).unwrap_or(0);
    let from = if weather.deaf { 0 } else { from };
    let rest = bytes.split_off(from);
    let builder = Response::builder()
        .status(if from > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
        .header("x-repo-commit", COMMIT)
        .header(header::ETAG, format!("\"{etag}\""))
        .header(header::CONTENT_LENGTH, rest.len());
    if method == Method::HEAD {
        return builder.body(Body::empty()).unwrap();
    }
    let whole = weather.cut.is_none_or(|cut| cut >= rest.len());
    let part = &rest[..if whole { rest.len() } else { weather.cut.unwrap_or_default() }];
    hub.sent.lock().unwrap().push((file.to_owned(), from, part.len()));
    let mut pieces: Vec<std::io::Result<Bytes>> = part.chunks(1 << 16).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
    if !whole {
        pieces.push(Err(std::io::Error::other("the connection is cut")));
    }
    builder.body(Body::from_stream(futures_util::stream::iter(pieces))).unwrap()
}

/// Pulls the release from `server` into a directory of its own.
async fn pull_from(settings: &HubSettings, to: &Path) -> shared::Result<()> {
    pull(release("hallo").unwrap(), to, settings, &|_| ()).await
}

fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (cache, to) = (dir.path().join("cache"), dir.path().join("models/hallo"));
    (dir, cache, to)
}

#[tokio::test]
async fn a_connection_that_is_cut_again_and_again_goes_on_where_it_ended() {
    let server = Server::start(Weather { cut: Some(4 << 20), ..Weather::default() }).await;
    let (_dir, cache, to) = folders();
    let seen = Mutex::new(Vec::new());
    let look = |progress: super::PullProgress<'_>| {
        if progress.file == NETWORK {
            seen.lock().unwrap().push(progress.done);
        }
    };
    pull(release("hallo").unwrap(), &to, &server.settings(&cache), &look).await.unwrap();
    let whole = &server.hub.files[NETWORK];
    assert_eq!(&std::fs::read(to.join("pretrained_models").join(NETWORK)).unwrap(), whole);
    let sent = server.sent(NETWORK);
    assert!(sent.len() >= 4, "{sent:?}");
    for pair in sent.windows(2) {
        assert!(pair[1].0 > pair[0].0 && pair[1].0 <= pair[0].0 + pair[0].1, "{sent:?}");
    }
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted() && *seen.last().unwrap() == whole.len() as u64);
    // The pack is used by its name now, and nothing but what is needed was fetched.
    let pack = HalloPack::open(&to).unwrap();
    assert_eq!((pack.about.name.as_str(), pack.config.picture.size, pack.files.len()), ("hallo", 512, 5));
    assert_eq!(pack.network().unwrap().stored().len(), 2512);
    assert!(open("hallo", &[to.parent().unwrap().to_owned()]).is_err(), "the toy's weights are not the release's");
    assert!(pull_from(&server.settings(&cache), &to).await.unwrap_err().to_string().contains("exists already"));
}

#[tokio::test]
async fn a_later_run_goes_on_too() {
    let server = Server::start(Weather { cut: Some(4 << 20), ..Weather::default() }).await;
    let (_dir, cache, to) = folders();
    let once = HubSettings { attempts: 1, ..server.settings(&cache) };
    let error = pull_from(&once, &to).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Unreachable);
    assert!(error.to_string().contains(NETWORK) && error.mending().unwrap().contains("kept"), "{error}");
    assert!(!to.exists());
    server.hub.weather.lock().unwrap().cut = None;
    pull_from(&once, &to).await.unwrap();
    let sent = server.sent(NETWORK);
    assert_eq!(sent.len(), 2);
    assert!(sent[1].0 > 0 && sent[1].0 <= 4 << 20, "{sent:?}");
    assert_eq!(std::fs::read(to.join("pretrained_models").join(NETWORK)).unwrap(), server.hub.files[NETWORK]);
}

#[tokio::test]
async fn a_server_that_does_not_know_how_to_go_on_is_asked_for_all() {
    let server = Server::start(Weather { cut: Some(4 << 20), ..Weather::default() }).await;
    let (_dir, cache, to) = folders();
    assert!(pull_from(&HubSettings { attempts: 1, ..server.settings(&cache) }, &to).await.is_err());
    *server.hub.weather.lock().unwrap() = Weather { deaf: true, ..Weather::default() };
    pull_from(&server.settings(&cache), &to).await.unwrap();
    assert_eq!(std::fs::read(to.join("pretrained_models").join(NETWORK)).unwrap(), server.hub.files[NETWORK]);
}

#[tokio::test]
async fn bytes_that_do_not_agree_with_their_digest_are_not_kept() {
    let server = Server::start(Weather::default()).await;
    let (_dir, cache, to) = folders();
    let files = &server.hub.files;
    for (file, kind, expected) in
        [(SIZES, "git digest", git_digest(&files[SIZES])), (NETWORK, "SHA-256", sha256(&files[NETWORK]))]
    {
        server.hub.weather.lock().unwrap().false_bytes = Some(file);
        let error = pull_from(&server.settings(&cache), &to).await.unwrap_err();
        assert!(error.to_string().contains(&format!("{file} came with the {kind}")), "{error}");
        assert!(error.to_string().contains(&expected), "{error}");
        let blobs = cache.join("models--fudan-generative-ai--hallo/blobs");
        assert!(!blobs.join(&expected).exists() && !blobs.join(format!("{expected}.incomplete")).exists());
        assert!(!to.exists());
    }
    server.hub.weather.lock().unwrap().false_bytes = None;
    pull_from(&server.settings(&cache), &to).await.unwrap();
}

#[tokio::test]
async fn a_large_file_without_a_digest_is_refused_before_it_is_fetched() {
    let server = Server::start(Weather { no_digest: Some(NETWORK), ..Weather::default() }).await;
    let (_dir, cache, to) = folders();
    let error = pull_from(&server.settings(&cache), &to).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Order);
    assert!(error.to_string().contains(&format!("no digest of {NETWORK}")), "{error}");
    assert!(server.sent(NETWORK).is_empty() && !to.exists());
    // A few hundred bytes of sizes are checked key by key when they are read.
    *server.hub.weather.lock().unwrap() = Weather { no_digest: Some(SIZES), ..Weather::default() };
    let (_dir, cache, to) = folders();
    pull_from(&server.settings(&cache), &to).await.unwrap();
}

#[tokio::test]
async fn a_release_comes_without_its_face_models_too_and_keeps_its_licences() {
    let server = Server::start(Weather::default()).await;
    let (_dir, cache, to) = folders();
    let small = release("hallo").unwrap().without_face_models();
    assert!(!small.licence_text().contains("non-commercial"), "{}", small.licence_text());
    pull(&small, &to, &server.settings(&cache), &|_| ()).await.unwrap();
    assert!(server.sent(DETECTOR).is_empty());
    let pack = HalloPack::open(&to).unwrap();
    assert_eq!(pack.files.len(), 3);
    assert_eq!(pack.about.licence, "MIT AND Apache-2.0 AND CreativeML-OpenRAIL-M");
    assert!(pack.files[0].source.contains("from fudan-generative-ai/hallo"), "{}", pack.files[0].source);
    // What was written down goes before what the names say, for files that came later too.
    let detector = to.join("pretrained_models").join(DETECTOR);
    std::fs::create_dir_all(detector.parent().unwrap()).unwrap();
    std::fs::write(&detector, "").unwrap();
    let table = to.join("licences.toml");
    let text = std::fs::read_to_string(&table).unwrap();
    std::fs::write(&table, format!("{text}\n[\"{DETECTOR}\"]\nlicence = \"LicenseRef-ours\"\nsource = \"bought\"\n"))
        .unwrap();
    let pack = HalloPack::open(&to).unwrap();
    assert_eq!(pack.files[3].licence, "LicenseRef-ours");
    assert!(pack.about.licence.contains("LicenseRef-ours"), "{}", pack.about.licence);
    std::fs::write(&table, "hallo = 1").unwrap();
    assert!(HalloPack::open(&to).unwrap_err().to_string().contains("licences.toml is no table of licences"));
}

#[tokio::test]
async fn a_hub_that_wants_a_token_is_shown_one_or_refuses() {
    let server = Server::start(Weather { token: Some("a-token".into()), ..Weather::default() }).await;
    let (_dir, cache, to) = folders();
    let wrong = HubSettings { token: Some("another".into()), ..server.settings(&cache) };
    let error = pull_from(&wrong, &to).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Order, "trying again is of no use");
    assert!(error.to_string().contains("401") && error.mending().unwrap().contains("HF_TOKEN"), "{error}");
    pull_from(&server.settings(&cache), &to).await.unwrap();
}

#[tokio::test]
async fn a_full_cache_needs_no_network() {
    let server = Server::start(Weather::default()).await;
    let (dir, cache, to) = folders();
    let settings = server.settings(&cache);
    pull_from(&settings, &to).await.unwrap();
    let requests = *server.hub.requests.lock().unwrap();
    // Online or offline, what the cache holds is not asked for again.
    pull_from(&settings, &dir.path().join("again")).await.unwrap();
    assert_eq!(*server.hub.requests.lock().unwrap(), requests);
    server.task.abort();
    let offline = HubSettings { offline: true, ..settings };
    pull_from(&offline, &dir.path().join("offline")).await.unwrap();
    // The pack stays when the cache is emptied.
    std::fs::remove_dir_all(&cache).unwrap();
    assert_eq!(std::fs::read(to.join("pretrained_models").join(NETWORK)).unwrap(), server.hub.files[NETWORK]);
    let error = pull_from(&offline, &dir.path().join("empty")).await.unwrap_err();
    assert!(error.to_string().contains("not in the hub's cache"), "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_said_with_what_to_do() {
    let server = Server::start(Weather::default()).await;
    let (_dir, cache, to) = folders();
    server.task.abort();
    let _ = server.task.await;
    let settings = HubSettings {
        endpoint: Some(server.address.clone()),
        token: None,
        cache: Some(cache),
        offline: false,
        attempts: 2,
    };
    let error = pull_from(&settings, &to).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Unreachable);
    assert!(error.to_string().contains(&server.address), "{error}");
}

#[test]
fn licences_are_named_with_the_files_under_them() {
    for release in super::releases() {
        let text = release.licence_text();
        for word in ["MIT", "Apache-2.0", "non-commercial research", "CreativeML-OpenRAIL-M", release.repository] {
            assert!(text.contains(word), "{text}");
        }
        for file in release.files {
            assert!(text.contains(file.path), "{text}");
        }
    }
}
