//! `--watch-dir`: the film as far as it is made, in a directory that a player can follow.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use coordinator::watch::{HEAD, PLAYLIST, Watched, fragment_name};
use shared::{
    Error, Result,
    ports::{Job, Progress},
};
use stores::Stores;

/// A directory that a playlist and fragments are written to while a film is rendered.
pub(crate) struct Watching {
    dir: PathBuf,
    written: usize,
    /// Tasks that were done when it was last looked for parts.
    seen: u64,
    ended: bool,
}

impl Watching {
    /// Makes the directory, and takes away the playlist of a film that was watched there before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn begin(dir: &Path) -> Result<Self> {
        let unusable = |e| {
            Error::order(format!("{} cannot be watched in", dir.display()))
                .from_source(e)
                .mend("choose a directory that can be written")
        };
        std::fs::create_dir_all(dir).map_err(unusable)?;
        match std::fs::remove_file(dir.join(PLAYLIST)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(unusable(e)),
            _ => {}
        }
        tempfile::Builder::new().prefix(".emofarm-").tempfile_in(dir).map_err(unusable)?;
        Ok(Self { dir: dir.to_owned(), written: 0, seen: 0, ended: false })
    }

    /// Writes what has come to be there since the last look.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(crate) async fn look(&mut self, stores: &Stores, job: &Job, progress: &Progress) -> Result<()> {
        let ended = job.state != shared::JobState::Running;
        if progress.tasks_done == self.seen && ended == self.ended {
            return Ok(());
        }
        (self.seen, self.ended) = (progress.tasks_done, ended);
        let tasks = stores.ledger.stitched(&job.id).await?;
        let Some(watched) = Watched::of(job, &tasks)? else { return Ok(()) };
        if watched.parts() == 0 || (watched.parts() == self.written && !ended) {
            return Ok(());
        }
        for place in self.written..watched.parts() {
            let file = self.dir.join(".fragment");
            let head = watched.fragment(stores.blobs.as_ref(), place, &file).await?;
            if place == 0 {
                self.put(HEAD, &head)?;
            }
            self.rename(&file, &fragment_name(place))?;
        }
        self.written = watched.parts();
        // Last: whoever reads it finds every fragment that it names.
        self.put(PLAYLIST, watched.playlist("")?.as_bytes())
    }

    /// Writes a file whole, or not at all.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let beside = self.dir.join(format!(".{name}"));
        std::fs::write(&beside, bytes).map_err(|e| self.unwritable(name, e))?;
        self.rename(&beside, name)
    }

    fn rename(&self, from: &Path, name: &str) -> Result<()> {
        std::fs::rename(from, self.dir.join(name)).map_err(|e| self.unwritable(name, e))
    }

    fn unwritable(&self, name: &str, error: std::io::Error) -> Error {
        Error::world(format!("{} cannot be written", self.dir.join(name).display())).from_source(error)
    }
}
