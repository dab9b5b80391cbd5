//! Where the bucket is and how its server wants to be spoken to.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use shared::{Error, Result, ports::BlobKey};
use url::Url;

const PARAMETERS: [&str; 6] = ["endpoint", "public_endpoint", "region", "path_style", "checksums", "credentials"];

/// A bucket, the prefix below which everything lies, and the server that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) bucket: String,
    /// Empty, or without a slash at either end.
    pub(super) prefix: String,
    /// The server; Amazon's when absent.
    pub(super) endpoint: Option<String>,
    /// The name of the server in links, where others reach it under another name than we do.
    pub(super) public_endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) path_style: bool,
    /// Whether checksums are sent and checked only where S3 demands them: what servers without CRC trailers need.
    pub(super) checksums_when_required: bool,
    /// A file of credentials in the format of `~/.aws/credentials`, instead of the usual places.
    pub(super) credentials: Option<PathBuf>,
}

impl Address {
    /// Reads `s3://bucket/prefix?endpoint=http://host:9000&region=…&path_style=true&checksums=when_required`.
    ///
    /// # Errors
    /// [`Cause::Order`](shared::error::Cause::Order) that names what is wrong.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let parsed = Url::parse(url).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        if !parsed.username().is_empty() || parsed.password().is_some() || parsed.port().is_some() {
            return Err(wrong("holds a user, a password or a port")
                .mend("credentials come from the environment, a profile or a web identity, as for every AWS program; the server is the parameter endpoint"));
        }
        let bucket = parsed.host_str().unwrap_or_default().to_owned();
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if bucket.len() < 3 || bucket.len() > 63 || !bucket.bytes().all(letter) {
            return Err(wrong(format!("names no bucket: \"{bucket}\"")));
        }
        let prefix = parsed.path().trim_matches('/').to_owned();
        if !prefix.is_empty() && (prefix.len() > 200 || BlobKey::from_text(prefix.as_str()).is_err()) {
            return Err(wrong(format!("has the prefix \"{prefix}\"")).mend("use letters, digits, . _ - and /"));
        }
        let mut given = BTreeMap::new();
        for (key, value) in parsed.query_pairs() {
            if !PARAMETERS.contains(&key.as_ref()) {
                return Err(wrong(format!("has the unknown parameter {key}"))
                    .mend(format!("known are {}", PARAMETERS.join(", "))));
            }
            given.insert(key.into_owned(), value.into_owned());
        }
        let endpoint = server(&given, "endpoint")?;
        Ok(Self {
            bucket,
            prefix,
            public_endpoint: server(&given, "public_endpoint")?,
            region: given.get("region").cloned(),
            // Servers other than Amazon's rarely have a host name for each bucket.
            path_style: choice(&given, "path_style", ["false", "true"], endpoint.is_some())?,
            checksums_when_required: choice(&given, "checksums", ["when_supported", "when_required"], false)?,
            credentials: given.get("credentials").map(PathBuf::from),
            endpoint,
        })
    }

    /// The key of a blob in the bucket.
    pub(super) fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }

    /// The blob that a key in the bucket stands for.
    pub(super) fn name<'a>(&self, key: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() { Some(key) } else { key.strip_prefix(&self.prefix)?.strip_prefix('/') }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => write!(f, " at Amazon"),
        }
    }
}

fn wrong(what: impl fmt::Display) -> Error {
    Error::order(format!("the URL of the blob store {what}"))
        .mend("write s3://bucket/prefix?endpoint=https://host:9000&region=…&path_style=true")
}

/// A server's address: `http://host:port`.
fn server(given: &BTreeMap<String, String>, key: &str) -> Result<Option<String>> {
    let Some(text) = given.get(key) else { return Ok(None) };
    let fine = |url: &Url| {
        ["http", "https"].contains(&url.scheme())
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
    };
    match Url::parse(text) {
        Ok(url) if fine(&url) => Ok(Some(text.trim_end_matches('/').to_owned())),
        _ => Err(wrong(format!("has a parameter {key} that is not the address of a server"))),
    }
}

/// One of two words, the second of which means yes.
fn choice(given: &BTreeMap<String, String>, key: &str, words: [&str; 2], usual: bool) -> Result<bool> {
    match given.get(key).map(String::as_str) {
        None => Ok(usual),
        Some(word) if words.contains(&word) => Ok(word == words[1]),
        Some(word) => Err(wrong(format!("says {key}={word}")).mend(format!("write {} or {}", words[0], words[1]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_all_there_is_to_know() {
        let url = "s3://films/farm/one?endpoint=http://10.0.0.1:9000/&region=here&checksums=when_required&credentials=/run/aws";
        let address = Address::parse(url).unwrap();
        assert_eq!((address.bucket.as_str(), address.prefix.as_str()), ("films", "farm/one"));
        assert_eq!(address.endpoint.as_deref(), Some("http://10.0.0.1:9000"));
        assert!(address.path_style && address.checksums_when_required);
        assert_eq!(address.key("a/b"), "farm/one/a/b");
        assert_eq!(address.name("farm/one/a/b"), Some("a/b"));
        assert_eq!(address.name("farm/oneself/a"), None);
        let plain = Address::parse("s3://films").unwrap();
        assert!(!plain.path_style && !plain.checksums_when_required && plain.region.is_none());
        assert_eq!((plain.key("a").as_str(), plain.name("a")), ("a", Some("a")));
    }

    #[test]
    fn wrong_urls_name_what_is_wrong_and_show_no_password() {
        for (url, why) in [
            ("s3://", "names no bucket"),
            ("s3://a/b", "names no bucket"),
            ("s3://me:s3cret@films/x", "user, a password"),
            ("s3://films/../x%2f..", "prefix"),
            ("s3://films?colour=1", "colour"),
            ("s3://films?endpoint=films", "endpoint"),
            ("s3://films?endpoint=http://me:s3cret@host", "endpoint"),
            ("s3://films?path_style=perhaps", "path_style"),
            ("s3://films?checksums=no", "when_supported or when_required"),
        ] {
            let text = Address::parse(url).unwrap_err().to_string();
            assert!(text.contains(why) && !text.contains("s3cret"), "{url}: {text}");
        }
    }
}
