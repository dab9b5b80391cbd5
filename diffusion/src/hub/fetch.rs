//! One file from the hub into its cache: in pieces, however often the connection breaks, and only if its digest agrees.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};

use futures_util::StreamExt as _;
use shared::{Error, Result, error::Cause};

use super::{
    ReleaseFile,
    cache::{Cache, unusable},
    remote::{About, Remote},
    sums::{Kind, Sum},
};

/// Pause before the second try; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Longest file that is taken without a digest: a configuration, whose every key is checked when it is read.
const LONGEST_UNKNOWN: u64 = 1 << 20;

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullProgress<'a> {
    /// Its path in the repository.
    pub file: &'a str,
    /// Bytes of it that are here.
    pub done: u64,
    /// Its length.
    pub total: u64,
}

/// Fetches `file` and gives its place in the cache. `attempts` in a row that bring nothing new are the last.
pub(super) async fn fetch(
    remote: &Remote,
    cache: &Cache,
    file: &ReleaseFile,
    attempts: u32,
    progress: &(dyn Fn(PullProgress<'_>) + Sync),
) -> Result<std::path::PathBuf> {
    let about = patiently(attempts, || remote.about(file.path)).await?;
    let kind = Kind::of(&about.etag);
    if kind.is_none() && about.bytes > LONGEST_UNKNOWN {
        let what = format!("the hub states no digest of {}, {} bytes, only \"{}\"", file.path, about.bytes, about.etag);
        return Err(
            Error::order(what).mend("whether it comes whole could not be told; let HF_ENDPOINT name another hub")
        );
    }
    let [blob, incomplete] = cache.blob(&about.etag)?;
    if !blob.is_file() {
        let mut part = Part::open(&incomplete, kind, about.bytes)?;
        let (mut left, mut pause) = (attempts.max(1), PAUSE);
        while part.done < about.bytes {
            let before = part.done;
            let Err(error) = go_on(remote, file.path, &about, &mut part, progress).await else { continue };
            if part.done > before {
                (left, pause) = (attempts.max(1), PAUSE);
            }
            left -= 1;
            if left == 0 || error.cause() != Cause::Unreachable {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        part.finish(file.path, &about.etag, &blob)?;
    }
    progress(PullProgress { file: file.path, done: about.bytes, total: about.bytes });
    cache.point(file.path, &about.commit, &about.etag)
}

/// Repeats `ask` while the hub cannot be reached.
async fn patiently<T, F: Future<Output = Result<T>>>(attempts: u32, ask: impl Fn() -> F) -> Result<T> {
    let mut pause = PAUSE;
    for _ in 1..attempts.max(1) {
        match ask().await {
            Err(error) if error.cause() == Cause::Unreachable => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    ask().await
}

/// Takes bytes from where the part ends until the connection does.
async fn go_on(
    remote: &Remote,
    path: &str,
    about: &About,
    part: &mut Part,
    progress: &(dyn Fn(PullProgress<'_>) + Sync),
) -> Result<()> {
    let from = part.done;
    let mut stream = remote.stream(path, &about.commit, from..about.bytes).await?;
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|e| remote.failed(path, e))?;
        let bytes = bytes.as_ref();
        if part.done + bytes.len() as u64 > about.bytes {
            // Only a server that ignores where it was asked to begin sends so much.
            part.restart()?;
            return Err(Error::unreachable(format!("the hub sends more of {path} than its {} bytes", about.bytes)));
        }
        part.append(bytes)?;
        progress(PullProgress { file: path, done: part.done, total: about.bytes });
    }
    if part.done < about.bytes {
        let what = format!("the connection to the hub ended after {} of {} bytes of {path}", part.done, about.bytes);
        return Err(Error::unreachable(what).mend("give the same command again: what came so far is kept"));
    }
    Ok(())
}

/// A file that is on its way, and the digest of what is here.
struct Part {
    path: std::path::PathBuf,
    file: File,
    kind: Option<Kind>,
    bytes: u64,
    sum: Option<Sum>,
    done: u64,
}

impl Part {
    /// Takes up what an earlier run left of a file of `bytes` bytes with a digest of `kind`. Nobody else may write to it meanwhile.
    fn open(path: &Path, kind: Option<Kind>, bytes: u64) -> Result<Self> {
        let failed = |e| unusable(path, e);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(failed)?;
        file.try_lock().map_err(|_| {
            Error::order(format!("{} is being fetched by another process", path.display())).mend("wait for it")
        })?;
        let (mut sum, mut done) = (kind.map(|kind| Sum::new(kind, bytes)), 0);
        let mut piece = vec![0; 1 << 18];
        loop {
            match file.read(&mut piece).map_err(failed)? {
                0 => break,
                count => {
                    if let Some(sum) = &mut sum {
                        sum.update(&piece[..count]);
                    }
                    done += count as u64;
                }
            }
        }
        let mut part = Self { path: path.to_owned(), file, kind, bytes, sum, done };
        if part.done > bytes {
            part.restart()?;
        }
        Ok(part)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| unusable(&self.path, e))?;
        if let Some(sum) = &mut self.sum {
            sum.update(bytes);
        }
        self.done += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        let failed = |e| unusable(&self.path, e);
        self.file.set_len(0).map_err(failed)?;
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        (self.sum, self.done) = (self.kind.map(|kind| Sum::new(kind, self.bytes)), 0);
        Ok(())
    }

    /// Gives the file its name in the cache, once its digest is the hub's.
    fn finish(self, name: &str, expected: &str, blob: &Path) -> Result<()> {
        let failed = |e| unusable(&self.path, e);
        let found = self.sum.as_ref().map(Sum::hex);
        if let (Some(kind), Some(found)) = (self.kind, found.filter(|found| found != expected)) {
            // What is wrong somewhere is of no use to the next try.
            fs::remove_file(&self.path).map_err(failed)?;
            let what = format!("{name} came with the {} {found}, the hub says {expected}", kind.name());
            return Err(Error::world(what).mend("fetch it again; it is not kept"));
        }
        self.file.sync_all().map_err(failed)?;
        fs::rename(&self.path, blob).map_err(failed)
    }
}
