//! Blobs as files of a directory, on one machine or on a shared file system.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use shared::{
    Error, Result,
    ports::{BlobKey, Blobs, Put, blobs::Told},
};
use tempfile::NamedTempFile;

use super::scratch::Scratch;

/// A blob store in a directory: each blob is a file, named like its key.
///
/// A blob is written beside the others, flushed to the disk, and then given its name in one step that fails when the name
/// exists. So it appears whole, once, whatever happens to the writer.
#[derive(Clone, Debug)]
pub struct DirectoryBlobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    scratch: Scratch,
}

impl DirectoryBlobs {
    /// Opens the store in `root`, making the directory when it is new.
    ///
    /// # Errors
    /// [`Cause::Unreachable`](shared::error::Cause::Unreachable) when the directory cannot be made or written.
    pub async fn open(root: &Path) -> Result<Self> {
        let root = root.to_owned();
        off_the_runtime(move || {
            let scratch = fs::create_dir_all(&root).and_then(|()| Scratch::open(&root)).map_err(|e| {
                Error::unreachable(format!("the blob store in {} does not open", root.display()))
                    .from_source(e)
                    .mend("choose a directory that can be written")
            })?;
            Ok(Self { inner: Arc::new(Inner { root, scratch }) })
        })
        .await
    }

    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> Result<T> + Send + 'static) -> Result<T> {
        let inner = self.inner.clone();
        off_the_runtime(move || work(&inner)).await
    }
}

/// Bytes that are copied between two words to whoever waits.
const PIECE: u64 = 8 << 20;

/// Copies to the end, and tells of every piece.
fn copy(source: &mut File, to: &mut File, told: &Told) -> io::Result<()> {
    while io::copy(&mut source.take(PIECE), to)? > 0 {
        told();
    }
    Ok(())
}

/// Files block; the async runtime must not.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::world("work on a blob broke").from_source(e))?
}

