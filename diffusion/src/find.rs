//! Finds packs by name or directory and opens them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use shared::{Error, Result, ports::model::Model};

use crate::{
    device::Device,
    emo::EmoModel,
    hallo::HalloModel,
    pack::{
        MANIFEST, Pack,
        hallo::{self, HalloPack},
        manifest::About,
    },
    pattern::TestPattern,
};

/// Opens the model called `name_or_dir`: the built-in test pattern, a pack in one of the `search` directories
/// (first one first), or the directory of a pack.
///
/// # Errors
/// When there is no such pack, or its files are damaged.
pub fn open(name_or_dir: &str, search: &[PathBuf]) -> Result<Arc<dyn Model>> {
    open_on(name_or_dir, search, Device::Cpu)
}

/// As [`open`], with the network on a device.
///
/// # Errors
/// As [`open`]; when the device has not enough memory for it.
pub fn open_on(name_or_dir: &str, search: &[PathBuf], device: Device) -> Result<Arc<dyn Model>> {
    load(find(name_or_dir, search)?, device)
}

/// Loads the weights of what was found.
pub(crate) fn load(found: Found, device: Device) -> Result<Arc<dyn Model>> {
    match found {
        Found::TestPattern => Ok(Arc::new(TestPattern::new())),
        Found::Pack(AnyPack::Emo(pack)) => Ok(Arc::new(EmoModel::load(*pack, device)?)),
        Found::Pack(AnyPack::Hallo(pack)) => Ok(Arc::new(HalloModel::load(&pack, device)?)),
    }
}

/// What a name stands for.
pub(crate) enum Found {
    /// The built-in model.
    TestPattern,
    /// A pack; its weights are not read yet.
    Pack(AnyPack),
}

/// A pack of either family.
pub(crate) enum AnyPack {
    /// EMO's network.
    Emo(Box<Pack>),
    /// Hallo's network, published or converted.
    Hallo(Box<HalloPack>),
}

impl AnyPack {
    /// Opens the pack in `dir`, of the family that its manifest names; without a manifest it is a published layout.
    ///
    /// # Errors
    /// When there is none, or it is not sound.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let is_hallo = if dir.join(MANIFEST).is_file() { hallo::is_family(dir) } else { HalloPack::is_published(dir) };
        if is_hallo {
            Ok(Self::Hallo(Box::new(HalloPack::open(dir)?)))
        } else {
            Ok(Self::Emo(Box::new(Pack::open(dir)?)))
        }
    }

    /// What it is, for people.
    pub(crate) fn about(&self) -> &About {
        match self {
            Self::Emo(pack) => &pack.manifest.pack,
            Self::Hallo(pack) => &pack.about,
        }
    }
}

/// Looks a name up.
pub(crate) fn find(name_or_dir: &str, search: &[PathBuf]) -> Result<Found> {
    if name_or_dir == TestPattern::NAME {
        return Ok(Found::TestPattern);
    }
    let is_path = Path::new(name_or_dir).components().count() != 1 || name_or_dir.starts_with('.');
    if !is_path {
        if let Some(dir) = directories(search).find(|dir| dir.ends_with(name_or_dir)) {
            return Ok(Found::Pack(AnyPack::open(&dir)?));
        }
        // A directory may have another name than its pack; damaged ones are not in question here.
        let named = |pack: &AnyPack| pack.about().name == name_or_dir;
        if let Some(pack) = directories(search).filter_map(|dir| AnyPack::open(&dir).ok()).find(named) {
            return Ok(Found::Pack(pack));
        }
    }
    let dir = Path::new(name_or_dir);
    if dir.is_dir() {
        return Ok(Found::Pack(AnyPack::open(dir)?));
    }
    let looked: Vec<String> = search.iter().map(|dir| dir.display().to_string()).collect();
    let message = if is_path || looked.is_empty() {
        format!("there is no model pack \"{name_or_dir}\"")
    } else {
        format!("there is no model pack \"{name_or_dir}\" in {}", looked.join(", "))
    };
    Err(Error::order(message).mend("list the packs with \"emofarm model list\", or give the directory of one"))
}

/// Directories with a manifest or a published layout directly below those of `search`, each in order of names.
pub(crate) fn directories(search: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    let below = |dir: &PathBuf| {
        // A search directory that does not exist holds no packs.
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let mut dirs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|dir| is_pack(dir)).collect();
        dirs.sort();
        dirs
    };
    search.iter().flat_map(below)
}

fn is_pack(dir: &Path) -> bool {
    dir.join(MANIFEST).is_file() || HalloPack::is_published(dir)
}
