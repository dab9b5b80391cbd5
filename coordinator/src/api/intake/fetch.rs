//! Inputs that are named by a URL: only from where the operator allows it.

use std::path::{Component, Path, PathBuf};

use futures_util::StreamExt as _;
use shared::{Error, Name, error::Cause, ports::BlobKey};
use url::Url;

use super::{File, Incoming, Part, Scratch, own_name, too_large};
use crate::{
    api::{
        code::Code,
        problem::{Answer, Problem},
        settings::{Settings, Sources, TENANT},
        wire::order::Source,
    },
    egress, inputs,
};

/// Redirects that are followed; each goes through the same rules as the first URL.
const REDIRECTS: usize = 5;

/// Brings an input of a tenant's order here, and checks its digest where the order names one.
pub(crate) async fn fetch(
    source: &Source,
    part: Part,
    tenant: &Name,
    scratch: &Scratch,
    settings: &Settings,
) -> Answer<File> {
    let unreadable = || Problem::field(part.name(), "the uri is not an absolute URL");
    if source.uri.len() > 2000 {
        return Err(Problem::field(part.name(), "the uri has more than 2000 characters"));
    }
    let url: Url = source.uri.parse().map_err(|_| unreadable())?;
    let file = match url.scheme() {
        "https" | "http" => from_web(url, part, scratch, settings).await?,
        "file" => from_directory(&url, part, tenant, scratch, settings).await?,
        "s3" => from_bucket(&url, part, tenant, scratch, settings).await?,
        scheme => {
            return Err(Problem::field(part.name(), format!("\"{scheme}\" is no scheme of inputs"))
                .mend("give an https, s3 or file URL, or upload the file"));
        }
    };
    match &source.sha256 {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&file.sha256) => {
            let detail = format!("the {} has the SHA-256 {}, not {wanted}", part.name(), file.sha256);
            Err(Problem::new(Code::BadInput, detail).mend("check which file lies under the uri"))
        }
        _ => Ok(file),
    }
}

fn refused(part: Part, what: &str) -> Problem {
    Problem::new(Code::SourceRefused, format!("the {} may not be fetched from {what}", part.name()))
        .mend("upload it with the order, or ask the operator to allow that source")
}

/// Whether the operator allows a host.
fn allows(sources: &Sources, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let scheme = url.scheme() == "https" || sources.plain_http;
    let named = |allowed: &String| match allowed.strip_prefix("*.") {
        _ if allowed == "*" => true,
        Some(above) => host.strip_suffix(above).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
        None => host == *allowed,
    };
    scheme && sources.hosts.iter().any(named)
}

async fn from_web(mut url: Url, part: Part, scratch: &Scratch, settings: &Settings) -> Answer<File> {
    let (sources, limits) = (&settings.sources, &settings.limits);
    let client = egress::client(sources.reachable, limits.silence)?;
    for _ in 0..=REDIRECTS {
        let host = url.host_str().unwrap_or_default().to_owned();
        if !allows(sources, &url) {
            return Err(refused(part, &format!("{}://{host}", url.scheme())));
        }
        egress::check(&url, sources.reachable).map_err(|error| Problem::of_field(part.name(), &error))?;
        let unreachable = |error: &dyn std::error::Error| {
            tracing::warn!(%error, host, "an input cannot be fetched");
            let detail = format!("{host} did not give the {}", part.name());
            Problem::new(Code::SourceUnreachable, detail).mend("check the uri and whether it is reachable from outside")
        };
        let response = client.get(url.clone()).send().await.map_err(|e| unreachable(&e))?;
        if response.status().is_redirection() {
            let to = response.headers().get(reqwest::header::LOCATION).and_then(|to| to.to_str().ok());
            url = to.and_then(|to| url.join(to).ok()).ok_or_else(|| refused(part, "a redirect without a target"))?;
            continue;
        }
        if !response.status().is_success() {
            let detail = format!("{host} answered {} for the {}", response.status().as_u16(), part.name());
            return Err(Problem::new(Code::SourceUnreachable, detail).mend("check the uri"));
        }
        return receive(response, &url, part, scratch, settings).await;
    }
    Err(refused(part, "behind so many redirects"))
}

async fn receive(
    response: reqwest::Response,
    url: &Url,
    part: Part,
    scratch: &Scratch,
    settings: &Settings,
) -> Answer<File> {
    let limits = &settings.limits;
    let media_type = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
    if !part.fits(&media_type) {
        let detail = format!("what lies under the uri of the {} is \"{media_type}\"", part.name());
        return Err(Problem::new(Code::BadInput, detail));
    }
    if response.content_length().is_some_and(|bytes| bytes > part.limit(limits)) {
        return Err(too_large(part, part.limit(limits)));
    }
    let last = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    let name = own_name(last).unwrap_or(part.name());
    let mut incoming = Incoming::begin(scratch, part, name, limits).await?;
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| {
            tracing::warn!(%error, "an input broke off");
            Problem::new(Code::SourceUnreachable, format!("the {} broke off", part.name()))
        })?;
        incoming.piece(&piece).await?;
    }
    incoming.end().await
}

