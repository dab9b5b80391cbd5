//! The packs that are installed where a process runs, behind the port.

use std::{path::PathBuf, sync::Arc};

use shared::{
    Error, Picture, Result,
    effort::Spent,
    face::FaceSearch,
    job::Settings,
    ports::model::{Model, PackCard, Packs},
};

use crate::{
    device::Device,
    emo,
    find::{AnyPack, Found, find, load},
    hallo,
    pattern::TestPattern,
};

/// The packs on a search path. Nothing is kept in memory: whoever loads a pack keeps it as long as it is needed.
#[derive(Clone, Debug)]
pub struct Installed {
    search: Vec<PathBuf>,
    device: Device,
}

impl Installed {
    /// The packs in these directories, and the built-in test pattern.
    pub fn new(search: Vec<PathBuf>) -> Self {
        Self { search, device: Device::Cpu }
    }

    /// The same packs, whose networks are computed on `device`.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        Self { device, ..self }
    }
}

impl Packs for Installed {
    fn card(&self, name: &str) -> Result<PackCard> {
        match find(name, &self.search)? {
            Found::TestPattern => Ok(PackCard::of(&TestPattern::new())),
            Found::Pack(AnyPack::Emo(pack)) => Ok(PackCard {
                name: pack.manifest.pack.name.clone(),
                digest: pack.digest.clone(),
                shape: emo::shape(&pack.manifest),
            }),
            Found::Pack(AnyPack::Hallo(pack)) => hallo::card(&pack),
        }
    }

    fn load(&self, name: &str, digest: &str) -> Result<Arc<dyn Model>> {
        let found = find(name, &self.search)?;
        let installed = match &found {
            Found::TestPattern => TestPattern::new().digest().to_owned(),
            Found::Pack(AnyPack::Emo(pack)) => pack.digest.clone(),
            Found::Pack(AnyPack::Hallo(pack)) => pack.digest()?,
        };
        same(name, digest, &installed)?;
        load(found, self.device)
    }

    fn check(&self, pack: &PackCard, settings: &Settings) -> Result<()> {
        match find(&pack.name, &self.search)? {
            Found::TestPattern => TestPattern::new().check(settings),
            Found::Pack(AnyPack::Emo(found)) => emo::sampling(&found.manifest, settings).map(drop),
            Found::Pack(AnyPack::Hallo(found)) => hallo::manner(&found.about.name, &found.config, settings).map(drop),
        }
    }

    fn effort(&self, pack: &PackCard, settings: &Settings) -> Result<Option<Spent>> {
        match find(&pack.name, &self.search)? {
            Found::TestPattern => TestPattern::new().effort(settings),
            Found::Pack(AnyPack::Emo(found)) => {
                emo::sampling(&found.manifest, settings).map(|sampling| Some(sampling.spent()))
            }
            Found::Pack(AnyPack::Hallo(found)) => {
                let manner = hallo::manner(&found.about.name, &found.config, settings)?;
                Ok(Some(manner.sampling.spent()))
            }
        }
    }

    fn find_faces(&self, pack: &PackCard, picture: &Picture) -> Result<FaceSearch> {
        match find(&pack.name, &self.search)? {
            Found::TestPattern => TestPattern::new().find_faces(picture),
            Found::Pack(AnyPack::Emo(found)) => emo::faces(&found)?.find(picture),
            Found::Pack(AnyPack::Hallo(found)) => hallo::faces(&found)?.find(picture),
        }
    }
}

/// Whether the pack that was ordered is the one that is installed.
fn same(name: &str, ordered: &str, installed: &str) -> Result<()> {
    if ordered == installed {
        return Ok(());
    }
    let (ordered, installed) = (short(ordered), short(installed));
    Err(Error::world(format!(
        "the job was ordered with version {ordered} of the pack {name}, and version {installed} is installed here"
    ))
    .mend("install the same version of the pack on every machine of the farm, or order the film again"))
}

