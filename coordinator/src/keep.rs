//! Inputs become blobs, byte for byte those that the order names.

use std::path::{Path, PathBuf};

use shared::{
    Error, Result,
    job::Input,
    ports::{BlobKey, Blobs, Put},
};

use crate::inputs;

/// Keeps `file` as the blob `key` when it still is what `input` says.
///
/// A blob is written once, so it is made of a copy that was checked: a file that changes meanwhile never reaches the store.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) naming the file when it is no longer the one that was ordered, or when
/// the store holds something else under this key; in that case the job's inputs are removed from the store.
pub(crate) async fn keep(blobs: &dyn Blobs, key: &BlobKey, file: &Path, input: &Input) -> Result<()> {
    let dir = tempfile::tempdir().map_err(|e| {
        Error::world("no directory for temporary files can be made")
            .from_source(e)
            .mend("free space there, or set TMPDIR to another directory")
    })?;
    let copy = dir.path().join(key.name());
    let sha256 = digest(file.to_owned(), Some(copy.clone())).await?;
    if sha256 != input.sha256 {
        return Err(
            Error::order(format!("{} changed while it was read", file.display())).mend("give the command again")
        );
    }
    if blobs.put_file(key, &copy).await? == Put::AlreadyThere {
        blobs.fetch(key, &copy).await?;
        if digest(copy, None).await? != input.sha256 {
            let inputs = key.as_str().strip_suffix(key.name()).unwrap_or(key.as_str());
            blobs.remove(inputs).await?;
            let message = format!("the store kept other bytes than those of {}; they are removed", file.display());
            return Err(Error::order(message).mend("give the command again"));
        }
    }
    Ok(())
}

/// The SHA-256 of `file`, copied to `to` on the way. Files block; the async runtime must not.
async fn digest(file: PathBuf, to: Option<PathBuf>) -> Result<String> {
    let work = move || match to {
        Some(to) => inputs::copy(&file, &to),
        None => inputs::sha256_of(&file),
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::world("work on an input broke").from_source(e))?
}
