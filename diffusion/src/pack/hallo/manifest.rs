//! `model.toml` of a Hallo pack.

use std::path::Path;

use serde::{Deserialize, Serialize};
use shared::{Error, Result, digest::sha256};

use super::{
    FAMILY, HalloConfig, HalloPack,
    files::{self, PackFile, Role},
};
use crate::pack::{MANIFEST, MANIFEST_LIMIT, manifest::About, read_text};

/// A whole manifest. Unknown keys are refused, since one that is passed over would change the picture unseen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalloManifest {
    /// Name, origin and licence.
    pub pack: About,
    /// Every size of the networks.
    pub network: HalloConfig,
    /// The files beside the manifest.
    pub files: Vec<FileEntry>,
}

/// A file of the pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name; it lies beside the manifest.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// SPDX expression, or a few words where none fits.
    pub licence: String,
    /// Where it comes from.
    pub source: String,
    /// SHA-256.
    pub sha256: String,
}

impl HalloManifest {
    /// Reads the manifest of the pack in `dir`.
    ///
    /// # Errors
    /// When it is missing or not sound.
    pub(super) fn open(dir: &Path) -> Result<HalloPack> {
        let file = dir.join(MANIFEST);
        let text = read_text(&file, MANIFEST_LIMIT)?;
        let manifest = Self::parse(&text, &file.display().to_string())?;
        let entry = |entry: FileEntry| PackFile {
            role: entry.role,
            path: dir.join(entry.name),
            licence: entry.licence,
            source: entry.source,
            sha256: Some(entry.sha256),
        };
        Ok(HalloPack {
            dir: dir.to_owned(),
            about: manifest.pack,
            config: manifest.network,
            files: manifest.files.into_iter().map(entry).collect(),
            manifest: Some(sha256(text.as_bytes())),
        })
    }

    /// Reads a manifest and checks that its sizes fit one another; `file` is its name for messages.
    ///
    /// # Errors
    /// When it is not TOML, lacks a key, has an unknown one, or describes a network that cannot be built.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text).map_err(|e| {
            Error::order(format!("{file} is not a manifest that this version reads"))
                .from_source(e)
                .mend("fetch the pack again, or one made for this version")
        })?;
        let names: Vec<(Role, &str)> = manifest.files.iter().map(|file| (file.role, file.name.as_str())).collect();
        files::check(file, &names)?;
        let family = manifest.pack.family != FAMILY;
        let fault = family.then(|| format!("pack.family: \"{FAMILY}\" belongs here"));
        let fault = fault.or_else(|| manifest.pack.fault()).or_else(|| manifest.network.fault());
        match fault {
            None => Ok(manifest),
            Some(fault) => {
                Err(Error::order(format!("{file}: {fault}")).mend("correct the manifest or fetch the pack again"))
            }
        }
    }
}
