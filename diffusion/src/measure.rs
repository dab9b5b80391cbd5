//! Verbs on packs of the Hallo family: compare one with golden tensors, count what it costs.

use std::path::PathBuf;

use shared::{Error, Result};

use crate::{
    find::{AnyPack, Found, find},
    hallo::{self, FlopReport, VerifyOptions, VerifyReport, VerifyRow},
    pack::hallo::{HalloConfig, HalloPack},
};

/// Names under which the sizes of the published release are known without a pack.
const RELEASES: [&str; 2] = ["hallo", "hallo2"];

/// Runs the network of a pack on the inputs of a golden file and compares everything in it; `each` sees every row at once.
///
/// # Errors
/// When pack or file cannot be read, do not belong together, or the pack is of another family.
pub fn verify(
    name_or_dir: &str,
    search: &[PathBuf],
    options: &VerifyOptions,
    each: &mut dyn FnMut(&VerifyRow),
) -> Result<VerifyReport> {
    hallo::verify(&pack(name_or_dir, search)?, options, each)
}

/// Counts the multiply-accumulates of a pack's network for pictures of `size` pixels and clips of `frames` frames; the pack's own
/// where nothing is given. Only its sizes are read. The names `hallo` and `hallo2` stand for the published sizes where there
/// is no such pack.
///
/// # Errors
/// When there is no such pack, or no such network.
pub fn flops(name_or_dir: &str, search: &[PathBuf], size: Option<usize>, frames: Option<usize>) -> Result<FlopReport> {
    let config = match pack(name_or_dir, search) {
        Ok(pack) => pack.config,
        Err(_) if RELEASES.contains(&name_or_dir) => HalloConfig::release(),
        Err(error) => return Err(error),
    };
    hallo::flops(&config, size.unwrap_or(config.picture.size), frames.unwrap_or(config.clip.frames))
}

fn pack(name_or_dir: &str, search: &[PathBuf]) -> Result<HalloPack> {
    match find(name_or_dir, search)? {
        Found::Pack(AnyPack::Hallo(pack)) => Ok(*pack),
        _ => Err(Error::order(format!("the model \"{name_or_dir}\" is not of the Hallo family"))
            .mend("this verb knows Hallo's network only")),
    }
}
