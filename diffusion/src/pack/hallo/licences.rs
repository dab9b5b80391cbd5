//! Under which licence each file of a published layout came, written down when it was fetched.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use shared::{Error, Result};

use super::published::Layout;
use crate::pack::{MANIFEST_LIMIT, read_text};

/// Name of the table, which lies beside `pretrained_models`.
const NAME: &str = "licences.toml";

/// Licences by path below `pretrained_models`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Licences(BTreeMap<String, Licence>);

/// The licence of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Licence {
    /// SPDX expression, or a few words where none fits.
    licence: String,
    /// Where the file comes from.
    source: String,
}

impl Licences {
    /// The table of a published layout; an empty one where there is none.
    ///
    /// # Errors
    /// When it cannot be read as one.
    pub(super) fn beside(layout: &Layout) -> Result<Self> {
        let beside = [layout.dir.join(NAME), layout.root.join(NAME)];
        let Some(file) = beside.iter().find(|file| file.is_file()) else { return Ok(Self::default()) };
        toml::from_str(&read_text(file, MANIFEST_LIMIT)?).map_err(|e| {
            let what = format!("{} is no table of licences", file.display());
            Error::order(what)
                .from_source(e)
                .mend("each file has an entry with licence and source; correct or remove it")
        })
    }

    /// Notes the licence and the origin of the file at `path`.
    pub(crate) fn note(&mut self, path: &str, licence: &str, source: &str) {
        self.0.insert(path.to_owned(), Licence { licence: licence.to_owned(), source: source.to_owned() });
    }

    /// Licence and origin of the file at `path`, where they were noted.
    pub(super) fn of(&self, path: &str) -> Option<(&str, &str)> {
        self.0.get(path).map(|file| (file.licence.as_str(), file.source.as_str()))
    }

    /// Writes the table into `dir`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let file = dir.join(NAME);
        let failed = || Error::world(format!("cannot write {}", file.display())).mend("look for space on the disk");
        let text = toml::to_string(self).map_err(|e| failed().from_source(e))?;
        std::fs::write(&file, text).map_err(|e| failed().from_source(e))
    }
}
