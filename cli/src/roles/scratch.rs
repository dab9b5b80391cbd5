//! Directories for files in the making: one for each worker, one for each coordinator, gone with it, also when it was killed.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use shared::{Error, Result};

/// A directory of one owner alone.
pub(super) struct Scratch {
    dir: PathBuf,
    lock: PathBuf,
    // Held while the process lives, however it ends: a directory whose lock is free belongs to nobody any more.
    _held: File,
}

impl Scratch {
    /// Makes the directory of the owner called `id` below `root`, and removes those whose owners are gone.
    ///
    /// # Errors
    /// Names the directory that cannot be made.
    pub(super) fn new(root: &Path, id: &str) -> Result<Self> {
        let (dir, lock) = (root.join(id), root.join(format!("{id}.lock")));
        let make = || {
            std::fs::create_dir_all(root)?;
            clear(root);
            // It gets its name when it is held: an owner that starts meanwhile would take a free one for a dead one's.
            let unnamed = root.join(format!("{id}.new"));
            let held = File::create(&unnamed)?;
            held.lock()?;
            std::fs::rename(&unnamed, &lock)?;
            std::fs::create_dir_all(&dir)?;
            Ok(held)
        };
        let held = make().map_err(|e: std::io::Error| {
            Error::order(format!("no work in progress can be kept in {}", root.display()))
                .from_source(e)
                .mend("choose another place with the setting data_dir")
        })?;
        Ok(Self { dir, lock, _held: held })
    }

    /// The directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
        let _ = std::fs::remove_file(&self.lock);
    }
}

/// Removes what killed owners left; what cannot be removed now is left for the next one.
fn clear(root: &Path) {
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let lock = entry.path();
        if lock.extension().is_some_and(|extension| extension == "lock")
            && File::open(&lock).is_ok_and(|file| file.try_lock().is_ok())
        {
            let _ = std::fs::remove_dir_all(lock.with_extension(""));
            let _ = std::fs::remove_file(lock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_go_with_their_workers_and_those_of_killed_ones_with_the_next() {
        let root = tempfile::tempdir().unwrap();
        let one = Scratch::new(root.path(), "one").unwrap();
        std::fs::create_dir(root.path().join("killed")).unwrap();
        std::fs::write(root.path().join("killed.lock"), "").unwrap();
        let two = Scratch::new(root.path(), "two").unwrap();
        assert!(one.dir().is_dir() && two.dir().is_dir(), "whoever lives keeps its directory");
        assert!(!root.path().join("killed").exists() && !root.path().join("killed.lock").exists());
        drop((one, two));
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
