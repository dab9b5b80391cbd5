//! Submitting: files go up in pieces, with a bar, and never whole into memory.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::stream;
use indicatif::ProgressBar;
use reqwest::{
    Body, Method,
    multipart::{Form, Part},
};
use serde_json::Value;
use shared::{Error, Result};
use tokio::io::AsyncReadExt as _;

use super::{Api, Ask, order::OrderBody, order::Source, read};
use crate::progress::transfer_bar;

/// Bytes read of a file at a time.
const PIECE: usize = 128 * 1024;

/// How long a submission may take once it is sent or while it is: the farm decodes the whole track before it answers.
const PATIENCE: Duration = Duration::from_hours(1);

/// One of the two inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A file here.
    File(PathBuf),
    /// A URL that the farm fetches.
    Uri(String),
}

impl Input {
    /// What was typed: a URL when it has a scheme, a file otherwise.
    ///
    /// # Errors
    /// When there is no such file.
    pub(crate) fn typed(text: &str, base: &Path) -> Result<Self> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric())) {
            return Ok(Self::Uri(text.to_owned()));
        }
        let path = base.join(text);
        match path.metadata() {
            Ok(found) if found.is_file() => Ok(Self::File(path)),
            Ok(_) => Err(Error::order(format!("{} is not a file", path.display())).mend("name a file")),
            Err(e) => Err(Error::order(format!("{} cannot be read", path.display()))
                .from_source(e)
                .mend("check its name and permissions")),
        }
    }

    /// The file, where it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Uri(_) => None,
        }
    }
}

/// What is submitted.
pub(crate) struct Package<'a> {
    /// The portrait.
    pub(crate) portrait: &'a Input,
    /// The track.
    pub(crate) audio: &'a Input,
    /// Everything else.
    pub(crate) order: OrderBody,
    /// The farm makes one job of it, however often it is sent with this key.
    pub(crate) key: &'a str,
}

impl Package<'_> {
    /// Submits it and reads the farm's document about it, with a bar for the upload unless `quiet`.
    ///
    /// # Errors
    /// What the farm says of it; when a file cannot be read.
    pub(crate) async fn send(&self, api: &Api, quiet: bool) -> Result<Value> {
        let mut order = self.order.clone();
        let mut files = Vec::new();
        for (name, input) in [("portrait", self.portrait), ("audio", self.audio)] {
            match input {
                Input::File(path) => files.push((name, path.as_path())),
                Input::Uri(uri) if name == "portrait" => order.portrait = Some(Source { uri: uri.clone() }),
                Input::Uri(uri) => order.audio = Some(Source { uri: uri.clone() }),
            }
        }
        send(api, &["jobs"], order.json()?, &files, self.key, quiet).await
    }
}

/// Sends an order to `path` below `/v1`, with its files as a form when there are any, and reads the farm's document about it.
///
/// # Errors
/// As [`Package::send`].
pub(crate) async fn send(
    api: &Api,
    path: &[&str],
    body: Value,
    files: &[(&'static str, &Path)],
    key: &str,
    quiet: bool,
) -> Result<Value> {
    if files.is_empty() {
        let answer = api.answer(&Ask::post(path).body(body).once(key), &[], PATIENCE).await?;
        return read(answer, PATIENCE).await;
    }
    let total = files.iter().filter_map(|(_, path)| path.metadata().ok()).map(|found| found.len()).sum();
    let bar = transfer_bar("uploading", total, quiet);
    let answer = api
        .patiently(PATIENCE, || {
            // A try that follows another one begins from the start.
            bar.set_position(0);
            let (body, bar) = (body.clone(), bar.clone());
            async move {
                let form = form(&body, files, &bar).await?;
                let request = api.request(Method::POST, path);
                Ok(request.header("Idempotency-Key", key).multipart(form))
            }
        })
        .await;
    bar.finish_and_clear();
    read(answer?, PATIENCE).await
}

async fn form(order: &Value, files: &[(&'static str, &Path)], bar: &ProgressBar) -> Result<Form> {
    let wrong = |e: reqwest::Error| Error::world("the upload cannot be put together").from_source(e);
    let order = Part::text(order.to_string()).mime_str("application/json").map_err(wrong)?;
    let mut form = Form::new().part("order", order);
    for (name, path) in files {
        form = form.part(*name, part(path, bar.clone()).await?);
    }
    Ok(form)
}

async fn part(path: &Path, bar: ProgressBar) -> Result<Part> {
    let unreadable = |e: std::io::Error| {
        Error::order(format!("{} cannot be read", path.display())).from_source(e).mend("check its permissions")
    };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let length = file.metadata().await.map_err(unreadable)?.len();
    let pieces = stream::try_unfold((file, bar), |(mut file, bar)| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        bar.inc(read as u64);
        Ok::<_, std::io::Error>((read > 0).then_some((piece, (file, bar))))
    });
    let name = path.file_name().map_or_else(|| "input".into(), |name| name.to_string_lossy()).into_owned();
    Ok(Part::stream_with_length(Body::wrap_stream(pieces), length).file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_files_or_urls() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("face.png"), b"x").unwrap();
        assert_eq!(Input::typed("face.png", dir.path()).unwrap(), Input::File(dir.path().join("face.png")));
        assert_eq!(Input::typed("s3://films/face.png", dir.path()).unwrap(), Input::Uri("s3://films/face.png".into()));
        assert!(Input::typed("none.png", dir.path()).unwrap_err().to_string().contains("none.png"));
        assert!(Input::typed(".", dir.path()).is_err(), "a directory is no file");
    }
}
