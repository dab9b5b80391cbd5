//! The cache that all tools of the hub share (<https://huggingface.co/docs/huggingface_hub/guides/manage-cache>): blobs by
//! digest, and for each commit the names that point to them.

use std::path::{Path, PathBuf};

use shared::{Error, Result};

use super::remote::Remote;

/// The cache of one repository.
pub(super) struct Cache {
    dir: PathBuf,
}

impl Cache {
    pub(super) fn new(remote: &Remote) -> Self {
        let folder = format!("models--{}", remote.repository.repo_path().replace('/', "--"));
        Self { dir: remote.client.cache_dir().join(folder) }
    }

    /// The file `path` if it is there; nothing is asked of the hub.
    pub(super) async fn file(&self, remote: &Remote, path: &str) -> Result<Option<PathBuf>> {
        let request = remote.repository.download_file().filename(path).local_files_only(true);
        match request.send().await {
            Ok(file) => Ok(Some(file)),
            Err(hf_hub::HFError::LocalEntryNotFound { .. }) => Ok(None),
            Err(error) => Err(remote.failed(path, error)),
        }
    }

    /// Where a blob lies, and where it lies while it is not complete.
    pub(super) fn blob(&self, etag: &str) -> Result<[PathBuf; 2]> {
        let dir = self.dir.join("blobs");
        std::fs::create_dir_all(&dir).map_err(|e| unusable(&dir, e))?;
        Ok([dir.join(etag), dir.join(format!("{etag}.incomplete"))])
    }

    /// Points `path` of a commit to its blob, and `main` to the commit, as the hub's own tools do.
    pub(super) fn point(&self, path: &str, commit: &str, etag: &str) -> Result<PathBuf> {
        let pointer = self.dir.join("snapshots").join(commit).join(path);
        let parent = pointer.parent().unwrap_or(&self.dir);
        std::fs::create_dir_all(parent).map_err(|e| unusable(parent, e))?;
        let up = "../".repeat(2 + path.split('/').count() - 1);
        let _ = std::fs::remove_file(&pointer);
        let target = PathBuf::from(format!("{up}blobs/{etag}"));
        std::os::unix::fs::symlink(&target, &pointer).map_err(|e| unusable(&pointer, e))?;
        let refs = self.dir.join("refs");
        std::fs::create_dir_all(&refs).map_err(|e| unusable(&refs, e))?;
        std::fs::write(refs.join("main"), commit).map_err(|e| unusable(&refs, e))?;
        Ok(pointer)
    }
}

pub(super) fn unusable(path: &Path, error: std::io::Error) -> Error {
    Error::world(format!("the hub's cache cannot be used: {}", path.display()))
        .from_source(error)
        .mend("look for space on the disk, or set HF_HOME to another place")
}
