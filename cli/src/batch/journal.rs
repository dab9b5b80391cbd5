//! What a batch has done so far, beside its file: so that the same command goes on where another run of it stopped.

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use shared::{Error, JobId, Result};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Entry {
    /// The row's mark.
    pub(super) mark: String,
    /// The job that was made of it.
    pub(super) job: JobId,
    /// Whether its film was delivered.
    pub(super) delivered: bool,
}

/// The journal of one batch file, held by this process alone.
pub(super) struct Journal {
    path: PathBuf,
    known: Mutex<HashMap<String, Entry>>,
    file: File,
}

impl Journal {
    /// Opens the journal of `batch`, making it when it is new.
    ///
    /// # Errors
    /// When another process works on the same batch, or the journal cannot be written.
    pub(super) fn open(batch: &Path) -> Result<Self> {
        let name = batch.file_name().unwrap_or_default().to_string_lossy();
        let path = batch.with_file_name(format!(".{name}.journal"));
        let unusable = |e: std::io::Error| {
            Error::order(format!("the journal {} cannot be kept", path.display()))
                .from_source(e)
                .mend("put the batch file into a directory that can be written")
        };
        let file = File::options().create(true).append(true).open(&path).map_err(unusable)?;
        file.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => {
                Error::order(format!("{} is being worked on already", batch.display())).mend("wait for the other run")
            }
            TryLockError::Error(e) => unusable(e),
        })?;
        let text = std::fs::read(&path).map_err(unusable)?;
        // A line that a power cut left half-written says nothing; the row's job is found again by its key.
        let entries = String::from_utf8_lossy(&text);
        let entries = entries.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok());
        let known = entries.map(|entry| (entry.mark.clone(), entry)).collect();
        let journal = Self { path, known: Mutex::new(known), file };
        if !text.is_empty() && !text.ends_with(b"\n") {
            journal.append("\n")?;
        }
        Ok(journal)
    }

    /// What is known of the row with this mark.
    pub(super) fn known(&self, mark: &str) -> Option<Entry> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(mark).cloned()
    }

    /// Keeps what became of a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&self, entry: Entry) -> Result<()> {
        let line = serde_json::to_string(&entry).map_err(|e| Error::world("the journal").from_source(e))?;
        self.append(&format!("{line}\n"))?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.mark.clone(), entry);
        Ok(())
    }

    /// One write for each line: the file is opened for appending, so lines of several threads never mix.
    fn append(&self, line: &str) -> Result<()> {
        (&self.file).write_all(line.as_bytes()).map_err(|e| {
            Error::world(format!("the journal {} cannot be written", self.path.display()))
                .from_source(e)
                .mend("make room, then give the same command again")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_again_and_survives_a_cut_line() {
        let dir = tempfile::tempdir().unwrap();
        let batch = dir.path().join("dailies.csv");
        let entry =
            |mark: &str, delivered| Entry { mark: mark.into(), job: "0".repeat(32).parse().unwrap(), delivered };
        let journal = Journal::open(&batch).unwrap();
        assert!(Journal::open(&batch).is_err(), "two runs at once");
        journal.keep(entry("a", false)).unwrap();
        journal.keep(entry("a", true)).unwrap();
        journal.keep(entry("b", false)).unwrap();
        let path = journal.path.clone();
        drop(journal);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 5]).unwrap();
        let journal = Journal::open(&batch).unwrap();
        assert_eq!(journal.known("a"), Some(entry("a", true)));
        assert_eq!(journal.known("b"), None, "its line was cut");
        journal.keep(entry("b", true)).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&batch).unwrap().known("b"), Some(entry("b", true)));
    }
}
