//! A hub for published releases on this machine: as much of its protocol as a pull needs, over connections that break.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use shared::digest::sha256;

/// The commit that all files belong to.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub has, and how it behaves.
struct Stock {
    /// `owner/name` of its only repository.
    repository: String,
    files: BTreeMap<String, Vec<u8>>,
    /// Who does not show this token is refused.
    token: String,
    /// Every answer breaks after so many bytes.
    cut: usize,
    /// Files of which bytes were sent, from where on, and how many.
    sent: Mutex<Vec<(String, usize, usize)>>,
    over: AtomicBool,
}

/// A running hub; it ends with this value.
pub struct Hub {
    address: SocketAddr,
    stock: Arc<Stock>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    /// Starts a hub with the `files` of one repository. It refuses whoever does not show `token`, and breaks every connection after
    /// `cut` bytes of a file.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(repository: &str, files: BTreeMap<String, Vec<u8>>, token: &str, cut: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let stock = Arc::new(Stock {
            repository: repository.to_owned(),
            files,
            token: token.to_owned(),
            cut,
            sent: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&stock);
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                let stock = Arc::clone(&shared);
                // A client that goes away is its own matter.
                std::thread::spawn(move || connection.and_then(|connection| stock.answer(&connection)));
            }
        });
        Self { address, stock, thread: Some(thread) }
    }

    /// Its address, for `HF_ENDPOINT`.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From where on, and how many bytes of `file` were sent, answer after answer.
    pub fn sent(&self, file: &str) -> Vec<(usize, usize)> {
        let sent = self.stock.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().filter(|(name, ..)| name == file).map(|(_, from, count)| (*from, *count)).collect()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stock.over.store(true, Ordering::Relaxed);
        // Wakes the loop, which waits for somebody.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Stock {
    /// Answers one request and closes the connection.
    fn answer(&self, connection: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(connection).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        let mut headers = BTreeMap::new();
        for line in lines {
            match line?.split_once(": ") {
                Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let plain =
            |status| write!(&*connection, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        if headers.get("authorization") != Some(&format!("Bearer {}", self.token)) {
            return plain("401 Unauthorized");
        }
        let resolve = |revision| path.strip_prefix(&format!("/{}/resolve/{revision}/", self.repository));
        let file = resolve("main").or_else(|| resolve(COMMIT)).unwrap_or_default();
        let Some(bytes) = self.files.get(file) else { return plain("404 Not Found") };
        let from = headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        let rest = bytes.get(from.unwrap_or(0)..).unwrap_or_default();
        let (status, length) = (if from.is_some() { "206 Partial Content" } else { "200 OK" }, rest.len());
        write!(&*connection, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n")?;
        write!(&*connection, "etag: \"{}\"\r\nx-repo-commit: {COMMIT}\r\n\r\n", sha256(bytes))?;
        if method == "HEAD" {
            return Ok(());
        }
        let count = length.min(self.cut);
        let sent = (file.to_owned(), from.unwrap_or(0), count);
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        (&*connection).write_all(&rest[..count])
    }
}
