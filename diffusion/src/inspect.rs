//! What packs there are and what is in one, for people and for `doctor`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Serialize;
use shared::{Result, ports::model::Model as _};

use crate::{
    find::{AnyPack, Found, directories, find},
    hallo,
    pack::{
        Pack, WEIGHTS,
        hallo::{HalloPack, PackFile},
        manifest::About,
        sha256_of,
        weights::Weights,
    },
    pattern::TestPattern,
};

/// One line of the list of packs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackSummary {
    /// Name, as in `--model NAME`.
    pub name: String,
    /// Version of the weights; empty for a pack that cannot be read.
    pub version: String,
    /// SPDX expression; empty for a pack that cannot be read.
    pub licence: String,
    /// One line; empty for a pack that cannot be read.
    pub description: String,
    /// Edge of the picture in pixels; 0 for a pack that cannot be read.
    pub image_size: u32,
    /// Its directory; nothing for a built-in one.
    pub dir: Option<PathBuf>,
    /// Why its manifest cannot be read.
    pub fault: Option<String>,
}

/// Everything that is known of a pack whose files are whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PackReport {
    /// What the list says.
    #[serde(flatten)]
    pub summary: PackSummary,
    /// Which network it is.
    pub family: String,
    /// Program or people that made it.
    pub created_by: String,
    /// SHA-256 of the manifest; of a published layout, of its sizes and files.
    pub digest: String,
    /// Frames denoised together.
    pub clip_frames: u32,
    /// Motion frames handed from clip to clip.
    pub motion_frames: u32,
    /// Channels, height and width of a latent frame.
    pub latent: [usize; 3],
    /// Denoising steps when the order names none.
    pub steps: Option<usize>,
    /// Guidance scale when the order names none.
    pub guidance: Option<f32>,
    /// Parameters in all.
    pub parameters: u64,
    /// Files, all of which agree with their checksums where they have one.
    pub files: Vec<FileReport>,
    /// Parts of the network.
    pub parts: Vec<PartReport>,
    /// Tensors by name.
    pub tensors: Vec<TensorReport>,
}

/// A file of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Name in the pack's directory.
    pub name: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: String,
    /// Whether the pack has a checksum for it, with which it agrees.
    pub compared: bool,
    /// Its licence, where the pack names one for each file.
    pub licence: Option<String>,
    /// What it is for, where the pack says so.
    pub role: Option<&'static str>,
}

/// A part of the network: tensors whose names begin alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartReport {
    /// The first word of the names.
    pub name: String,
    /// Number of tensors.
    pub tensors: usize,
    /// Number of parameters.
    pub parameters: u64,
}

/// A tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorReport {
    /// Name.
    pub name: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub dtype: String,
}

/// The built-in model and the packs in the `search` directories, damaged ones included.
pub fn packs(search: &[PathBuf]) -> Vec<PackSummary> {
    let known = directories(search).map(|dir| match AnyPack::open(&dir) {
        Ok(AnyPack::Emo(pack)) => summary(&pack.manifest.pack, pack.manifest.picture.size, &dir),
        Ok(AnyPack::Hallo(pack)) => summary(&pack.about, pack.config.picture.size, &dir),
        Err(error) => PackSummary {
            name: dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            version: String::new(),
            licence: String::new(),
            description: String::new(),
            image_size: 0,
            dir: Some(dir),
            fault: Some(error.to_string()),
        },
    });
    [built_in()].into_iter().chain(known).collect()
}

/// Reads and checks all files of a pack.
///
/// # Errors
/// When there is no such pack, one of its files is missing or altered, or a tensor does not fit its sizes.
pub fn inspect(name_or_dir: &str, search: &[PathBuf]) -> Result<PackReport> {
    match find(name_or_dir, search)? {
        Found::TestPattern => Ok(pattern_report()),
        Found::Pack(AnyPack::Emo(pack)) => emo_report(&pack),
        Found::Pack(AnyPack::Hallo(pack)) => hallo_report(&pack),
    }
}

