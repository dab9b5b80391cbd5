//! The blob store: what tasks made, written once under their attempt.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{Error, JobId, Result, TaskId};

/// Name of the blob with a rendered segment's latents.
pub const LATENTS: &str = "latents.safetensors";

/// Name of the blob with a part.
pub const PART: &str = "part.mp4";

/// Name of the blob with the finished film.
pub const FILM: &str = "film.mp4";

/// The name of a blob: relative path segments joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobKey(String);

impl BlobKey {
    /// The key of one of a job's inputs: `jobs/<job>/inputs/<name>`.
    ///
    /// # Errors
    /// When the name holds anything but letters, digits, `.`, `_` and `-`.
    pub fn input(job: &JobId, name: &str) -> Result<Self> {
        Self::from_text(format!("jobs/{job}/inputs/{name}"))
    }

    /// All of a job's inputs.
    pub fn inputs_prefix(job: &JobId) -> String {
        format!("jobs/{job}/inputs/")
    }

    /// The key of something that an attempt of a task made: `jobs/<job>/<task>/<attempt>/<name>`. The name may hold
    /// `/`, so that several blobs can be listed and removed together.
    ///
    /// # Errors
    /// When the name holds anything but letters, digits, `.`, `_` and `-`.
    pub fn made(job: &JobId, task: &TaskId, attempt: u32, name: &str) -> Result<Self> {
        Self::from_text(format!("jobs/{job}/{task}/{attempt}/{name}"))
    }

    /// The key of a piece of an attempt's log ([`log`](crate::log)): `jobs/<job>/logs/<task>/<attempt>/log-<piece>.jsonl`. Logs lie beside
    /// what attempts made: they stay when the blobs of a failed attempt go.
    ///
    /// # Errors
    /// When the task's id holds anything but letters, digits, `.`, `_` and `-`.
    pub fn log(job: &JobId, task: &TaskId, attempt: u32, piece: u32) -> Result<Self> {
        Self::from_text(format!("{}log-{piece:05}.jsonl", Self::log_prefix(job, task, attempt)))
    }

    /// All pieces of an attempt's log; sorted, they are in order.
    pub fn log_prefix(job: &JobId, task: &TaskId, attempt: u32) -> String {
        format!("jobs/{job}/logs/{task}/{attempt}/")
    }

    /// Everything that any attempt of a task made.
    pub fn task_prefix(job: &JobId, task: &TaskId) -> String {
        format!("jobs/{job}/{task}/")
    }

    /// A key read back from a listing.
    ///
    /// # Errors
    /// When a segment is empty, starts with a dot, or holds anything but letters, digits, `.`, `_` and `-`: such a
    /// key could leave the store's directory.
    pub fn from_text(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let fine = |segment: &str| {
            !segment.is_empty()
                && !segment.starts_with('.')
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if text.len() <= 512 && text.split('/').all(fine) {
            Ok(Self(text))
        } else {
            Err(Error::order(format!("\"{text}\" is not a blob key")))
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl TryFrom<String> for BlobKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::from_text(text)
    }
}

impl From<BlobKey> for String {
    fn from(key: BlobKey) -> Self {
        key.0
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The blob is new.
    Written,
    /// A blob of this name was there before and stays as it was.
    AlreadyThere,
}

/// Told whenever a piece of a blob was moved, so that a transfer that takes long can be told from one that stands still.
pub type Told = Arc<dyn Fn() + Send + Sync>;

/// For transfers that nobody waits for.
fn untold() -> Told {
    Arc::new(|| {})
}

/// Keeps blobs. A blob appears whole or not at all, and never changes afterwards.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Writes a blob from memory, once.
    async fn put(&self, key: &BlobKey, bytes: &[u8]) -> Result<Put>;

    /// Writes a blob from a file, once; the file stays where it is. `told` hears of every piece of a large one.
    async fn put_file_with(&self, key: &BlobKey, file: &Path, told: &Told) -> Result<Put>;

    /// The same with nobody to hear of it.
    async fn put_file(&self, key: &BlobKey, file: &Path) -> Result<Put> {
        self.put_file_with(key, file, &untold()).await
    }

    /// Reads a blob into memory. `told` hears of every piece of a large one.
    ///
    /// # Errors
    /// [`Cause::World`](crate::error::Cause::World) naming the key when there is none.
    async fn get_with(&self, key: &BlobKey, told: &Told) -> Result<Vec<u8>>;

    /// The same with nobody to hear of it.
    async fn get(&self, key: &BlobKey) -> Result<Vec<u8>> {
        self.get_with(key, &untold()).await
    }

    /// Copies a blob into a file, replacing it. `told` hears of every piece of a large one.
    async fn fetch_with(&self, key: &BlobKey, file: &Path, told: &Told) -> Result<()>;

    /// The same with nobody to hear of it.
    async fn fetch(&self, key: &BlobKey, file: &Path) -> Result<()> {
        self.fetch_with(key, file, &untold()).await
    }

    /// Size of a blob in bytes, or nothing.
    async fn size(&self, key: &BlobKey) -> Result<Option<u64>>;

    /// All keys that begin with `prefix` (which ends in `/`), sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<BlobKey>>;

    /// Removes all blobs under `prefix` (which ends in `/`); how many there were.
    async fn remove(&self, prefix: &str) -> Result<u64>;

    /// A URL under which anybody who has it can read the blob until `term` is over; nothing when the store has no such URLs.
    async fn link(&self, key: &BlobKey, term: Duration) -> Result<Option<String>>;

    /// Part of a blob: bytes `from..to`, or fewer where it ends before `to`.
    async fn get_range(&self, key: &BlobKey, from: u64, to: u64) -> Result<Vec<u8>>;

    /// Asks the store whether it answers.
    ///
    /// # Errors
    /// [`Cause::Unreachable`](crate::error::Cause::Unreachable) naming it when it does not.
    async fn ping(&self) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_leave_the_store() {
        for text in ["", "/etc", "a//b", "../x", "a/../b", "a/.hidden", "a b", "a\\b", "a/", "ü"] {
            assert!(BlobKey::from_text(text).is_err(), "{text}");
        }
        assert!(BlobKey::from_text("a".repeat(513)).is_err());
        assert_eq!(BlobKey::from_text("jobs/1/film.mp4").unwrap().name(), "film.mp4");
    }
}
