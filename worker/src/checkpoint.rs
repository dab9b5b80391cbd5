//! Clips kept while their segment or bridge is being rendered, so that another attempt goes on after the last of them.

use std::collections::BTreeMap;

use shared::{
    Bundle, Frames, Result, Tensor,
    ports::BlobKey,
    quality::{ClipQuality, Quality},
    tensor::Precision,
};

use crate::{gate::Made, latents::LatentRun, quality::json, work::Work};

/// The directory of clips below an attempt's.
pub(crate) const CLIPS: &str = "clips/";

/// The note of a kept clip with what was measured of it.
const QUALITY: &str = "quality";

/// Clips that are done, one after the other.
#[derive(Default)]
pub(crate) struct Clips {
    /// Their latents.
    pub(crate) latents: Vec<Tensor>,
    /// Their frames and what was measured of them.
    pub(crate) measured: Vec<(Frames, Quality)>,
}

impl Clips {
    /// Adds the next one.
    pub(crate) fn push(&mut self, frames: Frames, made: Made) {
        self.latents.push(made.latents);
        self.measured.push((frames, Quality::Clip(made.quality)));
    }
}

/// Keeps a clip, and what was measured of it; `run` tells runs of clips over the same frames from one another.
pub(crate) async fn keep(work: &Work<'_>, run: &str, first: u64, made: &Made) -> Result<()> {
    let mut bundle = LatentRun { first, latents: made.latents.clone() }.to_bundle();
    bundle.notes.insert(QUALITY.into(), json(&made.quality)?);
    work.keep(&name(run, first), &bundle.to_bytes(Precision::Half)?).await
}

/// The clips at the beginning of a run that earlier attempts kept, without a gap.
///
/// Any attempt's clip will do: where and when a clip is rendered does not change it.
pub(crate) async fn resume(
    work: &Work<'_>,
    run: &str,
    clips: impl Iterator<Item = Frames>,
    whole: &[usize],
) -> Result<Clips> {
    let mut found = Clips::default();
    if work.lease.attempt == 1 {
        return Ok(found);
    }
    let kept: BTreeMap<String, BlobKey> = work.kept_so_far().await?.into_iter().filter_map(named).collect();
    for frames in clips {
        let Some(key) = kept.get(&name(run, frames.start)) else { break };
        let clip = work.read_blob(key).await.and_then(|bundle| {
            let quality = measured(&bundle);
            Ok((LatentRun::from_bundle(bundle)?, quality))
        });
        match clip {
            Ok((clip, quality)) if clip.first == frames.start && clip.latents.shape() == whole => {
                found.push(frames, Made { latents: clip.latents, quality });
            }
            Ok(_) => {
                tracing::warn!(%key, "a clip of another shape was kept; it is rendered again");
                break;
            }
            Err(error) => {
                work.stop.check()?;
                tracing::warn!(%error, "a kept clip cannot be read; it is rendered again");
                break;
            }
        }
    }
    Ok(found)
}

/// What was measured of a kept clip; a clip that a program of an earlier version kept comes without it.
fn measured(bundle: &Bundle) -> ClipQuality {
    bundle.notes.get(QUALITY).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn name(run: &str, first: u64) -> String {
    format!("{CLIPS}{run}-{first:08}.safetensors")
}

/// A key with the name that the blob has below its attempt's directory.
fn named(key: BlobKey) -> Option<(String, BlobKey)> {
    let at = key.as_str().find(CLIPS)?;
    Some((key.as_str()[at..].to_owned(), key))
}
