//! What a render left in its data directory.

use std::{collections::BTreeMap, path::Path};

/// The latents that lie below a directory: task and attempt to the bytes of the latent clip.
///
/// # Panics
/// When a latent clip lies outside of a task's directory.
pub fn attempts(kept: &Path) -> BTreeMap<(String, String), Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in crate::files(kept, "safetensors") {
        if path.file_name().is_some_and(|name| name == "latents.safetensors") {
            // …/blobs/jobs/<job>/<task>/<attempt>/latents.safetensors
            let name = |n| {
                path.ancestors()
                    .nth(n)
                    .and_then(Path::file_name)
                    .expect("a blob lies below its attempt")
                    .to_string_lossy()
                    .into_owned()
            };
            let (task, attempt) = (name(2), name(1));
            // A file may go away between being listed and being read.
            if let Ok(bytes) = std::fs::read(&path) {
                found.insert((task, attempt), bytes);
            }
        }
    }
    found
}

/// The latents of a finished render that was kept: task name to the bytes of its latent clip.
pub fn latents(kept: &Path) -> BTreeMap<String, Vec<u8>> {
    attempts(kept).into_iter().map(|((task, _), bytes)| (task, bytes)).collect()
}