/// A file of this machine, below a directory that the operator allows, also after links are followed.
async fn from_directory(url: &Url, part: Part, tenant: &Name, scratch: &Scratch, settings: &Settings) -> Answer<File> {
    let path = url.to_file_path().map_err(|()| Problem::field(part.name(), "the uri names no file of this machine"))?;
    let of_tenant =
        |dir: &PathBuf| dir.to_str().map_or_else(|| dir.clone(), |dir| dir.replace(TENANT, tenant.as_str()).into());
    let directories: Vec<PathBuf> = settings.sources.directories.iter().map(of_tenant).collect();
    let plain = path.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    if !plain || !directories.iter().any(|dir| path.starts_with(dir)) {
        return Err(refused(part, "this directory"));
    }
    let allowed: Vec<PathBuf> = directories.iter().filter_map(|dir| dir.canonicalize().ok()).collect();
    let (limit, place) = (part.limit(&settings.limits), scratch.place(part, file_name(&path, part))?);
    let copied = tokio::task::spawn_blocking(move || {
        let real = path.canonicalize().ok().filter(|real| allowed.iter().any(|dir| real.starts_with(dir)));
        let Some(real) = real.filter(|real| real.is_file()) else {
            return Err(refused(part, "this directory"));
        };
        if real.metadata().map_or(0, |meta| meta.len()) > limit {
            return Err(too_large(part, limit));
        }
        let sha256 = inputs::copy(&real, &place)?;
        Ok(File { path: place, sha256 })
    });
    copied.await.map_err(|e| Error::world("work on an input broke").from_source(e))?
}

fn file_name(path: &Path, part: Part) -> &str {
    path.file_name().and_then(|name| name.to_str()).and_then(|name| own_name(name).ok()).unwrap_or(part.name())
}

/// An object in a bucket that the operator allows.
async fn from_bucket(url: &Url, part: Part, tenant: &Name, scratch: &Scratch, settings: &Settings) -> Answer<File> {
    let buckets = settings.sources.buckets.iter();
    let found = buckets.into_iter().find_map(|(place, store)| Some((name_in(place, tenant, url.as_str())?, store)));
    let Some((name, store)) = found else { return Err(refused(part, "this bucket")) };
    let key = BlobKey::from_text(name).map_err(|error| Problem::of_field(part.name(), &error))?;
    let size = store.size(&key).await?;
    let Some(size) = size else {
        return Err(Problem::new(Code::BadInput, format!("there is no object under the uri of the {}", part.name())));
    };
    if size > part.limit(&settings.limits) {
        return Err(too_large(part, part.limit(&settings.limits)));
    }
    let place = scratch.place(part, file_name(Path::new(key.name()), part))?;
    store.fetch(&key, &place).await?;
    let (path, digest) = (place.clone(), tokio::task::spawn_blocking(move || inputs::sha256_of(&place)));
    let sha256 = digest.await.map_err(|e| Error::world("work on an input broke").from_source(e))?;
    match sha256 {
        Ok(sha256) => Ok(File { path, sha256 }),
        Err(error) if error.cause() == Cause::Order => {
            Err(Error::world("an input went away").from_source(error).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// What the store of `place` calls the object at `uri`, when the tenant may name it.
fn name_in<'a>(place: &str, tenant: &Name, uri: &'a str) -> Option<&'a str> {
    let place = place.trim_end_matches('/');
    // The store begins before the tenant's part.
    let root = place.split_once(TENANT).map_or(place, |(before, _)| before.trim_end_matches('/'));
    let below = uri.strip_prefix(place.replace(TENANT, tenant.as_str()).as_str())?;
    below.strip_prefix('/')?;
    uri.get(root.len() + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_from_where_their_store_begins() {
        let name_in = |place: &str, uri: &str| name_in(place, &"studio-7".parse().unwrap(), uri).map(str::to_owned);
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(name_in("s3://in/{tenant}", "s3://in/studio-7/a.png"), named("studio-7/a.png"));
        assert_eq!(name_in("s3://in/x/{tenant}/raw/", "s3://in/x/studio-7/raw/b/a.png"), named("studio-7/raw/b/a.png"));
        assert_eq!(name_in("s3://in", "s3://in/studio-8/a.png"), named("studio-8/a.png"));
        for other in
            ["s3://in/studio-70/a.png", "s3://in/studio-8/a.png", "s3://in/studio-7", "s3://in2/studio-7/a.png"]
        {
            assert_eq!(name_in("s3://in/{tenant}", other), None, "{other}");
        }
    }

    #[test]
    fn hosts_are_allowed_by_name_and_never_by_ending_alone() {
        let sources = |hosts: &[&str], plain_http| Sources {
            hosts: hosts.iter().map(ToString::to_string).collect(),
            plain_http,
            ..Sources::default()
        };
        let named = sources(&["media.example.com", "*.cdn.example"], false);
        for (url, fine) in [
            ("https://media.example.com/a", true),
            ("https://MEDIA.example.com/a", true),
            ("http://media.example.com/a", false),
            ("https://a.cdn.example/x", true),
            ("https://cdn.example/x", false),
            ("https://evilcdn.example/x", false),
            ("https://media.example.com.evil/x", false),
            ("https://media.example.com@evil/x", false),
        ] {
            assert_eq!(allows(&named, &url.parse().unwrap()), fine, "{url}");
        }
        assert!(allows(&sources(&["*"], true), &"http://x/".parse().unwrap()));
        assert!(!allows(&Sources::default(), &"https://x/".parse().unwrap()));
    }
}
