//! What packs there are and what is in one, for people and for `doctor`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use safetensors::tensor::Metadata;
use serde::Serialize;
use shared::{Error, Result, ports::model::Model as _};

use crate::{
    find::{Found, directories, find},
    pack::{Pack, WEIGHTS},
    pattern::TestPattern,
};

/// Largest header of a weights file that is read.
const HEADER_LIMIT: u64 = 100 << 20;

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
    /// SHA-256 of the manifest.
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
    /// Files, all of which agree with their checksums.
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
    /// SHA-256, checked.
    pub sha256: String,
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
    let known = directories(search).map(|dir| match Pack::open(&dir) {
        Ok(pack) => summary(&pack),
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
/// When there is no such pack, or one of its files is missing or altered.
pub fn inspect(name_or_dir: &str, search: &[PathBuf]) -> Result<PackReport> {
    let Found::Pack(pack) = find(name_or_dir, search)? else { return Ok(pattern_report()) };
    let (tensors, parts) = tensors(&pack.dir.join(WEIGHTS))?;
    let file = |(name, sha256): (&String, &String)| {
        pack.check(name)?;
        let bytes = std::fs::metadata(pack.dir.join(name)).map_or(0, |data| data.len());
        Ok(FileReport { name: name.clone(), bytes, sha256: sha256.clone() })
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
        summary: summary(&pack),
    })
}

fn summary(pack: &Pack) -> PackSummary {
    let about = &pack.manifest.pack;
    PackSummary {
        name: about.name.clone(),
        version: about.version.clone(),
        licence: about.licence.clone(),
        description: about.description.clone(),
        image_size: pack.manifest.picture.size as u32,
        dir: Some(pack.dir.clone()),
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

/// The tensors in the header of a weights file, and the parts that they form; the numbers are not read.
fn tensors(file: &Path) -> Result<(Vec<TensorReport>, Vec<PartReport>)> {
    let name = file.display();
    let unreadable =
        |e: std::io::Error| Error::order(format!("cannot read {name}")).from_source(e).mend("fetch the pack again");
    let damaged = || Error::order(format!("{name} is not a safetensors file")).mend("fetch the pack again");
    let mut reader = File::open(file).map_err(unreadable)?;
    let mut length = [0; 8];
    reader.read_exact(&mut length).map_err(unreadable)?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_LIMIT {
        return Err(damaged());
    }
    let mut header = Vec::new();
    reader.take(length).read_to_end(&mut header).map_err(unreadable)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| damaged().from_source(e))?;
    let mut tensors = Vec::new();
    let mut parts: BTreeMap<String, PartReport> = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let part = name.split('.').next().unwrap_or_default().to_owned();
        let entry = parts.entry(part.clone()).or_insert(PartReport { name: part, tensors: 0, parameters: 0 });
        entry.tensors += 1;
        entry.parameters += info.shape.iter().map(|extent| *extent as u64).product::<u64>();
        tensors.push(TensorReport { name, shape: info.shape.clone(), dtype: format!("{:?}", info.dtype) });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((tensors, parts.into_values().collect()))
}
