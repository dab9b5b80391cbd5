//! Published releases from the hub: what they are made of, under which licences, and how they come here.
//!
//! The hub's own client does the talking. What it does not do is done here: it starts a broken download anew instead of going
//! on, and compares no checksum (version 1.0).

mod cache;
mod fetch;
mod install;
mod release;
mod remote;
mod sums;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use shared::{Error, Result};

pub use fetch::PullProgress;
pub use release::{Release, ReleaseFile, release, releases};

use cache::Cache;
use remote::Remote;

/// Where a release is taken from; the environment decides what is not given, by the hub's own variables.
#[derive(Clone, Debug, Default)]
pub struct HubSettings {
    /// The hub's address: `HF_ENDPOINT`.
    pub endpoint: Option<String>,
    /// The token that is shown to it: `HF_TOKEN`, or the file that its own tools keep.
    pub token: Option<String>,
    /// Directory of its cache: `HF_HUB_CACHE`, or `hub` below `HF_HOME`.
    pub cache: Option<PathBuf>,
    /// Whether only the cache is looked at: `HF_HUB_OFFLINE`.
    pub offline: bool,
    /// Tries in a row that bring nothing new before a download is given up.
    pub attempts: u32,
}

impl HubSettings {
    /// Everything from the environment.
    pub fn from_environment() -> Self {
        let on = |value: String| !matches!(value.to_lowercase().as_str(), "" | "0" | "false" | "no" | "off");
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            endpoint: set("HF_ENDPOINT"),
            token: set("HF_TOKEN"),
            cache: None,
            offline: set("HF_HUB_OFFLINE").is_some_and(on),
            attempts: 6,
        }
    }
}

/// Fetches `release` into the hub's cache and puts it, in the published layout, into the new directory `to`. Files that the
/// cache holds are not fetched again; a download that was cut goes on where it ended, in this run or a later one.
/// Dropping the future stops it; what came until then is kept.
///
/// # Errors
/// When the hub cannot be reached or refuses, a file does not agree with its checksum, or the disk is full.
pub async fn pull(
    release: &Release,
    to: &Path,
    settings: &HubSettings,
    progress: &(dyn Fn(PullProgress<'_>) + Sync),
) -> Result<()> {
    if to.exists() {
        let what = format!("{} exists already", to.display());
        return Err(Error::order(what).mend("remove it to fetch the release again"));
    }
    let remote = Remote::new(release, settings)?;
    let cache = Cache::new(&remote);
    let mut found = Vec::new();
    for file in release.files {
        let path = match cache.file(&remote, file.path).await? {
            Some(path) => path,
            None if settings.offline => {
                let what = format!("{} of {} is not in the hub's cache", file.path, release.repository);
                return Err(
                    Error::unreachable(what).mend("unset HF_HUB_OFFLINE, or fill the cache where there is a network")
                );
            }
            None => fetch::fetch(&remote, &cache, file, settings.attempts, progress).await?,
        };
        found.push((file, path));
    }
    install::install(release, &found, to)
}
