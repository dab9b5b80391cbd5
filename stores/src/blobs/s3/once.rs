//! Writing a name once.
//!
//! Servers that know conditional writes do it by themselves. On others two writers of one name may both write. That does no harm here: a
//! blob's name holds the attempt that made it, an attempt has one worker, and a worker that writes a name twice writes the same bytes.

use std::path::Path;

use aws_sdk_s3::{Client, error::ProvideErrorMetadata as _, primitives::ByteStream};
use shared::{Error, Result, ports::Put};
use tokio::sync::OnceCell;
use tracing::warn;

use super::{
    address::Address,
    failure::{explain, status},
    upload,
};

/// Blobs' names do not begin with a dot, so this is none.
const PROBE: &str = ".emofarm/conditional-writes";
/// A server may answer that another write of the name is under way.
const MOST_CONFLICTS: u32 = 5;

/// Whether the server keeps a name for the first who writes it, found out once.
#[derive(Debug, Default)]
pub(super) struct Once {
    honoured: OnceCell<bool>,
}

/// What is written; read again when the server wants it again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Memory(&'a [u8]),
    File(&'a Path),
}

impl Source<'_> {
    async fn body(self, name: &str) -> Result<ByteStream> {
        match self {
            Self::Memory(bytes) => Ok(ByteStream::from(bytes.to_vec())),
            Self::File(file) => upload::body(file, name, None).await,
        }
    }
}

/// The outcome of one conditional write.
enum Write {
    New,
    Taken,
    Conflict,
    Unknown,
}

impl Once {
    /// Whether the server honours `If-None-Match: *` (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
    pub(super) async fn honoured(&self, client: &Client, address: &Address) -> Result<bool> {
        self.honoured.get_or_try_init(|| probe(client, address)).await.copied()
    }

    /// Writes `source` under `key` unless there is something.
    pub(super) async fn put(&self, client: &Client, address: &Address, key: &str, source: Source<'_>) -> Result<Put> {
        if !self.honoured(client, address).await? {
            let there = client.head_object().bucket(&address.bucket).key(key).send().await;
            match there {
                Ok(_) => return Ok(Put::AlreadyThere),
                Err(error) if status(&error) == Some(404) => {}
                Err(error) => return Err(explain(address, &format!("look at {key}"), &error)),
            }
            let put = client.put_object().bucket(&address.bucket).key(key).body(source.body(key).await?).send().await;
            return put.map(|_| Put::Written).map_err(|e| explain(address, &format!("write {key}"), &e));
        }
        for _ in 0..MOST_CONFLICTS {
            match write(client, address, key, source.body(key).await?).await? {
                Write::New => return Ok(Put::Written),
                Write::Taken => return Ok(Put::AlreadyThere),
                Write::Conflict => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
                Write::Unknown => {
                    return Err(Error::world(format!("{address} honoured conditional writes and no longer does"))
                        .mend("start again after an update of the server"));
                }
            }
        }
        Err(Error::world(format!("cannot write {key} in {address}: others write it again and again")))
    }
}

async fn write(client: &Client, address: &Address, key: &str, body: ByteStream) -> Result<Write> {
    let put = client.put_object().bucket(&address.bucket).key(key).if_none_match("*").body(body).send().await;
    let Err(error) = put else { return Ok(Write::New) };
    match (status(&error), error.code()) {
        (Some(412), _) => Ok(Write::Taken),
        (Some(409), _) => Ok(Write::Conflict),
        (Some(501), _) | (_, Some("NotImplemented")) => Ok(Write::Unknown),
        _ => Err(explain(address, &format!("write {key}"), &error)),
    }
}

/// Writes the same small object twice on condition. It stays, so that there is nothing to clean up and any number of processes may do this.
async fn probe(client: &Client, address: &Address) -> Result<bool> {
    let key = address.key(PROBE);
    for _ in 0..2 {
        match write(client, address, &key, ByteStream::from_static(b"whether this can be written twice")).await? {
            Write::New => {}
            Write::Taken | Write::Conflict => return Ok(true),
            Write::Unknown => break,
        }
    }
    warn!(store = %address, "the blob store has no conditional writes; names are looked at before they are written");
    Ok(false)
}
