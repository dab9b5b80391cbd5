//! Packs of the Hallo family: the published layout read as it is, or a pack of our own made from it.

mod config;
mod digests;
mod files;
mod licences;
mod manifest;
pub(crate) mod names;
mod published;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use shared::{Error, Result, digest::Digest};

pub use config::{
    AudioProjection, Branches, Clip, Face, HalloConfig, HalloSampler, HalloUnet, HalloVae, Motion, SpeechWindow,
    Wav2VecConfig,
};
pub(crate) use files::{OPENRAIL, RESEARCH};
pub use files::{PackFile, Role};
pub(crate) use licences::Licences;
pub use manifest::{FileEntry, HalloManifest};

use super::{MANIFEST, MANIFEST_LIMIT, manifest::About, read_text, weights::Weights};
use published::Layout;

/// What the manifest of such a pack calls its family.
pub const FAMILY: &str = "hallo";

/// Whether the manifest in `dir` names this family. One that cannot be read names none; whoever opens it says why.
pub(crate) fn is_family(dir: &Path) -> bool {
    #[derive(serde::Deserialize)]
    struct Named {
        pack: Family,
    }
    #[derive(serde::Deserialize)]
    struct Family {
        family: String,
    }
    let text = read_text(&dir.join(MANIFEST), MANIFEST_LIMIT).unwrap_or_default();
    toml::from_str::<Named>(&text).is_ok_and(|named| named.pack.family == FAMILY)
}

/// A pack of the Hallo family whose sizes are known; its weights are not read yet.
#[derive(Clone, Debug)]
pub struct HalloPack {
    /// Its directory.
    pub dir: PathBuf,
    /// What it is, for people.
    pub about: About,
    /// Every size of its networks.
    pub config: HalloConfig,
    /// Its files, one for each role at most.
    pub files: Vec<PackFile>,
    /// SHA-256 of the manifest; a published layout has none.
    manifest: Option<String>,
}

impl HalloPack {
    /// Reads the sizes of the pack in `dir`: its manifest, or else the configuration files of a published layout.
    ///
    /// # Errors
    /// When there is neither, or it is not sound.
    pub fn open(dir: &Path) -> Result<Self> {
        if dir.join(MANIFEST).is_file() {
            return HalloManifest::open(dir);
        }
        let layout = Layout::find(dir).ok_or_else(|| {
            let [newer, older] = published::NETWORKS;
            let what = format!("{} holds neither {MANIFEST} nor {newer} nor {older}", dir.display());
            Error::order(what)
                .mend("give the directory of a model pack, or one that holds a release's pretrained_models")
        })?;
        let config = layout.config()?;
        if let Some(fault) = config.fault() {
            let what = format!("the published network in {} cannot be built: {fault}", dir.display());
            return Err(Error::order(what).mend("use the files of the published release"));
        }
        let recorded = Licences::beside(&layout)?;
        let files = files::published(&layout, &recorded);
        Ok(Self {
            dir: dir.to_owned(),
            about: files::about(dir, layout.network, &files, &recorded),
            config,
            files,
            manifest: None,
        })
    }

    /// Whether `dir` holds a published layout.
    pub(crate) fn is_published(dir: &Path) -> bool {
        Layout::find(dir).is_some()
    }

    /// SHA-256 of the manifest, which holds the digests of all files; of a published layout, whose files have none, of its
    /// sizes and of every file, which are all read for it, once in a process unless they change.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn digest(&self) -> Result<String> {
        if let Some(digest) = &self.manifest {
            return Ok(digest.clone());
        }
        let sizes =
            serde_json::to_vec(&self.config).map_err(|e| Error::world("sizes cannot be written").from_source(e))?;
        let mut digest = Digest::new();
        digest.update(&sizes);
        for file in &self.files {
            digest.update(format!("{} {}\n", digests::READ.of(&file.path)?, file.role.name()).as_bytes());
        }
        Ok(digest.hex())
    }

    /// Whether it has a manifest of its own.
    pub fn is_converted(&self) -> bool {
        self.manifest.is_some()
    }

    /// The file in `role`, where the pack has one.
    pub fn file(&self, role: Role) -> Option<&PackFile> {
        self.files.iter().find(|file| file.role == role)
    }

    /// The file in `role`, which the pack must have.
    ///
    /// # Errors
    /// When it has none.
    pub fn need(&self, role: Role) -> Result<&PackFile> {
        self.file(role).ok_or_else(|| {
            let what = format!("the model pack {} holds no {}", self.dir.display(), role.name());
            Error::order(what).mend("fetch the pack again")
        })
    }

    /// `ReferenceNet`, denoiser, Face Locator and both projections, under their published names; tensors that the release
    /// never reads are left out once they are known to be those of the release.
    ///
    /// # Errors
    /// When the file is missing, damaged, altered, or holds anything but tensors.
    pub(crate) fn network(&self) -> Result<Weights> {
        let weights = self.weights(Role::Network, |name| names::network(&self.config, name))?;
        weights.passed_over(&crate::hallo::dead(&self.config)?)?;
        Ok(weights)
    }

    /// The picture autoencoder, under the names that the library for it uses today.
    ///
    /// # Errors
    /// See [`Self::network`].
    pub(crate) fn vae(&self) -> Result<Weights> {
        self.weights(Role::Vae, |name| Some(names::vae(name)))
    }

    /// The speech encoder, under the names of the bare encoder.
    ///
    /// # Errors
    /// See [`Self::network`].
    pub(crate) fn speech(&self) -> Result<Weights> {
        self.weights(Role::Speech, names::speech)
    }

    fn weights(&self, role: Role, rename: impl Fn(&str) -> Option<String>) -> Result<Weights> {
        let file = self.need(role)?;
        // The format's own complaint about a damaged file says more than its checksum.
        let weights = Weights::open_as(&file.path, rename)?;
        file.check()?;
        Ok(weights)
    }
}
