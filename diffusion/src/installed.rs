//! The packs that are installed where a process runs, behind the port.

use std::{path::PathBuf, sync::Arc};

use shared::{
    Error, Picture, Result,
    face::FaceSearch,
    job::Settings,
    ports::model::{Model, PackCard, Packs},
};

use crate::{
    emo,
    find::{AnyPack, Found, find, open},
    pattern::TestPattern,
};

/// The packs on a search path. Nothing is kept in memory: whoever loads a pack keeps it as long as it is needed.
#[derive(Clone, Debug)]
pub struct Installed {
    search: Vec<PathBuf>,
}

impl Installed {
    /// The packs in these directories, and the built-in test pattern.
    pub fn new(search: Vec<PathBuf>) -> Self {
        Self { search }
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
            // The sizes of other families are known to their networks alone.
            Found::Pack(_) => Ok(PackCard::of(open(name, &self.search)?.as_ref())),
        }
    }

    fn load(&self, name: &str, digest: &str) -> Result<Arc<dyn Model>> {
        if let Found::Pack(AnyPack::Emo(pack)) = find(name, &self.search)? {
            same(name, digest, &pack.digest)?;
        }
        let model = open(name, &self.search)?;
        same(name, digest, model.digest())?;
        Ok(model)
    }

    fn check(&self, pack: &PackCard, settings: &Settings) -> Result<()> {
        match find(&pack.name, &self.search)? {
            Found::Pack(AnyPack::Emo(found)) => emo::sampling(&found.manifest, settings).map(|_| ()),
            _ => self.load(&pack.name, &pack.digest)?.check(settings),
        }
    }

    fn find_faces(&self, pack: &PackCard, picture: &Picture) -> Result<FaceSearch> {
        match find(&pack.name, &self.search)? {
            Found::Pack(AnyPack::Emo(found)) => emo::faces(&found)?.find(picture),
            _ => self.load(&pack.name, &pack.digest)?.find_faces(picture),
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
    use super::*;
    use shared::error::Cause;

    fn installed() -> Installed {
        Installed::new(vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../models"))])
    }

    #[test]
    fn cards_say_what_the_loaded_pack_says() {
        let packs = installed();
        for name in ["test-pattern", "demo"] {
            let card = packs.card(name).unwrap();
            let model = packs.load(name, &card.digest).unwrap();
            assert_eq!(PackCard::of(model.as_ref()), card, "{name}");
        }
        assert_eq!(packs.card("none").unwrap_err().cause(), Cause::Order);
    }

    #[test]
    fn settings_are_checked_without_weights_as_the_loaded_pack_checks_them() {
        let packs = installed();
        for name in ["test-pattern", "demo"] {
            let card = packs.card(name).unwrap();
            let model = packs.load(name, &card.digest).unwrap();
            for steps in [None, Some(1), Some(1_000_000)] {
                let settings = Settings { steps, ..Settings::default() };
                let (cheap, loaded) = (packs.check(&card, &settings), model.check(&settings));
                assert_eq!(cheap.map_err(|e| e.to_string()), loaded.map_err(|e| e.to_string()), "{name} {steps:?}");
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
