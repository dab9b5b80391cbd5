//! Where blobs grow before they appear: one directory for each opening of a store, removed when its owner is gone.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempDir};

/// Name of the directory inside a store that holds unfinished files; blob keys cannot begin with a dot.
pub(super) const UNFINISHED: &str = ".unfinished";

/// A directory for unfinished files that no other process touches while this one lives.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: TempDir,
    // The lock ends with the process, however that ends; without it the directory counts as abandoned.
    _lock: File,
}

impl Scratch {
    /// Makes a directory under `root` and removes those that killed processes left behind.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let all = root.join(UNFINISHED);
        fs::create_dir_all(&all)?;
        // Held while directories are made and removed, so that nobody removes one that is not locked yet.
        let door = File::create(all.join("door"))?;
        door.lock()?;
        remove_abandoned(&all)?;
        let dir = tempfile::Builder::new().prefix("run-").tempdir_in(&all)?;
        let lock = File::create(lock_of(dir.path()))?;
        lock.lock()?;
        Ok(Self { dir, _lock: lock })
    }

    /// A new unfinished file; it is removed unless it becomes a blob.
    pub(super) fn file(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().prefix("blob-").tempfile_in(self.dir.path())
    }
}

fn lock_of(dir: &Path) -> PathBuf {
    dir.join("lock")
}

fn remove_abandoned(all: &Path) -> io::Result<()> {
    for entry in fs::read_dir(all)? {
        let dir = entry?.path();
        if !dir.is_dir() {
            continue;
        }
        let abandoned = match File::open(lock_of(&dir)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // Its owner died between making the directory and the lock; the door is ours, so nobody is doing that now.
            Err(e) => e.kind() == io::ErrorKind::NotFound,
        };
        if abandoned {
            fs::remove_dir_all(&dir)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(root: &Path) -> usize {
        fs::read_dir(root.join(UNFINISHED)).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir()).count()
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_the_living_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let living = Scratch::open(root.path()).unwrap();
        let file = living.file().unwrap();
        let dead = root.path().join(UNFINISHED).join("run-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("blob-half"), "half").unwrap();
        fs::write(lock_of(&dead), "").unwrap();
        fs::create_dir(root.path().join(UNFINISHED).join("run-unborn")).unwrap();
        assert_eq!(runs(root.path()), 3);
        let other = Scratch::open(root.path()).unwrap();
        assert_eq!(runs(root.path()), 2);
        assert!(file.path().is_file());
        drop(other);
        assert_eq!(runs(root.path()), 1);
    }
}
