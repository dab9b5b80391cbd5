//! What the tests of the whole house share: the workspace, the binary, and input files made on the spot.

use std::path::{Path, PathBuf};

pub mod binary;
pub mod farm;
pub mod hub;
pub mod inputs;
pub mod kept;

/// The root of the checkout.
///
/// # Panics
/// Never: this crate lies one level below the root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate lies inside the workspace")
}

/// Copies a directory with everything in it.
///
/// # Panics
/// When a file cannot be copied.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the directory can be made");
    for entry in std::fs::read_dir(from).expect("the directory can be read").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("the file can be copied");
        }
    }
}

/// All files below `dir` that end in `extension`, sorted; build output and hidden directories left out. What goes away
/// while it is looked at (the work of a running render) counts as not there.
pub fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || matches!(name, "target" | "node_modules" | "__pycache__" | "runs") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}
