//! Digests of large files that have none of their own, remembered while the files stay as they are.

use std::{
    collections::BTreeMap,
    fs::Metadata,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use shared::Result;

use crate::pack::{missing, sha256_of};

/// Those of this process: a release has 6 GB, which every order and every start of a worker would read again.
pub(super) static READ: Digests = Digests::new();

/// Most files that are remembered; a pack has five.
const MOST: usize = 64;
/// A file that was written this shortly ago may be written again without its time of change showing it.
const SETTLED: Duration = Duration::from_secs(2);

/// SHA-256 of files by their paths.
pub(super) struct Digests(Mutex<BTreeMap<PathBuf, (State, String)>>);

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    length: u64,
    modified: SystemTime,
}

impl State {
    fn of(metadata: &Metadata) -> std::io::Result<Self> {
        Ok(Self { length: metadata.len(), modified: metadata.modified()? })
    }

    fn is_settled(&self) -> bool {
        SystemTime::now().duration_since(self.modified).is_ok_and(|age| age > SETTLED)
    }
}

impl Digests {
    const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// SHA-256 of the file at `path`, read only when it is not known or its length or time of change is another one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn of(&self, path: &Path) -> Result<String> {
        let state = || std::fs::metadata(path).and_then(|found| State::of(&found)).map_err(|e| missing(path, e));
        let before = state()?;
        if let Some((known, digest)) = self.known().get(path)
            && *known == before
        {
            return Ok(digest.clone());
        }
        let digest = sha256_of(path)?;
        if before.is_settled() && state()? == before {
            let mut known = self.known();
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(path.to_owned(), (before, digest.clone()));
        }
        Ok(digest)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, (State, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::digest::sha256;

    fn write(path: &Path, text: &str, modified: SystemTime) {
        std::fs::write(path, text).unwrap();
        std::fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    }

    #[test]
    fn a_file_is_read_again_only_when_it_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("net.pth");
        let digests = Digests::new();
        let (new, hour) = (SystemTime::now(), Duration::from_hours(1));
        write(&path, "first", new - 2 * hour);
        assert_eq!(digests.of(&path).unwrap(), sha256(b"first"));
        // Neither length nor time tells that it is another one: the file was not read.
        write(&path, "other", new - 2 * hour);
        assert_eq!(digests.of(&path).unwrap(), sha256(b"first"));
        write(&path, "other", new - hour);
        assert_eq!(digests.of(&path).unwrap(), sha256(b"other"));
        write(&path, "longer", new - hour);
        assert_eq!(digests.of(&path).unwrap(), sha256(b"longer"));
        std::fs::remove_file(&path).unwrap();
        assert!(digests.of(&path).unwrap_err().to_string().contains("net.pth"));
    }

    #[test]
    fn a_file_of_just_now_is_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("net.pth");
        let (digests, now) = (Digests::new(), SystemTime::now());
        for text in ["first", "other"] {
            write(&path, text, now);
            assert_eq!(digests.of(&path).unwrap(), sha256(text.as_bytes()));
        }
    }

    #[test]
    fn only_so_many_files_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let (digests, old) = (Digests::new(), SystemTime::now() - Duration::from_hours(1));
        for i in 0..=MOST {
            let path = dir.path().join(i.to_string());
            write(&path, "x", old);
            digests.of(&path).unwrap();
        }
        assert!(digests.known().len() <= MOST);
    }
}