fn emo_report(pack: &Pack) -> Result<PackReport> {
    let (tensors, parts) = tensors(&Weights::open(&pack.dir.join(WEIGHTS))?, "");
    let file = |(name, sha256): (&String, &String)| {
        pack.check(name)?;
        let bytes = length(&pack.dir.join(name));
        Ok(FileReport { name: name.clone(), bytes, sha256: sha256.clone(), compared: true, licence: None, role: None })
    };
    let manifest = &pack.manifest;
    let size = manifest.latent_size();
    Ok(PackReport {
        files: manifest.checksums.iter().map(file).collect::<Result<_>>()?,
        family: manifest.pack.family.clone(),
        created_by: manifest.pack.created_by.clone(),
        digest: pack.digest.clone(),
        clip_frames: manifest.temporal.clip_frames as u32,
        motion_frames: manifest.temporal.motion_frames as u32,
        latent: [manifest.vae.latent_channels, size, size],
        steps: Some(manifest.sampler.steps),
        guidance: Some(manifest.sampler.guidance),
        parameters: parts.iter().map(|part| part.parameters).sum(),
        parts,
        tensors,
        summary: summary(&manifest.pack, manifest.picture.size, &pack.dir),
    })
}

fn hallo_report(pack: &HalloPack) -> Result<PackReport> {
    let (mut all, mut parts) = (Vec::new(), Vec::new());
    let (net, vae, speech) = (pack.network()?, pack.vae()?, pack.speech()?);
    hallo::fits(&pack.config, &net, &vae, &speech)?;
    for (weights, part) in [(&net, ""), (&vae, "vae"), (&speech, "wav2vec")] {
        let (tensors, found) = tensors(weights, part);
        all.extend(tensors);
        parts.extend(found);
    }
    let file = |file: &PackFile| {
        file.check()?;
        Ok(FileReport {
            name: file.path.strip_prefix(&pack.dir).unwrap_or(&file.path).display().to_string(),
            bytes: length(&file.path),
            sha256: file.sha256.clone().map_or_else(|| sha256_of(&file.path), Ok)?,
            compared: file.sha256.is_some(),
            licence: Some(file.licence.clone()),
            role: Some(file.role.name()),
        })
    };
    let config = &pack.config;
    let size = config.latent_size();
    Ok(PackReport {
        files: pack.files.iter().map(file).collect::<Result<_>>()?,
        family: pack.about.family.clone(),
        created_by: pack.about.created_by.clone(),
        digest: pack.digest()?,
        clip_frames: config.clip.frames as u32,
        motion_frames: config.clip.motion_frames as u32,
        latent: [config.vae.latent_channels, size, size],
        steps: Some(config.sampler.steps),
        guidance: Some(config.sampler.guidance),
        parameters: parts.iter().map(|part| part.parameters).sum(),
        parts,
        tensors: all,
        summary: summary(&pack.about, config.picture.size, &pack.dir),
    })
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |data| data.len())
}

fn summary(about: &About, size: usize, dir: &Path) -> PackSummary {
    PackSummary {
        name: about.name.clone(),
        version: about.version.clone(),
        licence: about.licence.clone(),
        description: about.description.clone(),
        image_size: size as u32,
        dir: Some(dir.to_owned()),
        fault: None,
    }
}

fn built_in() -> PackSummary {
    PackSummary {
        name: TestPattern::NAME.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        licence: env!("CARGO_PKG_LICENSE").into(),
        description: TestPattern::DESCRIPTION.into(),
        image_size: TestPattern::new().shape().image_size,
        dir: None,
        fault: None,
    }
}

fn pattern_report() -> PackReport {
    let model = TestPattern::new();
    let shape = model.shape();
    PackReport {
        summary: built_in(),
        family: TestPattern::NAME.into(),
        created_by: String::new(),
        digest: model.digest().into(),
        clip_frames: shape.clip_frames,
        motion_frames: shape.motion_frames,
        latent: shape.latent,
        steps: None,
        guidance: None,
        parameters: 0,
        files: Vec::new(),
        parts: Vec::new(),
        tensors: Vec::new(),
    }
}

/// The tensors of a file of weights, and the parts that they form: all of them `part`, or where that is empty, those whose
/// names begin alike. The numbers are not read.
fn tensors(weights: &Weights, part: &str) -> (Vec<TensorReport>, Vec<PartReport>) {
    let mut tensors = Vec::new();
    let mut parts: BTreeMap<String, PartReport> = BTreeMap::new();
    for (name, stored) in weights.stored() {
        let (part, name) = match part {
            "" => (name.split('.').next().unwrap_or_default().to_owned(), name.clone()),
            part => (part.to_owned(), format!("{part}.{name}")),
        };
        let entry = parts.entry(part.clone()).or_insert(PartReport { name: part, tensors: 0, parameters: 0 });
        entry.tensors += 1;
        entry.parameters += stored.count() as u64;
        tensors.push(TensorReport { name, shape: stored.shape.clone(), dtype: format!("{:?}", stored.dtype) });
    }
    (tensors, parts.into_values().collect())
}
