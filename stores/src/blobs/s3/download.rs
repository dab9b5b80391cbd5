//! Reading blobs; a download that is cut goes on where it was.

use aws_sdk_s3::{Client, operation::get_object::GetObjectOutput};
use shared::{Error, Result, ports::blobs::Told};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tracing::debug;

use super::{
    address::Address,
    failure::{explain, status},
};

/// Cuts in a row without a byte in between.
const MOST_CUTS: u32 = 8;

/// What is read, and how far.
pub(super) struct Download<'a> {
    client: &'a Client,
    address: &'a Address,
    name: &'a str,
    at: u64,
    /// The byte after the last that is wanted; not known before the first answer when the whole blob is.
    end: Option<u64>,
    ranged: bool,
    tag: Option<String>,
    told: Option<&'a Told>,
}

impl<'a> Download<'a> {
    /// The whole blob.
    pub(super) fn whole(client: &'a Client, address: &'a Address, name: &'a str) -> Self {
        Self { client, address, name, at: 0, end: None, ranged: false, tag: None, told: None }
    }

    /// Bytes `from..to`, with `from < to`.
    pub(super) fn range(client: &'a Client, address: &'a Address, name: &'a str, from: u64, to: u64) -> Self {
        Self { client, address, name, at: from, end: Some(to), ranged: true, tag: None, told: None }
    }

    /// Tells of every piece that came.
    pub(super) fn telling(self, told: &'a Told) -> Self {
        Self { told: Some(told), ..self }
    }

    /// Writes all of it to `sink`.
    ///
    /// # Errors
    /// [`Cause::World`](shared::error::Cause::World) when there is no such blob, or `sink` takes nothing;
    /// [`Cause::Unreachable`](shared::error::Cause::Unreachable) when the store fails.
    pub(super) async fn write_to(mut self, sink: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
        let mut cuts = 0;
        loop {
            let before = self.at;
            match self.go_on(sink).await? {
                None => return sink.flush().await.map_err(|e| self.unwritable(e)),
                Some(cut) => {
                    cuts = if self.at > before { 1 } else { cuts + 1 };
                    debug!(blob = self.name, at = self.at, cut, "a download was cut");
                    if cuts > MOST_CUTS {
                        return Err(Error::unreachable(format!(
                            "blob {} in {} breaks off: {cut}",
                            self.name, self.address
                        )));
                    }
                }
            }
        }
    }

    /// Reads on until the end, or until the connection breaks: then it says how.
    async fn go_on(&mut self, sink: &mut (impl AsyncWrite + Unpin)) -> Result<Option<String>> {
        let Some(answer) = self.ask().await? else { return Ok(None) };
        self.tag = answer.e_tag;
        let length = answer.content_length.and_then(|length| u64::try_from(length).ok());
        // Of a range that reaches beyond the end the server sends what there is.
        let end = length.map(|length| self.at + length).or(self.end);
        self.end = end;
        let mut body = answer.body;
        loop {
            match body.next().await {
                Some(Ok(bytes)) => {
                    sink.write_all(&bytes).await.map_err(|e| self.unwritable(e))?;
                    self.at += bytes.len() as u64;
                    self.told.inspect(|told| told());
                }
                Some(Err(error)) => return Ok(Some(error.to_string())),
                None if end.is_none_or(|end| self.at >= end) => return Ok(None),
                None => return Ok(Some("it ended too early".into())),
            }
        }
    }

    /// Asks for the rest; nothing when there is none.
    async fn ask(&self) -> Result<Option<GetObjectOutput>> {
        if self.end.is_some_and(|end| self.at >= end) {
            return Ok(None);
        }
        let mut get = self.client.get_object().bucket(&self.address.bucket).key(self.address.key(self.name));
        if self.ranged || self.at > 0 {
            let last = self.end.map(|end| (end - 1).to_string()).unwrap_or_default();
            get = get.range(format!("bytes={}-{last}", self.at));
        }
        // Blobs never change; a store that says otherwise must not hand out halves of two.
        get = get.set_if_match(self.tag.clone());
        match get.send().await {
            Ok(answer) => Ok(Some(answer)),
            // The range begins behind the end.
            Err(error) if status(&error) == Some(416) => Ok(None),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(aws_sdk_s3::operation::get_object::GetObjectError::is_no_such_key) =>
            {
                Err(missing(self.address, self.name))
            }
            Err(error) => Err(explain(self.address, &format!("read blob {}", self.name), &error)),
        }
    }

    fn unwritable(&self, error: std::io::Error) -> Error {
        let full = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        let failed = Error::world(format!("blob {} cannot be copied to this machine", self.name)).from_source(error);
        if full { failed.mend("free space on that disk, or choose another data directory") } else { failed }
    }
}

/// The error for a blob that is not there.
pub(super) fn missing(address: &Address, name: &str) -> Error {
    Error::world(format!("there is no blob {name} in {address}"))
}
