//! `PostgreSQL`: one server for each test process, one database for each test.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::OnceCell;

use crate::child::{Keeper, folder, free_port, require};

/// Where Debian keeps the programs of each major version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// A loaded machine needs much longer than the second of an idle one.
const LONGEST_START: Duration = Duration::from_mins(2);

/// A `PostgreSQL` server on the loopback interface with data of its own. Unless it is a [`durable_postgres`], what it says is lost when
/// the machine stops, not when it is killed itself: it does not wait for the disk.
#[derive(Clone, Debug)]
pub struct Postgres {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    keeper: Keeper,
    programs: PathBuf,
    port: u16,
    databases: AtomicU32,
}

/// A database that goes away with this value, whoever is still connected: a hundred of them would need a gigabyte.
#[derive(Debug)]
pub struct Database {
    url: String,
    name: String,
    inner: Arc<Inner>,
}

impl Database {
    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that is gone took its databases along.
        let _ = self.inner.client("dropdb").args(["--force", "--if-exists", &self.name]).output();
    }
}

/// The server that all tests of this process share, started with the first call.
///
/// # Panics
/// When `postgresql` is not installed or does not start: a test of the farm must not pass without it.
pub async fn postgres() -> Postgres {
    static SHARED: OnceCell<Postgres> = OnceCell::const_new();
    SHARED.get_or_init(own_postgres).await.clone()
}

/// A server for a test that kills it, so that the tests beside it do not notice.
///
/// # Panics
/// Like [`postgres`].
pub async fn own_postgres() -> Postgres {
    started(Disk::Ahead).await
}

/// A server that waits for the disk with every transaction, like one whose data matters; for measurements.
///
/// # Panics
/// Like [`postgres`].
pub async fn durable_postgres() -> Postgres {
    started(Disk::Waits).await
}

async fn started(disk: Disk) -> Postgres {
    let inner = off_the_runtime(move || Inner::new(disk)).await;
    let postgres = Postgres { inner: Arc::new(inner) };
    postgres.start().await;
    postgres
}

/// Whether the server waits for the disk.
#[derive(Clone, Copy, Debug)]
enum Disk {
    /// It goes ahead of it: what it says is lost when the machine stops.
    Ahead,
    /// It waits, and keeps the defaults of `PostgreSQL` for all that concerns the disk.
    Waits,
}

impl Disk {
    /// Settings of the server. The log of changes is short where data do not matter, because many servers share a disk.
    fn settings(self) -> &'static str {
        match self {
            Self::Ahead => "-c fsync=off -c full_page_writes=off -c max_wal_size=96MB -c min_wal_size=32MB",
            Self::Waits => "",
        }
    }
}

impl Postgres {
    /// URL of a new, empty database, which stays as long as the server.
    pub async fn url(&self) -> String {
        let inner = self.inner.clone();
        off_the_runtime(move || inner.url(&inner.create())).await
    }

    /// A new, empty database for a test that is one of many.
    pub async fn database(&self) -> Database {
        let inner = self.inner.clone();
        off_the_runtime(move || {
            let name = inner.create();
            Database { url: inner.url(&name), name, inner }
        })
        .await
    }

    /// Kills the server with SIGKILL, as a power cut would.
    pub async fn stop(&self) {
        let inner = self.inner.clone();
        off_the_runtime(move || inner.keeper.kill()).await;
    }

    /// Starts the server again on the same port and data; returns when it answers.
    ///
    /// # Panics
    /// When it does not start in time.
    pub async fn start(&self) {
        let inner = self.inner.clone();
        off_the_runtime(move || inner.keeper.start()).await;
        let since = Instant::now();
        while !self.answers().await {
            assert!(since.elapsed() < LONGEST_START, "PostgreSQL does not start:\n{}", self.inner.keeper.last_words());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kills the server and starts it again.
    pub async fn restart(&self) {
        self.stop().await;
        self.start().await;
    }

    async fn answers(&self) -> bool {
        let inner = self.inner.clone();
        let asked =
            off_the_runtime(move || inner.client("pg_isready").arg("-q").arg("-d").arg("postgres").status()).await;
        asked.is_ok_and(|status| status.success())
    }
}

impl Inner {
    fn new(disk: Disk) -> Self {
        let programs = programs();
        let (port, folder) = (free_port(), folder("postgres"));
        let script = script(&programs, port, disk);
        let mut command = vec!["sh", "-c", script.as_str()];
        // The server refuses to run as root; its package makes a user for it.
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(&folder).status();
            assert!(owned.is_ok_and(|status| status.success()), "{} cannot be given to postgres", folder.display());
            command.splice(0..0, ["runuser", "-u", "postgres", "--"]);
        }
        let keeper = Keeper::new(&folder, &command, &[]);
        Self { keeper, programs, port, databases: AtomicU32::new(0) }
    }

    /// Makes a database and tells its name.
    fn create(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = self.client("createdb").args(["--strategy=file_copy", &name]).output();
        let made = made.unwrap_or_else(|e| panic!("createdb does not start: {e}"));
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "createdb: {said}\nThe server said:\n{}", self.keeper.last_words());
        name
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://farm@127.0.0.1:{}/{database}", self.port)
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(["-h", "127.0.0.1", "-U", "farm", "-p"]).arg(self.port.to_string());
        command
    }
}

/// The programs of the newest version that is installed.
fn programs() -> PathBuf {
    let found = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path());
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = found.filter(|path| version(path).is_some()).max_by_key(|path| version(path));
    let programs = newest.unwrap_or_else(|| Path::new(VERSIONS).join("15")).join("bin");
    require(&programs.join("initdb").display().to_string(), "postgresql");
    programs
}

/// Makes the data with the first start. Processes of a server that was killed end one by one and hold its memory meanwhile, so a
/// start is tried until it succeeds. All shared memory lies in the folder, because a killed server leaves what it has in
/// `/dev/shm`, which is small in containers.
fn script(programs: &Path, port: u16, disk: Disk) -> String {
    let (programs, disk) = (programs.display(), disk.settings());
    format!(
        "[ -d data ] || {programs}/initdb -D data -U farm --auth=trust --no-sync -E UTF8 --locale=C.UTF-8 || exit 1\n\
         until {programs}/postgres -D data -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
         {disk} -c shared_buffers=64MB -c max_connections=300 -c dynamic_shared_memory_type=mmap -c jit=off; \
         do sleep 0.1; done"
    )
}

fn is_root() -> bool {
    let asked = Command::new("id").arg("-u").output();
    asked.is_ok_and(|answer| answer.stdout.trim_ascii() == b"0")
}

async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| panic!("work on a service broke: {e}"))
}
