//! `RabbitMQ`: one broker for each test process, one virtual host for each test.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, sync::OnceCell};

use crate::child::{Keeper, folder, free_port, require};

// Not the one in /usr/sbin: that becomes the user rabbitmq and writes to /var.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// A loaded machine needs half a minute for what takes 5 s on an idle one.
const LONGEST_START: Duration = Duration::from_mins(2);

/// A `RabbitMQ` broker on the loopback interface, with its own data, cookie and port mapper.
#[derive(Clone, Debug)]
pub struct Rabbit {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    keeper: Keeper,
    amqp: u16,
    management: u16,
    vhosts: AtomicU32,
}

/// The broker that all tests of this process share, started with the first call.
///
/// # Panics
/// When `rabbitmq-server` is not installed or does not start: a test of the farm must not pass without it.
pub async fn rabbit() -> Rabbit {
    static SHARED: OnceCell<Rabbit> = OnceCell::const_new();
    SHARED.get_or_init(own_rabbit).await.clone()
}

/// A broker for a test that kills it, so that the tests beside it do not notice.
///
/// # Panics
/// Like [`rabbit`].
pub async fn own_rabbit() -> Rabbit {
    require(SERVER, "rabbitmq-server");
    let broker = tokio::task::spawn_blocking(Inner::new).await;
    let rabbit = Rabbit { inner: Arc::new(broker.unwrap_or_else(|e| panic!("the broker cannot be prepared: {e}"))) };
    rabbit.start().await;
    rabbit
}

impl Rabbit {
    /// URL of a new, empty virtual host.
    pub async fn url(&self) -> String {
        let vhost = format!("test-{}", self.inner.vhosts.fetch_add(1, Ordering::Relaxed));
        self.manage(&format!("vhosts/{vhost}"), "{}").await;
        let everything = r#"{"configure":".*","write":".*","read":".*"}"#;
        self.manage(&format!("permissions/{vhost}/guest"), everything).await;
        format!("amqp://guest:guest@127.0.0.1:{}/{vhost}", self.inner.amqp)
    }

    /// Kills the broker with SIGKILL, as a power cut would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn stop(&self) {
        let inner = self.inner.clone();
        let killed = tokio::task::spawn_blocking(move || inner.keeper.kill()).await;
        killed.unwrap_or_else(|e| panic!("the broker cannot be killed: {e}"));
        // Its threads end one by one, and the last of them holds the port.
        while TcpStream::connect(("127.0.0.1", self.inner.amqp)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts the broker again on the same ports and data; returns when it takes connections.
    ///
    /// # Panics
    /// When it does not start in time.
    pub async fn start(&self) {
        let inner = self.inner.clone();
        let started = tokio::task::spawn_blocking(move || inner.keeper.start()).await;
        started.unwrap_or_else(|e| panic!("the broker cannot be started: {e}"));
        let since = Instant::now();
        // The AMQP listener is the last thing that a booting broker opens.
        while TcpStream::connect(("127.0.0.1", self.inner.amqp)).await.is_err() {
            assert!(since.elapsed() < LONGEST_START, "RabbitMQ does not start:\n{}", self.inner.keeper.last_words());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kills the broker and starts it again.
    pub async fn restart(&self) {
        self.stop().await;
        self.start().await;
    }

    /// Puts something with the management API.
    async fn manage(&self, path: &str, body: &'static str) {
        let url = format!("http://127.0.0.1:{}/api/{path}", self.inner.management);
        let put = reqwest::Client::new().put(&url).basic_auth("guest", Some("guest")).body(body);
        let answer = put.header("content-type", "application/json").send().await;
        let fine = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        assert!(fine, "{url} answers {answer:?}");
    }
}

impl Inner {
    fn new() -> Self {
        let [amqp, management, mapper, distribution] = [(); 4].map(|()| free_port());
        let folder = folder("rabbit");
        write(&folder, "enabled_plugins", "[rabbitmq_management].\n");
        write(&folder, "rabbitmq.conf", &configuration(amqp, management));
        let keeper = Keeper::new(&folder, &["sh", "-c", &both(mapper)], &variables(&folder, mapper, distribution));
        Self { keeper, amqp, management, vhosts: AtomicU32::new(0) }
    }
}

/// The port mapper stays in the foreground: one that the broker starts itself would leave the process group and live on.
fn both(mapper: u16) -> String {
    format!("epmd -address 127.0.0.1 -port {mapper} & exec {SERVER}")
}

fn configuration(amqp: u16, management: u16) -> String {
    format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n\
         vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\nlog.console = true\nlog.file = false\n"
    )
}

/// All that would otherwise lie in `/etc`, `/var` and the user's home.
fn variables(folder: &Path, mapper: u16, distribution: u16) -> Vec<(&'static str, String)> {
    let at = |name: &str| folder.join(name).display().to_string();
    vec![
        ("HOME", at("")),
        ("ERL_EPMD_PORT", mapper.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("RABBITMQ_NODENAME", format!("test-{distribution}@localhost")),
        ("RABBITMQ_DIST_PORT", distribution.to_string()),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
        ("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", at("data")),
        ("RABBITMQ_LOG_BASE", at("logs")),
        ("RABBITMQ_SCHEMA_DIR", at("schema")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", at("generated")),
        ("RABBITMQ_PID_FILE", at("pid")),
        // Two schedulers are enough for a test, and hundreds of tests share the machine. Idle ones do not spin, as is advised wherever
        // others need the cores (<https://www.rabbitmq.com/docs/runtime#cpu-reduce-idle-usage>).
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none".into(),
        ),
    ]
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap_or_else(|e| panic!("{name} cannot be written: {e}"));
}
