//! Every part of the network against what `PyTorch` makes of the same weights and inputs (`export.py` beside this file).
//!
//! `cargo nextest run -p diffusion parity --no-capture` prints a table of relative errors.

pub(crate) mod fixtures;
mod layers;
mod speech;
mod whole;

use std::path::{Path, PathBuf};

use fixtures::Fixtures;

/// The published Hallo network at toy width; its README says what is in it.
pub(crate) fn hallo_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hallo-tiny")
}

/// A golden tensor that no test compares would be a part of the network that nobody checks.
#[test]
fn every_golden_tensor_is_compared() {
    let sources = [include_str!("layers.rs"), include_str!("speech.rs"), include_str!("whole.rs")].concat();
    for name in Fixtures::load().golden().filter(|name| !name.starts_with("reference.")) {
        assert!(sources.contains(&format!("(\"{name}\", ")), "{name}");
    }
}
