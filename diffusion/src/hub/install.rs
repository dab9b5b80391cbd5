//! From the cache into the search path.

use std::{fs, path::Path};

use shared::{Error, Result};

use crate::import::Scratch;

/// Puts the files of a release into the new directory `to`, in the published layout. They are the cache's own files by
/// another name where the disk allows it, so that five gigabytes are kept once and stay when the cache is emptied.
pub(super) fn install(files: &[(&str, std::path::PathBuf)], to: &Path) -> Result<()> {
    let scratch = Scratch::beside(to)?;
    for (name, from) in files {
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
    scratch.move_to(to)
}