impl Inner {
    fn path(&self, key: &BlobKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Writes a blob by `fill`, once.
    fn put(&self, key: &BlobKey, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<Put> {
        let path = self.path(key);
        if path.is_file() {
            return Ok(Put::AlreadyThere);
        }
        let failed = |e| failure("write", key, &self.root, e);
        let mut file = self.scratch.file().map_err(failed)?;
        fill(file.as_file_mut()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        name(file, &path).map_err(failed)
    }

    fn list(&self, prefix: &str) -> Result<Vec<BlobKey>> {
        let dir = self.dir(prefix)?;
        let mut found = Vec::new();
        collect(&dir, &mut found).map_err(|e| listing_failure(prefix, &self.root, e))?;
        let mut keys = found.iter().map(|path| self.key(path)).collect::<Result<Vec<_>>>()?;
        keys.sort();
        Ok(keys)
    }

    fn remove(&self, prefix: &str) -> Result<u64> {
        let keys = self.list(prefix)?;
        let mut removed = 0;
        for key in &keys {
            match fs::remove_file(self.path(key)) {
                Ok(()) => removed += 1,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(failure("remove", key, &self.root, e)),
            }
        }
        remove_empty(&self.dir(prefix)?);
        Ok(removed)
    }

    /// The directory that a prefix names.
    fn dir(&self, prefix: &str) -> Result<PathBuf> {
        let inside = prefix
            .strip_suffix('/')
            .ok_or_else(|| Error::order(format!("the blob prefix \"{prefix}\" does not end in /")))?;
        Ok(self.path(&BlobKey::from_text(inside)?))
    }

    fn key(&self, path: &Path) -> Result<BlobKey> {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        BlobKey::from_text(relative.to_string_lossy()).map_err(|e| {
            Error::world(format!("{} is not a blob", path.display()))
                .from_source(e)
                .mend("keep other files out of the store's directory")
        })
    }
}

/// Gives a finished file its name unless the name is taken, and makes that last.
fn name(file: NamedTempFile, path: &Path) -> io::Result<Put> {
    let dir = path.parent().unwrap_or(path);
    let mut file = file.into_temp_path();
    // `remove` may take away an empty directory between the two lines; then both are done again.
    for _ in 0..8 {
        make_dir(dir)?;
        match file.persist_noclobber(path) {
            Ok(()) => return File::open(dir)?.sync_all().map(|()| Put::Written),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => return Ok(Put::AlreadyThere),
            Err(e) if e.error.kind() == io::ErrorKind::NotFound => file = e.path,
            Err(e) => return Err(e.error),
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "its directory is removed again and again"))
}

/// Makes a directory and what it lies in, so that all of it survives a loss of power.
fn make_dir(dir: &Path) -> io::Result<()> {
    let (false, Some(parent)) = (dir.is_dir(), dir.parent()) else { return Ok(()) };
    make_dir(parent)?;
    match fs::create_dir(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => File::open(parent)?.sync_all(),
    }
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// Removes directories that hold nothing, from the leaves up; one that somebody just filled stays.
fn remove_empty(dir: &Path) {
    let below = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    for inner in below.filter(|path| path.is_dir()) {
        remove_empty(&inner);
    }
    // Only an empty directory can be removed like this, so a failure means it is in use or gone.
    let _ = fs::remove_dir(dir);
}

fn failure(what: &str, key: &BlobKey, root: &Path, error: io::Error) -> Error {
    world(format!("cannot {what} blob {key} in {}", root.display()), error)
}

/// The world's fault, with the mend for a full disk when it is that.
fn world(message: String, error: io::Error) -> Error {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let full = matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge);
    let failed = Error::world(message).from_source(error);
    if full { failed.mend("free space on that disk, or choose another data directory") } else { failed }
}

fn listing_failure(prefix: &str, root: &Path, error: io::Error) -> Error {
    Error::world(format!("cannot list the blobs under {prefix} in {}", root.display())).from_source(error)
}

#[async_trait]
impl Blobs for DirectoryBlobs {
    async fn put(&self, key: &BlobKey, bytes: &[u8]) -> Result<Put> {
        let (key, bytes) = (key.clone(), bytes.to_vec());
        self.with(move |inner| inner.put(&key, |file| file.write_all(&bytes))).await
    }

    /// Copies the file: a link would let a later change of the file through to the blob.
    async fn put_file_with(&self, key: &BlobKey, file: &Path, told: &Told) -> Result<Put> {
        let (key, from, told) = (key.clone(), file.to_owned(), told.clone());
        self.with(move |inner| {
            let mut source = File::open(&from)
                .map_err(|e| Error::world(format!("cannot read {} for blob {key}", from.display())).from_source(e))?;
            inner.put(&key, |file| copy(&mut source, file, &told))
        })
        .await
    }

    async fn get_with(&self, key: &BlobKey, _: &Told) -> Result<Vec<u8>> {
        let key = key.clone();
        self.with(move |inner| fs::read(inner.path(&key)).map_err(|e| failure("read", &key, &inner.root, e))).await
    }

    async fn fetch_with(&self, key: &BlobKey, file: &Path, told: &Told) -> Result<()> {
        let (key, to, told) = (key.clone(), file.to_owned(), told.clone());
        self.with(move |inner| {
            let mut source = File::open(inner.path(&key)).map_err(|e| failure("read", &key, &inner.root, e))?;
            let copied = File::create(&to).and_then(|mut file| copy(&mut source, &mut file, &told));
            copied.map_err(|e| world(format!("cannot copy blob {key} to {}", to.display()), e))
        })
        .await
    }

    async fn size(&self, key: &BlobKey) -> Result<Option<u64>> {
        let key = key.clone();
        self.with(move |inner| match fs::metadata(inner.path(&key)) {
            Ok(found) => Ok(found.is_file().then_some(found.len())),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(failure("look at", &key, &inner.root, e)),
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobKey>> {
        let prefix = prefix.to_owned();
        self.with(move |inner| inner.list(&prefix)).await
    }

    async fn remove(&self, prefix: &str) -> Result<u64> {
        let prefix = prefix.to_owned();
        self.with(move |inner| inner.remove(&prefix)).await
    }

    /// A directory has no URLs for others.
    async fn link(&self, _: &BlobKey, _: Duration) -> Result<Option<String>> {
        Ok(None)
    }

    async fn get_range(&self, key: &BlobKey, from: u64, to: u64) -> Result<Vec<u8>> {
        let key = key.clone();
        self.with(move |inner| {
            let read = || {
                let mut file = File::open(inner.path(&key))?;
                file.seek(io::SeekFrom::Start(from))?;
                let mut bytes = Vec::new();
                file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
                Ok(bytes)
            };
            read().map_err(|e| failure("read", &key, &inner.root, e))
        })
        .await
    }

    async fn ping(&self) -> Result<()> {
        self.with(|inner| {
            let there = fs::metadata(&inner.root)
                .and_then(|found| if found.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) });
            there.map_err(|e| {
                Error::unreachable(format!("the blob store in {} does not answer", inner.root.display())).from_source(e)
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::{super::scratch::UNFINISHED, *};
    use shared::Verdict;

    #[test]
    fn a_full_disk_is_the_worlds_fault_and_names_the_blob() {
        let key = BlobKey::from_text("jobs/1/film.mp4").unwrap();
        let error = failure("write", &key, Path::new("/data"), io::ErrorKind::StorageFull.into());
        assert_eq!(error.verdict(), Verdict::Retry);
        assert!(error.to_string().contains("jobs/1/film.mp4") && error.mending().is_some(), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_disk_too_full_for_a_copy_is_told_with_a_mend() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = DirectoryBlobs::open(dir.path()).await.unwrap();
        let key = BlobKey::from_text("jobs/1/a").unwrap();
        blobs.put(&key, b"a blob").await.unwrap();
        let error = blobs.fetch(&key, Path::new("/dev/full")).await.unwrap_err();
        assert_eq!(error.verdict(), Verdict::Retry);
        assert!(error.to_string().contains("jobs/1/a") && error.mending().is_some(), "{error}");
    }

    #[tokio::test]
    async fn every_piece_of_a_large_file_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let (blobs, file) = (DirectoryBlobs::open(&dir.path().join("blobs")).await.unwrap(), dir.path().join("file"));
        let key = BlobKey::from_text("jobs/1/a").unwrap();
        fs::write(&file, vec![7; PIECE as usize * 2 + 1]).unwrap();
        let pieces = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = pieces.clone();
        let told: Told = Arc::new(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        });
        blobs.put_file_with(&key, &file, &told).await.unwrap();
        assert_eq!(pieces.load(std::sync::atomic::Ordering::SeqCst), 3);
        blobs.fetch_with(&key, &file, &told).await.unwrap();
        assert_eq!(pieces.load(std::sync::atomic::Ordering::SeqCst), 6);
        assert_eq!(fs::metadata(&file).unwrap().len(), PIECE * 2 + 1);
    }

    #[tokio::test]
    async fn unfinished_files_are_never_listed_and_always_removed() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = DirectoryBlobs::open(dir.path()).await.unwrap();
        let key = BlobKey::from_text("jobs/1/a").unwrap();
        let half = blobs.inner.put(&key, |file| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(half.is_err());
        assert_eq!(blobs.list("jobs/").await.unwrap(), []);
        let mut left = Vec::new();
        collect(&dir.path().join(UNFINISHED), &mut left).unwrap();
        assert!(left.iter().all(|path| !path.to_string_lossy().contains("blob-")), "{left:?}");
        assert_eq!(blobs.put(&key, b"whole").await.unwrap(), Put::Written);
    }
}
