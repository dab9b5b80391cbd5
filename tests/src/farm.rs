//! A whole farm of separate processes on real services, as an operator would start it.

use std::{
    fs::File,
    net::TcpListener,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::binary::House;

/// The longest time that anything here is waited for.
const PATIENCE: Duration = Duration::from_mins(4);

/// A farm's stores, and the directory in which its roles run.
pub struct Farm {
    /// The directory.
    pub house: House,
    urls: Vec<(&'static str, String)>,
    api: String,
}

/// One role as a process; killed when it is dropped.
pub struct Role {
    child: Child,
    name: String,
    log: std::path::PathBuf,
}

impl Farm {
    /// A farm on `PostgreSQL`, `RabbitMQ` and S3, with nothing in them.
    ///
    /// # Panics
    /// When a service is not installed or does not start.
    pub fn on_services() -> Self {
        let urls = block_on(async {
            let postgres = services::postgres().await.url().await;
            let rabbit = services::rabbit().await.url().await;
            let s3 = services::s3().await.url();
            [postgres, rabbit, s3]
        });
        Self::on(urls)
    }

    /// A farm on these stores: ledger, queue, blobs.
    pub fn on(urls: [String; 3]) -> Self {
        let names = ["EMOFARM_LEDGER_URL", "EMOFARM_QUEUE_URL", "EMOFARM_BLOBS_URL"];
        let api = format!("http://127.0.0.1:{}", free_port());
        Self { house: House::new(), urls: names.into_iter().zip(urls).collect(), api }
    }

    /// A farm that keeps everything below its own directory.
    pub fn alone() -> Self {
        Self { house: House::new(), urls: Vec::new(), api: format!("http://127.0.0.1:{}", free_port()) }
    }

    /// The address of the farm's first API.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// The same as an argument of `--listen`.
    pub fn listen(&self) -> &str {
        self.api.trim_start_matches("http://")
    }

    /// The farm's stores, for tests that look into them.
    pub fn urls(&self) -> stores::Urls {
        let url = |n: usize| self.urls.get(n).map(|(_, url)| url.clone()).unwrap_or_default();
        stores::Urls { ledger: url(0), queue: url(1), blobs: url(2) }
    }

    /// A command line with the farm's stores and API.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.house.command(args);
        command.envs(self.urls.clone()).env("EMOFARM_API_URL", &self.api).env("EMOFARM_MODEL", "test-pattern");
        command
    }

    /// Starts a role; what it logs is shown when a wait for it fails.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(&self, args: &[&str]) -> Role {
        self.start_as(self.command(args), &args.join(" "))
    }

    /// Starts a role by a command line of its own, under a name for messages.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start_as(&self, mut command: Command, name: &str) -> Role {
        let role = name.split(' ').next().unwrap_or_default();
        let log = self.house.path(&format!("{role}-{}.log", free_port()));
        let file = File::create(&log).expect("the log can be made");
        let child = command.stderr(Stdio::from(file)).stdout(Stdio::null()).spawn();
        Role { child: child.expect("the program starts"), name: name.to_owned(), log }
    }

    /// Runs a verb to its end and reads the document that it prints.
    ///
    /// # Panics
    /// When it fails or prints anything else.
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.command(args).arg("--json").output().expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// Waits until the farm's API says that it can work.
    ///
    /// # Panics
    /// When `role` ends before, or does not get ready.
    pub fn wait_for_api(&self, role: &mut Role) {
        let ready = format!("{}/readyz", self.api);
        role.wait_until("its API is ready", || ok(&ready));
    }

    /// Waits until a job is in a state.
    ///
    /// # Panics
    /// When it ends otherwise, or takes too long.
    pub fn wait_for(&self, job: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let status = self.json(&["status", job]);
            if is(&status) {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "{what} did not happen: {status:#}");
            std::thread::sleep(Duration::from_millis(150));
        }
    }
}

impl Role {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "{} is gone", self.name);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not come.
    pub fn end(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "{} does not end:\n{}", self.name, self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for something that it brings about.
    ///
    /// # Panics
    /// When it ends before, or takes too long.
    pub fn wait_until(&mut self, what: &str, mut is: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is() {
            let ended = self.child.try_wait().expect("the process can be waited for");
            assert!(ended.is_none(), "{} ended before {what}:\n{}", self.name, self.log());
            assert!(started.elapsed() < PATIENCE, "{}: not {what}:\n{}", self.name, self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {}:\n{}", self.name, self.log());
        }
    }
}

/// Runs something of the services to its end.
///
/// # Panics
/// When no runtime can be made.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

/// A port of the loopback interface that nobody listens on.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Whether something at `url` answers with success.
pub fn ok(url: &str) -> bool {
    get(url).is_some_and(|(status, _)| status == 200)
}

/// Status and text of the answer at `url`; nothing when nobody answers.
pub fn get(url: &str) -> Option<(u16, String)> {
    get_as(url, "")
}

/// The same with a token, unless it is empty.
pub fn get_as(url: &str, token: &str) -> Option<(u16, String)> {
    block_on(async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().ok()?;
        let ask = client.get(url);
        let ask = if token.is_empty() { ask } else { ask.bearer_auth(token) };
        let answer = ask.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    })
}

/// An address of this machine that is not a loopback one, so that whoever asks there comes from elsewhere; nothing on a machine without a network.
pub fn outer_address() -> Option<std::net::IpAddr> {
    // Nothing is sent: the system only says from where it would send. The address is one for documents (RFC 5737).
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback() && !address.is_unspecified())
}
