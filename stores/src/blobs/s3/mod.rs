//! Blobs in a bucket of S3, or of a server that speaks its language.

mod address;
mod client;
mod download;
mod failure;
mod once;
mod upload;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_s3::{
    Client,
    presigning::PresigningConfig,
    types::{Delete, ObjectIdentifier},
};
use shared::{
    Error, Result,
    ports::{BlobKey, Blobs, Put, blobs::Told},
};

use address::Address;
use download::{Download, missing};
use failure::{explain, no_such_bucket, status};
use once::{Once, Source};
use upload::Upload;

/// S3 removes and lists this many at once.
const AT_ONCE: usize = 1000;
/// S3 signs links for no longer.
const LONGEST_LINK: Duration = Duration::from_hours(168);

/// A blob store in a bucket, below a prefix.
#[derive(Clone, Debug)]
pub struct S3Blobs {
    client: Client,
    /// Knows the server under the name that others use.
    links: Client,
    address: Arc<Address>,
    once: Arc<Once>,
}

impl S3Blobs {
    /// The store at `s3://bucket/prefix?endpoint=…&region=…&path_style=true&checksums=when_required`. Nothing is connected yet:
    /// [`Blobs::ping`] says whether the bucket answers. Credentials come from where every AWS program looks for them.
    ///
    /// # Errors
    /// [`Cause::Order`](shared::error::Cause::Order) when the URL cannot be read.
    pub async fn open(url: &str) -> Result<Self> {
        let address = Address::parse(url)?;
        let (client, links) = client::clients(&address).await;
        Ok(Self { client, links, address: Arc::new(address), once: Arc::default() })
    }

    /// A prefix of names as a prefix of keys in the bucket.
    fn prefix(&self, prefix: &str) -> Result<String> {
        let inside = prefix.strip_suffix('/');
        let inside = inside.ok_or_else(|| Error::order(format!("the blob prefix \"{prefix}\" does not end in /")))?;
        Ok(format!("{}/", self.address.key(BlobKey::from_text(inside)?.as_str())))
    }

    async fn put_large(&self, key: &BlobKey, file: &Path, size: u64, told: &Told) -> Result<Put> {
        // Not to send gigabytes for nothing.
        if self.size(key).await?.is_some() {
            return Ok(Put::AlreadyThere);
        }
        let condition = self.once.honoured(&self.client, &self.address).await?;
        let upload = Upload::begin(&self.client, &self.address, &self.address.key(key.as_str())).await?;
        upload.finish(file, size, condition, told).await
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(&self, key: &BlobKey, bytes: &[u8]) -> Result<Put> {
        self.once.put(&self.client, &self.address, &self.address.key(key.as_str()), Source::Memory(bytes)).await
    }

    async fn put_file_with(&self, key: &BlobKey, file: &Path, told: &Told) -> Result<Put> {
        let found = tokio::fs::metadata(file).await;
        let found =
            found.map_err(|e| Error::world(format!("cannot read {} for blob {key}", file.display())).from_source(e))?;
        if found.len() > upload::LARGEST_WHOLE {
            return self.put_large(key, file, found.len(), told).await;
        }
        self.once.put(&self.client, &self.address, &self.address.key(key.as_str()), Source::File(file)).await
    }

    async fn get_with(&self, key: &BlobKey, told: &Told) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Download::whole(&self.client, &self.address, key.as_str()).telling(told).write_to(&mut bytes).await?;
        Ok(bytes)
    }

    /// The file appears whole or stays as it was.
    async fn fetch_with(&self, key: &BlobKey, file: &Path, told: &Told) -> Result<()> {
        let failed =
            |e: std::io::Error| Error::world(format!("cannot copy blob {key} to {}", file.display())).from_source(e);
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = tempfile::Builder::new().prefix(".fetch-").tempfile_in(dir).map_err(failed)?;
        let mut sink = tokio::fs::File::from_std(beside.reopen().map_err(failed)?);
        Download::whole(&self.client, &self.address, key.as_str()).telling(told).write_to(&mut sink).await?;
        drop(sink);
        beside.persist(file).map(drop).map_err(|e| failed(e.error))
    }

