//! What the settings say about the API, in the API's own words.

use std::path::PathBuf;

use ::coordinator::{
    Reachable,
    api::{Limits, Settings as ApiSettings, Sources},
};
use shared::{Error, Result};

use crate::settings::Settings;

/// The API's settings.
///
/// # Errors
/// When a bucket that inputs may come from cannot be opened, or there is no place for uploads.
pub(super) async fn settings(settings: &Settings) -> Result<ApiSettings> {
    let scratch = settings.data_dir.join("uploads");
    std::fs::create_dir_all(&scratch).map_err(|e| {
        Error::order(format!("no uploads can be kept in {}", scratch.display()))
            .from_source(e)
            .mend("choose another place with the setting data_dir")
    })?;
    Ok(ApiSettings {
        fps: settings.fps,
        segment_clips: settings.segment_clips,
        part_segments: settings.part_segments,
        consent_required: settings.consent_required,
        sources: sources(settings).await?,
        webhooks: reachable(settings.private_webhooks),
        limits: Limits { audio_bytes: settings.upload_limit << 20, ..Limits::default() },
        ..ApiSettings::new(settings.model.clone(), scratch)
    })
}

async fn sources(settings: &Settings) -> Result<Sources> {
    let mut buckets = Vec::new();
    for url in settings.source_buckets.split_whitespace() {
        // What an order names is compared with the place alone; how the store is reached stands behind the question mark.
        let place = url.split('?').next().unwrap_or(url).to_owned();
        buckets.push((place, stores::open_blobs(url).await?));
    }
    Ok(Sources {
        hosts: names(&settings.source_hosts, ','),
        plain_http: settings.private_sources,
        reachable: reachable(settings.private_sources),
        directories: names(&settings.source_directories, ':').into_iter().map(PathBuf::from).collect(),
        buckets,
    })
}

fn reachable(private: bool) -> Reachable {
    if private { Reachable::Anything } else { Reachable::Public }
}

fn names(text: &str, between: char) -> Vec<String> {
    text.split(between).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_without_empty_names() {
        assert_eq!(names(" a.example, *.b.example,,", ','), ["a.example", "*.b.example"]);
        assert!(names("", ':').is_empty());
    }
}
