//! One picture of a film: the first frame of its first part that is done, made when somebody asks for it.

use shared::{
    Error, Result,
    ports::{BlobKey, Put},
};

use super::farm::Farm;

/// Name of the blob.
pub(crate) const THUMBNAIL: &str = "thumbnail.png";

/// Longest edge in pixels.
const EDGE: u32 = 320;

/// Makes the thumbnail `key` of the part `source` unless it was made before.
pub(crate) async fn keep(farm: &Farm, source: &BlobKey, key: &BlobKey) -> Result<Put> {
    let blobs = &farm.stores.blobs;
    if blobs.size(key).await?.is_some() {
        return Ok(Put::AlreadyThere);
    }
    let dir = farm.scratch()?;
    let part = dir.path().join("part.mp4");
    blobs.fetch(source, &part).await?;
    let work = tokio::task::spawn_blocking(move || media::film::first_frame_png(&part, EDGE));
    let png = work.await.map_err(|e| Error::world("work on a thumbnail broke").from_source(e))??;
    blobs.put(key, &png).await
}