    async fn size(&self, key: &BlobKey) -> Result<Option<u64>> {
        let head = self.client.head_object().bucket(&self.address.bucket).key(self.address.key(key.as_str()));
        match head.send().await {
            Ok(head) => Ok(head.content_length().and_then(|length| u64::try_from(length).ok())),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(explain(&self.address, &format!("look at blob {key}"), &error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobKey>> {
        let listing = self.client.list_objects_v2().bucket(&self.address.bucket).prefix(self.prefix(prefix)?);
        let mut pages = listing.into_paginator().page_size(AT_ONCE as i32).send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| explain(&self.address, &format!("list the blobs under {prefix}"), &e))?;
            for object in page.contents() {
                let name = object.key().and_then(|key| self.address.name(key)).unwrap_or_default();
                keys.push(BlobKey::from_text(name).map_err(|e| {
                    Error::world(format!("{:?} in {} is not a blob", object.key(), self.address))
                        .from_source(e)
                        .mend("keep other objects out of the store's prefix")
                })?);
            }
        }
        keys.sort();
        Ok(keys)
    }

    async fn remove(&self, prefix: &str) -> Result<u64> {
        let keys = self.list(prefix).await?;
        for some in keys.chunks(AT_ONCE) {
            let failed = |e: &dyn std::error::Error| Error::world(format!("cannot remove blobs under {prefix}: {e}"));
            let objects =
                some.iter().map(|key| ObjectIdentifier::builder().key(self.address.key(key.as_str())).build());
            let objects = objects.collect::<Result<Vec<_>, _>>().map_err(|e| failed(&e))?;
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(|e| failed(&e))?;
            let removed = self.client.delete_objects().bucket(&self.address.bucket).delete(delete).send().await;
            let removed =
                removed.map_err(|e| explain(&self.address, &format!("remove the blobs under {prefix}"), &e))?;
            if let Some(error) = removed.errors().first() {
                let (key, code) = (error.key().unwrap_or_default(), error.code().unwrap_or_default());
                return Err(Error::world(format!("cannot remove {key} in {}: {code}", self.address)));
            }
        }
        Ok(keys.len() as u64)
    }

    async fn link(&self, key: &BlobKey, term: Duration) -> Result<Option<String>> {
        let term = PresigningConfig::expires_in(term.max(Duration::from_secs(1))).ok().filter(|_| term <= LONGEST_LINK);
        let term = term.ok_or_else(|| Error::order("a link to a blob cannot last longer than seven days"))?;
        let get = self.links.get_object().bucket(&self.address.bucket).key(self.address.key(key.as_str()));
        let signed =
            get.presigned(term).await.map_err(|e| explain(&self.address, &format!("sign a link to blob {key}"), &e))?;
        Ok(Some(signed.uri().to_owned()))
    }

    async fn get_range(&self, key: &BlobKey, from: u64, to: u64) -> Result<Vec<u8>> {
        if from >= to {
            let there = self.size(key).await?.is_some();
            return if there { Ok(Vec::new()) } else { Err(missing(&self.address, key.as_str())) };
        }
        let mut bytes = Vec::new();
        Download::range(&self.client, &self.address, key.as_str(), from, to).write_to(&mut bytes).await?;
        Ok(bytes)
    }

    async fn ping(&self) -> Result<()> {
        match self.client.head_bucket().bucket(&self.address.bucket).send().await {
            Ok(_) => Ok(()),
            // The answer to HEAD has no body, so it has no code.
            Err(error) if status(&error) == Some(404) => {
                Err(Error::unreachable(format!("there is no bucket {}", self.address))
                    .mend(no_such_bucket(&self.address)))
            }
            Err(error) => Err(explain(&self.address, "look at the bucket", &error)),
        }
    }
}
