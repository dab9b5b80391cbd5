//! Where the film goes: checked before the work, filled after it, never half-written.

use std::{
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use shared::{
    Error, Result,
    ports::{BlobKey, Blobs},
};

/// A place for a film that can be written.
#[derive(Debug)]
pub(crate) struct Delivery {
    path: PathBuf,
    overwrite: bool,
}

impl Delivery {
    /// Checks that a film can be put at `path`.
    ///
    /// # Errors
    /// When something is there already and must not be replaced, when it is one of the inputs, or when the directory
    /// cannot be written.
    pub(crate) fn check(path: &Path, overwrite: bool, inputs: &[&Path]) -> Result<Self> {
        if let Some(input) = inputs.iter().find(|input| same_file(input, path)) {
            return Err(Error::order(format!("{} is also an input: the film would replace it", input.display()))
                .mend("give the film another name"));
        }
        if path.is_dir() {
            return Err(
                Error::order(format!("{} is a directory", path.display())).mend("name a file, such as film.mp4")
            );
        }
        if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mp4")) {
            return Err(Error::order(format!("{} does not end in .mp4", path.display()))
                .mend("films are MP4 files: give a name that ends in .mp4"));
        }
        Self::check_any(path, overwrite)
    }

    /// Checks that a file of any kind can be put at `path`.
    ///
    /// # Errors
    /// As [`Delivery::check`].
    pub(crate) fn check_any(path: &Path, overwrite: bool) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::order(format!("{} is a directory", path.display())).mend("name a file in it"));
        }
        let delivery = Self { path: path.to_owned(), overwrite };
        delivery.check_free()?;
        let dir = delivery.dir();
        // Permission bits do not tell the whole story (read-only mounts, quotas): only a file that was made does.
        tempfile::Builder::new().prefix(".emofarm-").tempfile_in(dir).map_err(|e| {
            Error::order(format!("no film can be written into {}", dir.display()))
                .from_source(e)
                .mend("choose a directory that exists and can be written")
        })?;
        Ok(delivery)
    }

    /// Puts the film there, whole: written beside its place, then renamed.
    ///
    /// # Errors
    /// When it cannot be written, or something has come to be there meanwhile.
    pub(crate) async fn put(&self, blobs: &dyn Blobs, film: &BlobKey) -> Result<PathBuf> {
        let failed = |e: std::io::Error| {
            Error::world(format!("the film cannot be written to {}", self.path.display()))
                .from_source(e)
                .mend("make room or choose another place, then give the same command again")
        };
        let beside =
            tempfile::Builder::new().prefix(".emofarm-").suffix(".mp4").tempfile_in(self.dir()).map_err(failed)?;
        // `fetch` replaces the file, so that it has the permissions that the user's umask gives any new file.
        std::fs::remove_file(beside.path()).map_err(failed)?;
        blobs.fetch(film, beside.path()).await.map_err(|e| failed(std::io::Error::other(e.to_string())))?;
        self.check_free()?;
        File::open(beside.path()).and_then(|file| file.sync_all()).map_err(failed)?;
        if self.overwrite {
            beside.persist(&self.path).map_err(|e| failed(e.error))?;
        } else {
            beside.persist_noclobber(&self.path).map_err(|e| failed(e.error))?;
        }
        Ok(self.path.clone())
    }

    /// Where the file goes.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where what has come so far is kept, beside its place; `mark` tells what it is a part of.
    pub(crate) fn partial(&self, mark: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.dir().join(format!(".{name}.{mark}.partial"))
    }

    /// Gives a partial file that is whole its name.
    ///
    /// # Errors
    /// When it cannot be written, or something has come to be there meanwhile; the partial file stays.
    pub(crate) fn keep(&self, partial: &Path) -> Result<()> {
        let failed = |e: std::io::Error| {
            Error::world(format!("{} cannot be written", self.path.display()))
                .from_source(e)
                .mend("choose another place, then give the same command again")
        };
        self.check_free()?;
        File::open(partial).and_then(|file| file.sync_all()).map_err(failed)?;
        if self.overwrite {
            return std::fs::rename(partial, &self.path).map_err(failed);
        }
        // A link fails when something is there, which a rename would replace.
        match std::fs::hard_link(partial, &self.path) {
            Ok(()) => std::fs::remove_file(partial).map_err(failed),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => self.check_free(),
            // Some file systems know no links.
            Err(_) => std::fs::rename(partial, &self.path).map_err(failed),
        }
    }

    fn check_free(&self) -> Result<()> {
        // A link that leads nowhere is something too.
        if self.path.symlink_metadata().is_ok() && !self.overwrite {
            return Err(Error::order(format!("{} exists", self.path.display()))
                .mend("give another name, or --overwrite to replace it"));
        }
        Ok(())
    }

    fn dir(&self) -> &Path {
        match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        }
    }
}

/// Whether two names lead to one file that exists.
fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_file_takes_its_name_only_where_nothing_is() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("film.mp4");
        let delivery = Delivery::check_any(&place, false).unwrap();
        let partial = delivery.partial("job-film");
        std::fs::write(&partial, b"whole").unwrap();
        delivery.keep(&partial).unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"whole");
        assert!(!partial.exists());
        std::fs::write(&partial, b"again").unwrap();
        assert!(delivery.keep(&partial).is_err() && partial.exists());
        Delivery::check_any(&place, true).unwrap().keep(&partial).unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"again");
    }

    #[test]
    fn places_are_checked_before_the_work() {
        let dir = tempfile::tempdir().unwrap();
        let film = dir.path().join("film.mp4");
        assert!(Delivery::check(&film, false, &[]).is_ok());
        std::fs::write(&film, b"old").unwrap();
        let error = Delivery::check(&film, false, &[]).unwrap_err().to_string();
        assert!(error.contains("--overwrite"), "{error}");
        assert!(Delivery::check(&film, true, &[]).is_ok());
        assert!(Delivery::check(&film, true, &[&dir.path().join("./film.mp4")]).is_err(), "an input is not replaced");
        assert!(Delivery::check(dir.path(), true, &[]).is_err());
        assert!(Delivery::check(&dir.path().join("film.avi"), true, &[]).is_err());
        assert!(Delivery::check(&dir.path().join("none/film.mp4"), true, &[]).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "the check leaves nothing behind");
        std::fs::remove_file(&film).unwrap();
        std::os::unix::fs::symlink("nowhere", &film).unwrap();
        assert!(Delivery::check(&film, false, &[]).is_err(), "a dangling link is something");
    }
}
