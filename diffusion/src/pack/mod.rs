//! Model packs: a directory with a manifest `model.toml`, weights and checksums.

pub mod hallo;
mod header;
pub mod manifest;
mod mapped;
pub(crate) mod stored;
#[cfg(test)]
mod tests;
pub(crate) mod weights;

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use shared::{
    Error, Result,
    digest::{Digest, sha256},
};

use manifest::Manifest;
use weights::Weights;

/// Name of the manifest in a pack's directory.
pub const MANIFEST: &str = "model.toml";
/// Name of the weights in a pack's directory.
pub const WEIGHTS: &str = "model.safetensors";

/// Largest manifest that is read; a real one has a few kilobytes.
pub(crate) const MANIFEST_LIMIT: u64 = 1 << 20;

/// A pack whose manifest was read; its weights are read by `Pack::weights`.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Its directory.
    pub dir: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// SHA-256 of the manifest's text, which holds the digests of all other files.
    pub digest: String,
}

impl Pack {
    /// Reads the manifest of the pack in `dir`.
    ///
    /// # Errors
    /// When there is no manifest, or it is not sound.
    pub fn open(dir: &Path) -> Result<Self> {
        let file = dir.join(MANIFEST);
        let name = file.display();
        let text = read_text(&file, MANIFEST_LIMIT)?;
        let manifest = Manifest::parse(&text, &name.to_string())?;
        if !manifest.checksums.contains_key(WEIGHTS) {
            let message = format!("{name} holds no checksum of {WEIGHTS}");
            return Err(Error::order(message).mend("fetch the pack again"));
        }
        Ok(Self { dir: dir.to_owned(), manifest, digest: sha256(text.as_bytes()) })
    }

    /// Checks the file `name` against its checksum.
    ///
    /// # Errors
    /// When it is missing, outside of the pack, or was altered.
    pub fn check(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        let found = sha256_of(&path)?;
        match self.manifest.checksums.get(name) {
            Some(sum) if sum.eq_ignore_ascii_case(&found) => Ok(()),
            Some(sum) => Err(altered(&path, &found, sum)),
            None => Err(Error::order(format!("the manifest holds no checksum of {}", path.display()))),
        }
    }

    /// Opens and checks the weights.
    ///
    /// # Errors
    /// When the file is missing, altered, or not a safetensors file.
    pub(crate) fn weights(&self) -> Result<Weights> {
        // A file cut short would also fail its checksum; the format's own complaint says more.
        let weights = Weights::open(&self.path(WEIGHTS)?)?;
        self.check(WEIGHTS)?;
        Ok(weights)
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
            let manifest = self.dir.join(MANIFEST);
            return Err(Error::order(format!("{} names the file \"{name}\"", manifest.display()))
                .mend("files of a pack lie beside its manifest"));
        }
        Ok(self.dir.join(name))
    }
}

/// The text of a file of at most `limit` bytes.
fn read_text(path: &Path, limit: u64) -> Result<String> {
    let unreadable = |e| {
        Error::order(format!("cannot read {}", path.display()))
            .from_source(e)
            .mend("a model pack is a directory with a model.toml and its weights, or a release as it was published")
    };
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > limit {
        return Err(
            Error::order(format!("{} is longer than {limit} bytes", path.display())).mend("fetch the pack again")
        );
    }
    Ok(text)
}

/// SHA-256 of a file, read in pieces.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn sha256_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| missing(path, e))?;
    let mut digest = Digest::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(|e| missing(path, e))? {
            0 => return Ok(digest.hex()),
            count => digest.update(&buffer[..count]),
        }
    }
}

/// A file that does not agree with its checksum.
fn altered(path: &Path, found: &str, sum: &str) -> Error {
    let what = format!("{} was altered: its SHA-256 is {found}, the manifest says {sum}", path.display());
    Error::order(what).mend("fetch the pack again")
}

fn missing(path: &Path, error: std::io::Error) -> Error {
    Error::order(format!("cannot read {}", path.display())).from_source(error).mend("fetch the pack again")
}
