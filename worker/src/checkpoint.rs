//! Clips kept while their segment is being rendered, so that another attempt goes on after the last of them.

use std::collections::BTreeMap;

use shared::{Frames, Result, Tensor, ports::BlobKey};

use crate::{latents::LatentRun, work::Work};

/// The directory of clips below an attempt's.
pub(crate) const CLIPS: &str = "clips/";

/// Keeps a clip.
pub(crate) async fn keep(work: &Work<'_>, first: u64, latents: &Tensor) -> Result<()> {
    let run = LatentRun { first, latents: latents.clone() };
    work.keep(&name(first), &run.to_bytes()?).await
}

/// The clips at the beginning of a segment that earlier attempts kept, without a gap.
///
/// Any attempt's clip will do: where and when a clip is rendered does not change it.
pub(crate) async fn resume(
    work: &Work<'_>,
    clips: impl Iterator<Item = Frames>,
    whole: &[usize],
) -> Result<Vec<Tensor>> {
    if work.lease.attempt == 1 {
        return Ok(Vec::new());
    }
    let kept: BTreeMap<String, BlobKey> = work.kept_so_far().await?.into_iter().filter_map(named).collect();
    let mut found = Vec::new();
    for frames in clips {
        let Some(key) = kept.get(&name(frames.start)) else { break };
        let run = work.read_blob(key).await.and_then(LatentRun::from_bundle);
        match run {
            Ok(run) if run.first == frames.start && run.latents.shape() == whole => found.push(run.latents),
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

fn name(first: u64) -> String {
    format!("{CLIPS}clip-{first:08}.safetensors")
}

/// A key with the name that the blob has below its attempt's directory.
fn named(key: BlobKey) -> Option<(String, BlobKey)> {
    let at = key.as_str().find(CLIPS)?;
    Some((key.as_str()[at..].to_owned(), key))
}
