//! The files of an order on their way in: uploaded or fetched, in pieces, into a directory that goes away with the request.

mod fetch;
mod upload;

use std::path::{Path, PathBuf};

use shared::{Error, digest::Digest};
use tokio::io::AsyncWriteExt as _;

pub(crate) use fetch::fetch;
pub(crate) use upload::multipart;

use super::{
    code::Code,
    problem::{Answer, Problem},
    settings::Limits,
};

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Portrait,
    Audio,
}

impl Part {
    /// Its name in orders and forms.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portrait => "portrait",
            Self::Audio => "audio",
        }
    }

    /// Bytes that it may have.
    fn limit(self, limits: &Limits) -> u64 {
        match self {
            Self::Portrait => limits.portrait_bytes,
            Self::Audio => limits.audio_bytes,
        }
    }

    /// Whether a source may call it `media_type`; servers that do not know say octets or nothing.
    fn fits(self, media_type: &str) -> bool {
        let usual = media_type.is_empty() || media_type.eq_ignore_ascii_case("application/octet-stream");
        let kind = media_type.split('/').next().unwrap_or_default().to_ascii_lowercase();
        usual
            || match self {
                Self::Portrait => kind == "image",
                Self::Audio => kind == "audio" || kind == "video",
            }
    }
}

/// A file of an order where this process can read it.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
}

/// Both files of an order, as far as they are here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    pub(crate) portrait: Option<File>,
    pub(crate) audio: Option<File>,
}

impl Files {
    pub(crate) fn slot(&mut self, part: Part) -> &mut Option<File> {
        match part {
            Part::Portrait => &mut self.portrait,
            Part::Audio => &mut self.audio,
        }
    }
}

/// A directory for the files of one request.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new(below: &Path) -> Answer<Self> {
        let made = std::fs::create_dir_all(below).and_then(|()| tempfile::tempdir_in(below));
        let made =
            made.map_err(|e| Error::world(format!("no directory can be made in {}", below.display())).from_source(e))?;
        Ok(Self(made))
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// What must not be shown to clients: everything in a path before the file's own name.
    pub(crate) fn private(&self, part: Part) -> String {
        format!("{}/", self.0.path().join(part.name()).display())
    }

    /// Where a file with this name goes; each part has a directory of its own, since both may have the same name.
    fn place(&self, part: Part, name: &str) -> Answer<PathBuf> {
        let dir = self.0.path().join(part.name());
        std::fs::create_dir_all(&dir).map_err(|e| Error::world("scratch space cannot be used").from_source(e))?;
        Ok(dir.join(name))
    }
}

/// A file that comes in pieces.
struct Incoming {
    part: Part,
    path: PathBuf,
    file: tokio::fs::File,
    digest: Digest,
    bytes: u64,
    limit: u64,
}

impl Incoming {
    async fn begin(scratch: &Scratch, part: Part, name: &str, limits: &Limits) -> Answer<Self> {
        let path = scratch.place(part, name)?;
        let file = tokio::fs::File::create(&path).await.map_err(full)?;
        Ok(Self { part, path, file, digest: Digest::new(), bytes: 0, limit: part.limit(limits) })
    }

    async fn piece(&mut self, piece: &[u8]) -> Answer<()> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.limit {
            return Err(too_large(self.part, self.limit));
        }
        self.digest.update(piece);
        self.file.write_all(piece).await.map_err(full)
    }

    async fn end(mut self) -> Answer<File> {
        self.file.flush().await.map_err(full)?;
        Ok(File { path: self.path, sha256: self.digest.hex() })
    }
}

fn too_large(part: Part, limit: u64) -> Problem {
    Problem::new(Code::TooLarge, format!("the {} has more than {limit} bytes", part.name()))
}

fn full(error: std::io::Error) -> Problem {
    Problem::from(Error::world("an input cannot be written to the scratch directory").from_source(error))
}

/// A file's own name, as it came from outside: it must be a name and not a way to somewhere else.
fn own_name(name: &str) -> Answer<&str> {
    let fine = (1..=120).contains(&name.len())
        && !name.starts_with('.')
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ':'));
    if fine {
        return Ok(name);
    }
    let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    Err(Problem::new(Code::BadName, format!("\"{shown}\" is not allowed as the name of a file"))
        .mend("use 1 to 120 characters without /, \\ and :, and no dot in front"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_and_no_ways() {
        for name in ["face.png", "Ännas Gesicht (2).PNG", "a"] {
            assert!(own_name(name).is_ok(), "{name}");
        }
        let long = "x".repeat(121);
        for name in
            ["", ".", "..", "../face.png", "/etc/passwd", "a\\b", "C:face.png", ".hidden", "a\0b", "a\nb", &long]
        {
            assert_eq!(own_name(name).unwrap_err().code(), Code::BadName, "{name:?}");
        }
    }

    #[test]
    fn media_types_must_fit_where_they_are_known() {
        for fine in ["image/png", "", "application/octet-stream", "IMAGE/JPEG"] {
            assert!(Part::Portrait.fits(fine), "{fine}");
        }
        assert!(!Part::Portrait.fits("text/html") && !Part::Audio.fits("text/html") && !Part::Audio.fits("image/png"));
        assert!(Part::Audio.fits("audio/wav") && Part::Audio.fits("video/mp4"));
    }
}
