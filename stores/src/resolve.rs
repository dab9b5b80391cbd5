//! A URL chooses the keeper.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use shared::{
    Error, Result,
    ports::{Blobs, Books, Queue, Stores},
};

use crate::{
    blobs::{DirectoryBlobs, S3Blobs},
    ledger::{PostgresLedger, SqliteLedger},
    queue::{MemoryQueue, RabbitQueue},
};

/// Where the three stores are.
///
/// A path in a URL is taken as it stands: nothing in it is percent-decoded, and `?` and `#` are letters like others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// `sqlite:///absolute/path/ledger.db`, `sqlite::memory:` for a ledger that lives as long as the process, or
    /// `postgres://user:password@host:5432/database?connections=10`, whose tables [`migrate`] makes.
    pub ledger: String,
    /// `memory:` for a queue within the process, or `amqp://user:password@host:5672/vhost` (`amqps://` for TLS).
    pub queue: String,
    /// `file:///absolute/path`, or `s3://bucket/prefix?endpoint=https://host:9000&region=…`.
    pub blobs: String,
}

/// Opens all three stores.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) for a URL of a kind that this build does not know,
/// [`Cause::Unreachable`](shared::error::Cause::Unreachable) naming the store that does not open.
pub async fn open(urls: &Urls) -> Result<Stores> {
    Ok(Stores {
        ledger: open_ledger(&urls.ledger).await?,
        queue: open_queue(&urls.queue)?,
        blobs: open_blobs(&urls.blobs).await?,
    })
}

const LEDGERS: &str = "sqlite:///path/ledger.db, sqlite::memory:, postgres://user:password@host:5432/database";

/// Opens one ledger by its URL.
///
/// # Errors
/// As [`open`].
pub async fn open_ledger(url: &str) -> Result<Arc<dyn Books>> {
    if url == "sqlite::memory:" {
        return Ok(Arc::new(SqliteLedger::in_memory().await?));
    }
    if is_postgres(url) {
        return Ok(Arc::new(PostgresLedger::open(url).await?));
    }
    match url.strip_prefix("sqlite://").and_then(absolute) {
        Some(path) => Ok(Arc::new(SqliteLedger::open(&path).await?)),
        None => Err(unknown("ledger", url, LEDGERS)),
    }
}

/// Opens a ledger in a new file that need not outlive the process, for simulations.
///
/// # Errors
/// As [`open`].
pub async fn scratch_ledger(file: &Path) -> Result<Arc<dyn Books>> {
    Ok(Arc::new(SqliteLedger::scratch(file).await?))
}

/// What a migration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Version of the ledger's tables before; 0 when it had none.
    pub before: i64,
    /// Version of the ledger's tables now.
    pub after: i64,
}

/// Brings the tables of the ledger at the URL `ledger` to the version of this program. Programs of other versions refuse the ledger
/// afterwards, and several that migrate at once do it one after the other.
///
/// # Errors
/// As [`open`] does; when the tables are newer than this program; what the database says.
pub async fn migrate(ledger: &str) -> Result<Migrated> {
    if is_postgres(ledger) {
        let (before, after) = PostgresLedger::migrate(ledger).await?;
        return Ok(Migrated { before, after });
    }
    match ledger.strip_prefix("sqlite://").and_then(absolute) {
        Some(path) => SqliteLedger::migrate(&path).await.map(|(before, after)| Migrated { before, after }),
        None => Err(unknown("ledger", ledger, LEDGERS)),
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Opens one queue by its URL. Nothing is connected yet: a queue that is away is waited for by who needs it.
///
/// # Errors
/// As [`open`].
pub fn open_queue(url: &str) -> Result<Arc<dyn Queue>> {
    if url == "memory:" {
        return Ok(Arc::new(MemoryQueue::new()));
    }
    if url.starts_with("amqp://") || url.starts_with("amqps://") {
        return Ok(Arc::new(RabbitQueue::new(url, u64::from(std::process::id()))?));
    }
    Err(unknown("queue", url, "memory:, amqp://user:password@host:5672/vhost, amqps://…"))
}

/// Opens one blob store by its URL. Nothing is connected to a bucket yet.
///
/// # Errors
/// As [`open`].
pub async fn open_blobs(url: &str) -> Result<Arc<dyn Blobs>> {
    if url.starts_with("s3://") {
        return Ok(Arc::new(S3Blobs::open(url).await?));
    }
    match url.strip_prefix("file://").and_then(absolute) {
        Some(path) => Ok(Arc::new(DirectoryBlobs::open(&path).await?)),
        None => Err(unknown("blob store", url, "file:///path, s3://bucket/prefix?endpoint=…")),
    }
}

/// The path of a URL without a host; a relative path would mean another place for each process.
fn absolute(path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    path.is_absolute().then(|| path.to_owned())
}

fn unknown(what: &str, url: &str, known: &str) -> Error {
    Error::order(format!("no {what} is known for the URL \"{}\"", without_password(url)))
        .mend(format!("this build knows {known}"))
}

/// The URL as it may be shown: what stands between `//` and `@` can hold a password.
fn without_password(url: &str) -> String {
    match url.split_once("//").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}//…@{rest}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::error::Cause;

    #[tokio::test]
    async fn urls_choose_the_keepers() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let urls = Urls {
            ledger: format!("sqlite://{}", at("new/ledger.db")),
            queue: "memory:".into(),
            blobs: format!("file://{}", at("blobs")),
        };
        open(&urls).await.unwrap();
        assert!(dir.path().join("new/ledger.db").is_file());
        assert!(dir.path().join("blobs").is_dir());
        open(&Urls { ledger: "sqlite::memory:".into(), ..urls }).await.unwrap();
    }

    #[tokio::test]
    async fn unknown_urls_name_what_is_known_and_keep_the_password() {
        let refused = [
            open_ledger("mysql://me:secret@host/farm").await.err(),
            open_ledger("sqlite://relative.db").await.err(),
            open_queue("nats://me:secret@host").err(),
            open_blobs("gs://bucket").await.err(),
            open_blobs("").await.err(),
        ];
        for error in refused {
            let error = error.unwrap();
            assert_eq!(error.cause(), Cause::Order);
            let text = error.to_string();
            assert!(text.contains("this build knows") && !text.contains("secret"), "{text}");
        }
    }

    #[tokio::test]
    async fn the_farms_stores_open_without_a_connection_and_refuse_wrong_urls() {
        assert!(open_queue("amqp://me:secret@127.0.0.1:1/farm").is_ok());
        assert!(open_blobs("s3://films/farm?endpoint=http://127.0.0.1:1").await.is_ok());
        let refused =
            [open_queue("amqp://me:secret@host?colour=1").err(), open_blobs("s3://films?colour=secret").await.err()];
        for error in refused {
            let error = error.unwrap();
            assert_eq!(error.cause(), Cause::Order);
            assert!(error.to_string().contains("colour") && !error.to_string().contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_store_that_does_not_open_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "not a database, not a directory").unwrap();
        let ledger = open_ledger(&format!("sqlite://{}", file.display())).await.err().unwrap();
        let blobs = open_blobs(&format!("file://{}", file.display())).await.err().unwrap();
        for error in [ledger, blobs] {
            assert_eq!(error.cause(), Cause::Unreachable);
            assert!(error.to_string().contains(&file.display().to_string()), "{error}");
        }
    }
}