/// As much of a digest as people compare.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use shared::{effort::Level, error::Cause};

    /// A pack of each family: `demo` is EMO's, `hallo-tiny` is Hallo's in the published layout.
    const NAMES: [&str; 3] = ["test-pattern", "demo", "hallo-tiny"];

    fn installed() -> Installed {
        let dirs = ["/../models", "/tests/data"];
        Installed::new(dirs.map(|dir| PathBuf::from(format!("{}{dir}", env!("CARGO_MANIFEST_DIR")))).to_vec())
    }

    #[test]
    fn cards_say_what_the_loaded_pack_says() {
        let packs = installed();
        for name in NAMES {
            let card = packs.card(name).unwrap();
            let model = packs.load(name, &card.digest).unwrap();
            assert_eq!(PackCard::of(model.as_ref()), card, "{name}");
        }
        assert_eq!(packs.card("none").unwrap_err().cause(), Cause::Order);
    }

    #[test]
    fn settings_are_checked_without_weights_as_the_loaded_pack_checks_them() {
        let packs = installed();
        let pose = |weight| Settings { pose_weight: Some(weight), ..Settings::default() };
        let steps = |steps| Settings { steps, ..Settings::default() };
        for name in NAMES {
            let card = packs.card(name).unwrap();
            let model = packs.load(name, &card.digest).unwrap();
            for settings in [steps(None), steps(Some(1)), steps(Some(1_000_000)), pose(0.5), pose(-1.0)] {
                let (cheap, loaded) = (packs.check(&card, &settings), model.check(&settings));
                assert_eq!(cheap.map_err(|e| e.to_string()), loaded.map_err(|e| e.to_string()), "{name} {settings:?}");
            }
            for quality in Level::ALL.into_iter().map(Some).chain([None]) {
                let settings = Settings { quality, ..Settings::default() };
                let spent = packs.effort(&card, &settings).unwrap();
                assert_eq!(spent, model.effort(&settings).unwrap(), "{name} {quality:?}");
                assert_eq!(spent.is_none(), name == "test-pattern");
            }
        }
    }

    #[test]
    fn an_order_is_accepted_without_the_weights() {
        // The same packs, whose weights nobody could load.
        let (dir, whole) = (tempfile::tempdir().unwrap(), installed());
        let broken = Installed::new(vec![dir.path().to_owned()]);
        for (name, from, weights) in [
            ("demo", "/../models/demo", "model.safetensors"),
            ("hallo-tiny", "/tests/data/hallo-tiny", "pretrained_models/hallo/net.pth"),
        ] {
            let (from, to) = (format!("{}{from}", env!("CARGO_MANIFEST_DIR")), dir.path().join(name));
            copy(Path::new(&from), &to);
            std::fs::write(to.join(weights), "no weights").unwrap();
            let card = broken.card(name).unwrap();
            assert_eq!(card.shape, whole.card(name).unwrap().shape, "{name}");
            broken.check(&card, &Settings::default()).unwrap();
            let edge = card.shape.image_size;
            let picture = Picture::new(edge, edge, vec![90; 3 * (edge * edge) as usize]).unwrap();
            assert_eq!(
                format!("{:?}", broken.find_faces(&card, &picture).unwrap()),
                format!("{:?}", whole.find_faces(&whole.card(name).unwrap(), &picture).unwrap()),
                "{name}"
            );
            assert!(broken.load(name, &card.digest).is_err(), "{name}");
        }
    }

    /// A copy of a directory and all below it.
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), &to).unwrap();
            }
        }
    }

    #[test]
    fn another_version_of_a_pack_is_refused_without_reading_it() {
        let packs = installed();
        let card = packs.card("demo").unwrap();
        let error = packs.load("demo", &"0".repeat(64)).err().unwrap();
        assert_eq!(error.cause(), Cause::World, "another worker may have it");
        assert!(
            error.to_string().contains("000000000000") && error.to_string().contains(short(&card.digest)),
            "{error}"
        );
    }
}
