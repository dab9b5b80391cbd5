//! From the cache into the search path.

use std::{
    fs,
    path::{Path, PathBuf},
};

use shared::{Error, Result};

use super::{Release, release::ReleaseFile};
use crate::{import::Scratch, pack::hallo::Licences};

/// Puts the files of a release into the new directory `to`, in the published layout. They are the cache's own files by
/// another name where the disk allows it, so that five gigabytes are kept once and stay when the cache is emptied.
/// Licences and origins are written down beside them, as they are known here and cannot be told from the files later.
pub(super) fn install(release: &Release, files: &[(&ReleaseFile, PathBuf)], to: &Path) -> Result<()> {
    let scratch = Scratch::beside(to)?;
    let mut licences = Licences::default();
    for (file, from) in files {
        let name = file.path;
        licences.note(name, file.licence, &format!("{} from {}", file.author, release.repository));
        let place = scratch.0.join("pretrained_models").join(name);
        let failed = |e: std::io::Error| {
            let what = format!("{name} cannot be put into {}", to.display());
            Error::world(what).from_source(e).mend("look for space on the disk")
        };
        fs::create_dir_all(place.parent().unwrap_or(&scratch.0)).map_err(failed)?;
        // The name in a cache is a link to the file; a link that leads nowhere must not be taken over.
        let file = from.canonicalize().map_err(failed)?;
        if fs::hard_link(&file, &place).is_err() {
            fs::copy(&file, &place).map_err(failed)?;
        }
    }
    licences.write(&scratch.0)?;
    scratch.move_to(to)
}
