//! The files of a Hallo pack: what each is for, where it comes from, and under which licence.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::{Error, Result};

use super::{
    licences::Licences,
    published::{self, Layout},
};
use crate::pack::{altered, manifest::About, sha256_of};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// `ReferenceNet`, denoiser, Face Locator, image and audio projection.
    Network,
    /// Picture autoencoder.
    Vae,
    /// wav2vec 2.0.
    Speech,
    /// Finds faces and their five key points: SCRFD, or `YuNet` in its place. Optional.
    Detector,
    /// Turns a face into the embedding that the network was trained with: `ArcFace`. Optional.
    FaceEmbedding,
}

impl Role {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 5] = [Self::Network, Self::Vae, Self::Speech, Self::Detector, Self::FaceEmbedding];

    /// In words, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Vae => "picture autoencoder",
            Self::Speech => "speech encoder",
            Self::Detector => "face detector",
            Self::FaceEmbedding => "face embedding",
        }
    }

    /// Whether a pack is of no use without it.
    pub fn is_needed(self) -> bool {
        matches!(self, Self::Network | Self::Vae | Self::Speech)
    }
}

/// A file of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackFile {
    /// What it is for.
    pub role: Role,
    /// Where it lies.
    pub path: PathBuf,
    /// SPDX expression, or a few words where none fits.
    pub licence: String,
    /// Where it comes from.
    pub source: String,
    /// SHA-256; files of a published layout have none.
    pub sha256: Option<String>,
}

impl PackFile {
    /// Compares the file with its checksum, where it has one.
    ///
    /// # Errors
    /// When it cannot be read, or was altered.
    pub fn check(&self) -> Result<()> {
        let Some(sum) = &self.sha256 else { return Ok(()) };
        let found = sha256_of(&self.path)?;
        if sum.eq_ignore_ascii_case(&found) { Ok(()) } else { Err(altered(&self.path, &found, sum)) }
    }
}

/// A file that a release may have: where it lies below `pretrained_models`, and the licence and the origin of what was published
/// under that name.
struct Known {
    role: Role,
    path: &'static str,
    licence: &'static str,
    source: &'static str,
}

impl Known {
    /// A detector of OpenCV's model zoo, put beside the release by hand.
    const fn yunet(path: &'static str) -> Self {
        Self { role: Role::Detector, path, licence: "MIT", source: "opencv/face_detection_yunet" }
    }
}

/// For people only to study with; said by the authors of the face models, whose code is MIT.
pub(crate) const RESEARCH: &str = "LicenseRef-insightface-non-commercial-research";

/// That of Stable Diffusion 1.5, whose sizes the networks have.
pub(crate) const OPENRAIL: &str = "CreativeML-OpenRAIL-M";

/// Files besides the network, those of one role in the order in which they are taken.
const KNOWN: [Known; 8] = [
    Known { role: Role::Vae, path: published::VAE, licence: "MIT", source: "stabilityai/sd-vae-ft-mse" },
    Known { role: Role::Speech, path: published::SPEECH, licence: "Apache-2.0", source: "facebook/wav2vec2-base-960h" },
    Known::yunet("face_analysis/models/yunet.onnx"),
    Known::yunet("face_analysis/models/face_detection_yunet_2023mar.onnx"),
    Known::yunet("yunet.onnx"),
    Known::yunet("face_detection_yunet_2023mar.onnx"),
    Known {
        role: Role::Detector,
        path: "face_analysis/models/scrfd_10g_bnkps.onnx",
        licence: RESEARCH,
        source: "insightface antelopev2",
    },
    Known {
        role: Role::FaceEmbedding,
        path: "face_analysis/models/glintr100.onnx",
        licence: RESEARCH,
        source: "insightface antelopev2",
    },
];

/// The files of a published layout, with the licences that were `recorded` when it was fetched, or else those of what was published
/// under their names. A permissively licensed detector goes before the release's own.
pub(super) fn published(layout: &Layout, recorded: &Licences) -> Vec<PackFile> {
    let release = release(layout.network);
    let network = Known { role: Role::Network, path: layout.network, licence: "MIT", source: release };
    let mut files: Vec<PackFile> = Vec::new();
    for known in std::iter::once(&network).chain(&KNOWN) {
        let path = layout.root.join(known.path);
        let needed = known.role.is_needed();
        if (needed || path.is_file()) && files.iter().all(|file| file.role != known.role) {
            let (licence, source) = recorded.of(known.path).unwrap_or((known.licence, known.source));
            let (licence, source) = (licence.to_owned(), format!("{source}, {}", known.path));
            files.push(PackFile { role: known.role, path, licence, source, sha256: None });
        }
    }
    files
}

/// The name on the hub of the release whose network lies at `network`.
fn release(network: &str) -> &'static str {
    if network == published::NETWORKS[0] { "fudan-generative-ai/hallo2" } else { "fudan-generative-ai/hallo" }
}

/// All licences of a pack's files, and that of the file from which the sizes come, as one SPDX expression.
fn licences(files: &[PackFile], sizes: &str) -> String {
    let mut licences: Vec<&str> = Vec::new();
    for licence in files.iter().map(|file| file.licence.as_str()).chain([sizes]) {
        if !licences.contains(&licence) {
            licences.push(licence);
        }
    }
    licences.join(" AND ")
}

/// What a published layout in `dir` is, for people: it has the name of its directory.
pub(super) fn about(dir: &Path, network: &str, files: &[PackFile], recorded: &Licences) -> About {
    let sizes = recorded.of(published::UNET_CONFIG).map_or(OPENRAIL, |(licence, _)| licence);
    let full = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let named = full.iter().rev().find(|name| *name != "pretrained_models").unwrap_or_default();
    About {
        name: named.to_string_lossy().into_owned(),
        version: "published".into(),
        family: super::FAMILY.into(),
        licence: licences(files, sizes),
        description: format!("Hallo as published ({}): a photograph talks", release(network)),
        created_by: release(network).into(),
    }
}

/// A fault in a list of files, in words.
///
/// # Errors
/// When a role that is needed is missing, one is there twice, or a name leads out of the pack.
pub(super) fn check(manifest: &str, files: &[(Role, &str)]) -> Result<()> {
    let wrong = |what: String| Err(Error::order(format!("{manifest} {what}")).mend("fetch the pack again"));
    for role in Role::ALL {
        match files.iter().filter(|(known, _)| *known == role).count() {
            0 if role.is_needed() => return wrong(format!("names no file for the {}", role.name())),
            0 | 1 => {}
            count => return wrong(format!("names {count} files for the {}", role.name())),
        }
    }
    for (_, name) in files {
        if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
            return Err(Error::order(format!("{manifest} names the file \"{name}\""))
                .mend("files of a pack lie beside its manifest"));
        }
    }
    Ok(())
}
