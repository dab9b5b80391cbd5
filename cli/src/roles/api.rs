//! What the settings say about the API, in the API's own words.

use std::path::{Path, PathBuf};

use ::coordinator::{
    Reachable,
    api::{Limits, Settings as ApiSettings, Sources, TENANT},
};
use shared::{Error, Result};

use crate::settings::Settings;

/// The API's settings; uploads lie in `scratch`.
///
/// # Errors
/// When a bucket that inputs may come from cannot be opened.
pub(super) async fn settings(settings: &Settings, scratch: &Path) -> Result<ApiSettings> {
    Ok(ApiSettings {
        fps: settings.fps,
        segment_clips: settings.segment_clips,
        part_segments: settings.part_segments,
        cutting: settings.cutting(),
        consent_required: settings.consent_required,
        sources: sources(settings).await?,
        webhooks: reachable(settings.private_webhooks),
        limits: Limits { audio_bytes: settings.upload_limit << 20, ..Limits::default() },
        ..ApiSettings::new(settings.model.clone(), scratch.to_owned())
    })
}

async fn sources(settings: &Settings) -> Result<Sources> {
    let mut buckets = Vec::new();
    for url in settings.source_buckets.split_whitespace() {
        // What an order names is compared with the place alone; how the store is reached stands behind the question mark.
        let (place, store) = place_and_store(url)?;
        buckets.push((place, stores::open_blobs(&store).await?));
    }
    Ok(Sources {
        hosts: names(&settings.source_hosts, ','),
        plain_http: settings.private_sources,
        reachable: reachable(settings.private_sources),
        directories: names(&settings.source_directories, ':').into_iter().map(PathBuf::from).collect(),
        buckets,
    })
}

/// The place that a setting names, and the URL of the store that it lies in: that of what stands before the tenant's part.
fn place_and_store(url: &str) -> Result<(String, String)> {
    let (place, query) =
        url.split_once('?').map_or((url, String::new()), |(place, query)| (place, format!("?{query}")));
    let Some((before, after)) = place.split_once(TENANT) else { return Ok((place.to_owned(), url.to_owned())) };
    let whole_segment = before.ends_with('/') && (after.is_empty() || after.starts_with('/'));
    let bucket = before.trim_start_matches("s3://").trim_matches('/');
    if !whole_segment || bucket.is_empty() || after.contains(TENANT) || query.contains(TENANT) {
        return Err(Error::order(format!("the setting source_buckets names \"{place}\""))
            .mend("put {tenant} between two slashes behind the name of the bucket, once: s3://inputs/{tenant}"));
    }
    Ok((place.to_owned(), format!("{}{query}", before.trim_end_matches('/'))))
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
    fn a_place_of_tenants_lies_in_the_store_before_it() {
        let pair = |place: &str, store: &str| (place.to_owned(), store.to_owned());
        let fine = [
            ("s3://in/a?region=x", pair("s3://in/a", "s3://in/a?region=x")),
            ("s3://in/{tenant}?region=x", pair("s3://in/{tenant}", "s3://in?region=x")),
            ("s3://in/x/{tenant}/raw", pair("s3://in/x/{tenant}/raw", "s3://in/x")),
        ];
        for (url, expected) in fine {
            assert_eq!(place_and_store(url).unwrap(), expected);
        }
        for wrong in
            ["s3://{tenant}", "s3://{tenant}/x", "s3://in/x-{tenant}", "s3://in/{tenant}x", "s3://in/{tenant}/{tenant}"]
        {
            let error = place_and_store(wrong).unwrap_err();
            assert!(error.to_string().contains("source_buckets") && error.mending().is_some(), "{error}");
        }
    }

    #[test]
    fn lists_are_read_without_empty_names() {
        assert_eq!(names(" a.example, *.b.example,,", ','), ["a.example", "*.b.example"]);
        assert!(names("", ':').is_empty());
    }
}
