//! The hub as it answers: what a file is, and its bytes from a place on.

use std::{ops::Range, time::Duration};

use futures_util::Stream;
use hf_hub::{HFClient, HFError, HFRepository, RepoTypeModel};
use reqwest::{
    StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, LOCATION},
    redirect::Policy,
};
use shared::{Error, Result};

use super::{HubSettings, Release};

/// How long the hub may take to answer or to send the next bytes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Redirects within the hub that are followed: a repository that was renamed.
const MOST_REDIRECTS: usize = 3;

/// A repository on the hub.
pub(super) struct Remote {
    pub(super) repository: HFRepository<RepoTypeModel>,
    pub(super) client: HFClient,
    name: &'static str,
    plain: reqwest::Client,
    token: Option<String>,
}

/// What the hub says of a file before it sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// Its name in the cache: SHA-256 of a large file, git's digest of a small one; another server's may be anything.
    pub(super) etag: String,
    /// The commit that it belongs to.
    pub(super) commit: String,
    /// Its length.
    pub(super) bytes: u64,
}

impl Remote {
    pub(super) fn new(release: &Release, settings: &HubSettings) -> Result<Self> {
        let plain = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .build()
            .map_err(|e| Error::world("the network client does not start").from_source(e))?;
        let patient = reqwest::Client::builder()
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .build()
            .map_err(|e| Error::world("the network client does not start").from_source(e))?;
        // Attempts are counted where it is known whether one brought anything.
        let mut builder = HFClient::builder().client(patient).retry_max_attempts(0);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.endpoint(endpoint);
        }
        if let Some(token) = &settings.token {
            builder = builder.token(token);
        }
        if let Some(cache) = &settings.cache {
            builder = builder.cache_dir(cache);
        }
        let client = builder
            .build()
            .map_err(|e| Error::order("the hub's address cannot be used").from_source(e).mend("correct HF_ENDPOINT"))?;
        let (owner, name) = hf_hub::split_id(release.repository);
        let repository = client.model(owner, name);
        Ok(Self {
            repository,
            client,
            name: release.repository,
            plain,
            token: settings.token.clone().or_else(kept_token),
        })
    }

    /// Asks for a file's digest and length. The hub sends large files from elsewhere, but says what they are itself, so that
    /// its redirect is not followed.
    pub(super) async fn about(&self, path: &str) -> Result<About> {
        let mut url = format!("{}/{}/resolve/main/{path}", self.client.endpoint(), self.name);
        for _ in 0..MOST_REDIRECTS {
            let mut request = self.plain.head(&url);
            if let Some(token) = &self.token {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let answer = request.send().await.map_err(|e| self.unreachable(path).from_source(e.without_url()))?;
            let headers = answer.headers();
            if let Some(about) = described(headers).filter(|_| answer.status().as_u16() < 400) {
                return Ok(about);
            }
            match text(headers, LOCATION.as_str()) {
                Some(place) if answer.status().is_redirection() && place.starts_with('/') => {
                    url = answer.url().join(place).map_or_else(|_| url.clone(), |url: Url| url.into());
                }
                _ => return Err(self.refused(path, answer.status())),
            }
        }
        Err(Error::world(format!("the hub sends in circles for {path} of {}", self.name)))
    }

    /// The bytes `range` of a file as they were at `commit`.
    pub(super) async fn stream(
        &self,
        path: &str,
        commit: &str,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<impl AsRef<[u8]> + Send, HFError>> + Send + Unpin> {
        let request = self.repository.download_file_stream().filename(path).revision(commit).range(range);
        let (_, stream) = request.send().await.map_err(|e| self.failed(path, e))?;
        Ok(stream)
    }

    /// What the hub's client says, in our words.
    pub(super) fn failed(&self, path: &str, error: HFError) -> Error {
        match &error {
            HFError::AuthRequired { .. } => self.refused(path, StatusCode::UNAUTHORIZED),
            HFError::Forbidden { .. } => self.refused(path, StatusCode::FORBIDDEN),
            HFError::RepoNotFound { .. } | HFError::EntryNotFound { .. } | HFError::RevisionNotFound { .. } => {
                self.refused(path, StatusCode::NOT_FOUND)
            }
            _ => self.unreachable(path).from_source(error),
        }
    }

    fn unreachable(&self, path: &str) -> Error {
        let what = format!("{path} of {} cannot be fetched from {}", self.name, self.client.endpoint());
        Error::unreachable(what).mend("give the same command again: what came so far is kept")
    }

    fn refused(&self, path: &str, status: StatusCode) -> Error {
        let what = format!("{} refuses {path} of {}: {status}", self.client.endpoint(), self.name);
        match status {
            StatusCode::UNAUTHORIZED => Error::order(what).mend("set HF_TOKEN to a token of your account there"),
            StatusCode::FORBIDDEN => Error::order(what)
                .mend("ask for access on the repository's page, and set HF_TOKEN to a token that has it"),
            StatusCode::NOT_FOUND => {
                Error::order(what).mend("look whether HF_ENDPOINT names a hub that has the release")
            }
            _ => Error::unreachable(what).mend("give the same command again: what came so far is kept"),
        }
    }
}

/// The token that the hub's own tools keep, which its client would use as well.
fn kept_token() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if set("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some() {
        return None;
    }
    let home = || {
        let home = set("HF_HOME").map(std::path::PathBuf::from);
        let cache = || set("XDG_CACHE_HOME").map(|dir| std::path::PathBuf::from(dir).join("huggingface"));
        let user = || set("HOME").map(|dir| std::path::PathBuf::from(dir).join(".cache/huggingface"));
        home.or_else(cache).or_else(user).map(|dir| dir.join("token"))
    };
    let file = set("HF_TOKEN_PATH").map(std::path::PathBuf::from).or_else(home)?;
    let token = std::fs::read_to_string(file).ok()?.trim().to_owned();
    (!token.is_empty()).then_some(token)
}

/// What the headers say of a file; nothing when they do not describe one.
fn described(headers: &HeaderMap) -> Option<About> {
    let etag = text(headers, "x-linked-etag").or_else(|| text(headers, "etag"))?;
    let etag = etag.trim_start_matches("W/").trim_matches('"');
    let bytes = text(headers, "x-linked-size").or_else(|| text(headers, "content-length"))?.parse().ok()?;
    let commit = text(headers, "x-repo-commit")?;
    // Both become names of files.
    let plain =
        |name: &str| (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (plain(etag) && plain(commit)).then(|| About { etag: etag.to_owned(), commit: commit.to_owned(), bytes })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
