//! Large files in parts.

use std::{path::Path, sync::Arc};

use aws_sdk_s3::{
    Client,
    error::ProvideErrorMetadata as _,
    primitives::{ByteStream, Length},
    types::{CompletedMultipartUpload, CompletedPart},
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use shared::{
    Error, Result,
    ports::{Put, blobs::Told},
};
use tracing::warn;

use super::{
    address::Address,
    failure::{explain, status},
};

/// Files up to this size go in one call.
pub(super) const LARGEST_WHOLE: u64 = 16 << 20;
/// S3 wants at least 5 MiB, save for the last.
const PART: u64 = 8 << 20;
/// S3 takes 10,000.
const MOST_PARTS: u64 = 9_000;
const AT_ONCE: usize = 4;
/// All the memory that an upload needs is this much for each part under way.
const BUFFER: usize = 64 << 10;

/// A file, or the error that names it and the blob.
pub(super) async fn body(file: &Path, name: &str, range: Option<(u64, u64)>) -> Result<ByteStream> {
    let mut read = ByteStream::read_from().path(file).buffer_size(BUFFER);
    if let Some((from, length)) = range {
        read = read.offset(from).length(Length::Exact(length));
    }
    read.build()
        .await
        .map_err(|e| Error::world(format!("cannot read {} for blob {name}", file.display())).from_source(e))
}

/// Sizes of the parts of a file: all alike but the last.
fn part_size(size: u64) -> u64 {
    PART.max(size.div_ceil(MOST_PARTS))
}

/// An upload under way; it is aborted unless it was completed, since its parts cost money until then.
pub(super) struct Upload {
    client: Client,
    address: Arc<Address>,
    key: String,
    id: String,
    open: bool,
}

impl Upload {
    /// Begins to write `key`.
    pub(super) async fn begin(client: &Client, address: &Arc<Address>, key: &str) -> Result<Self> {
        let (client, address, key) = (client.clone(), address.clone(), key.to_owned());
        // In a task of its own, which ends even when nobody waits for it any more: dropped between the server's work and its answer,
        // an upload would stay that nobody knows the id of. So it is dropped, and aborted, where it arrives.
        let begun = tokio::spawn(Self::create(client, address, key)).await;
        begun.unwrap_or_else(|error| Err(Error::world(format!("the task that begins an upload ended: {error}"))))
    }

    async fn create(client: Client, address: Arc<Address>, key: String) -> Result<Self> {
        let created = client.create_multipart_upload().bucket(&address.bucket).key(&key).send().await;
        let created = created.map_err(|e| explain(&address, &format!("begin to write {key}"), &e))?;
        let id = created.upload_id().unwrap_or_default().to_owned();
        Ok(Self { client, address, key, id, open: true })
    }

    /// Writes a file of `size` bytes in parts and tells of each; with `condition` only if the name is free at the end.
    pub(super) async fn finish(mut self, file: &Path, size: u64, condition: bool, told: &Told) -> Result<Put> {
        let outcome = self.run(file, size, condition, told).await;
        if outcome.as_ref().is_ok_and(|put| *put == Put::Written) {
            self.open = false;
        } else {
            self.abort().await;
        }
        outcome
    }

    async fn run(&self, file: &Path, size: u64, condition: bool, told: &Told) -> Result<Put> {
        let step = part_size(size);
        let parts = (0..size.div_ceil(step)).map(async |n| {
            let part = self.part(file, n * step, step.min(size - n * step), n as i32 + 1).await;
            told();
            part
        });
        let mut parts: Vec<CompletedPart> =
            futures_util::stream::iter(parts).buffer_unordered(AT_ONCE).try_collect().await?;
        parts.sort_by_key(CompletedPart::part_number);
        self.complete(parts, size, condition).await
    }

    async fn part(&self, file: &Path, from: u64, length: u64, number: i32) -> Result<CompletedPart> {
        let body = body(file, &self.key, Some((from, length))).await?;
        let part = self.client.upload_part().bucket(&self.address.bucket).key(&self.key).upload_id(&self.id);
        let sent = part.part_number(number).body(body).send().await;
        let sent = sent.map_err(|e| explain(&self.address, &format!("write part {number} of {}", self.key), &e))?;
        // The checksums of the parts go into that of the whole.
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .set_checksum_crc32_c(sent.checksum_crc32_c)
            .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
            .set_checksum_sha1(sent.checksum_sha1)
            .set_checksum_sha256(sent.checksum_sha256)
            .build())
    }

    async fn complete(&self, parts: Vec<CompletedPart>, size: u64, condition: bool) -> Result<Put> {
        let whole = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.client.complete_multipart_upload().bucket(&self.address.bucket).key(&self.key);
        let complete = complete.upload_id(&self.id).multipart_upload(whole);
        let complete = if condition { complete.if_none_match("*") } else { complete };
        let Err(error) = complete.send().await else { return Ok(Put::Written) };
        if status(&error) == Some(412) {
            return Ok(Put::AlreadyThere);
        }
        // When the answer was lost on the way, the second try finds no upload any more, but the blob.
        if error.code() == Some("NoSuchUpload") && self.written(size).await {
            return Ok(Put::Written);
        }
        Err(explain(&self.address, &format!("finish writing {}", self.key), &error))
    }

    async fn written(&self, size: u64) -> bool {
        let head = self.client.head_object().bucket(&self.address.bucket).key(&self.key).send().await;
        head.is_ok_and(|head| head.content_length() == Some(size as i64))
    }

    async fn abort(&mut self) {
        self.open = false;
        let abort = self.client.abort_multipart_upload().bucket(&self.address.bucket).key(&self.key);
        if let Err(error) = abort.upload_id(&self.id).send().await
            && status(&error) != Some(404)
        {
            let error = explain(&self.address, &format!("abort writing {}", self.key), &error);
            warn!(%error, "parts of an upload stay in the bucket; a lifecycle rule can remove them");
        }
    }
}

impl Drop for Upload {
    /// The future was dropped midway.
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let mut rest = Self {
            client: self.client.clone(),
            address: self.address.clone(),
            key: std::mem::take(&mut self.key),
            id: std::mem::take(&mut self.id),
            open: false,
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { rest.abort().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_has_too_many_parts_or_parts_that_are_too_small() {
        for size in [LARGEST_WHOLE + 1, 1 << 30, 70 << 30, 5 << 40] {
            let part = part_size(size);
            assert!(part >= 5 << 20 && size.div_ceil(part) <= 10_000, "{size}");
        }
        assert_eq!(part_size(20 << 20), PART);
    }
}
