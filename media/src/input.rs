//! Opening files for FFmpeg so that a file can only ever be itself.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ffmpeg_next::{
    Dictionary, Packet,
    format::{
        self,
        context::{Input as Demuxer, StreamIo},
    },
};
use shared::{Error, Result};

use crate::fault;

/// Containers that hold their own media. Playlists, scripts and network formats are not among them.
const CONTAINERS: &str =
    "wav,w64,aiff,au,caf,mp3,aac,ac3,eac3,ogg,flac,mov,matroska,avi,mpegts,mpeg,flv,asf,amr,wv,tta,ape,dts,mxf";

/// A demuxer may stumble over damaged bytes and find its way again; this often in a row it is lost.
const MOST_STUMBLES: u32 = 1000;

/// An open media file.
pub(crate) struct Input {
    /// FFmpeg's view of it.
    pub(crate) demuxer: Demuxer,
    /// Its path, for messages.
    pub(crate) path: PathBuf,
    /// How the last read went wrong, when the fault was the file system's.
    failure: Arc<Mutex<Option<io::Error>>>,
}

/// What a read from the demuxer gave.
pub(crate) enum Step {
    /// A packet of some stream.
    Packet(Packet),
    /// The regular end of the file.
    End,
    /// The file breaks off inside of something.
    Cut,
}

impl Input {
    /// Opens `path` and reads its headers.
    ///
    /// # Errors
    /// When it is missing, empty, not a regular file, or not one of the containers known here.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        crate::init()?;
        let file = regular_file(path)?;
        let failure = Arc::new(Mutex::new(None));
        let source = Source { file, failure: Arc::clone(&failure) };
        let io = StreamIo::from_read_seek(source).map_err(|error| not_media(path, error))?;
        // Custom I/O alone does not stop a demuxer from opening further files; the two lists do.
        let options = Dictionary::from_iter([("format_whitelist", CONTAINERS), ("protocol_whitelist", "none")]);
        let name = path.file_name().and_then(|name| name.to_str());
        let opened = format::input_from_stream(io, name, Some(options));
        if let Some(error) = take(&failure) {
            return Err(fault::reading(path, error));
        }
        let demuxer = opened.map_err(|error| not_media(path, error))?;
        Ok(Self { demuxer, path: path.to_owned(), failure })
    }

    /// The next packet of any stream.
    ///
    /// # Errors
    /// When the file system fails.
    pub(crate) fn read(&mut self) -> Result<Step> {
        let mut packet = Packet::empty();
        for _ in 0..MOST_STUMBLES {
            let outcome = packet.read(&mut self.demuxer);
            if let Some(error) = take(&self.failure) {
                return Err(fault::reading(&self.path, error));
            }
            match outcome {
                Ok(()) => return Ok(Step::Packet(packet)),
                Err(ffmpeg_next::Error::Eof) => return Ok(Step::End),
                Err(ffmpeg_next::Error::InvalidData) => {}
                Err(_) => return Ok(Step::Cut),
            }
        }
        Ok(Step::Cut)
    }

    /// First name of the container format, such as `mov` or `wav`.
    pub(crate) fn container(&self) -> String {
        self.demuxer.format().name().split(',').next().unwrap_or_default().to_owned()
    }
}

/// Opens `path` when it is a regular file with something in it.
pub(crate) fn regular_file(path: &Path) -> Result<File> {
    // Looked at before it is opened: opening a pipe that nobody writes to waits for ever.
    let about = fs::metadata(path).map_err(|error| fault::reading(path, error))?;
    if about.is_dir() {
        return Err(fault::reading(path, io::ErrorKind::IsADirectory.into()));
    }
    if !about.is_file() {
        return Err(Error::order(format!("{} is not a regular file", path.display()))
            .mend("store it as a file first; it is read more than once"));
    }
    if about.len() == 0 {
        return Err(Error::order(format!("{} is empty", path.display())).mend("choose a file with something in it"));
    }
    File::open(path).map_err(|error| fault::reading(path, error))
}

fn not_media(path: &Path, error: ffmpeg_next::Error) -> Error {
    let name = path.display();
    match error {
        ffmpeg_next::Error::Other { errno: ffmpeg_next::error::ENOMEM } => {
            Error::world(format!("no memory to open {name}")).from_source(error)
        }
        ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EINVAL } => Error::order(format!(
            "{name} is not an audio or video file of a kind that is accepted (playlists and pictures are not)"
        ))
        .mend("give an audio or video file such as WAV, MP3, FLAC, M4A, OGG, MP4, MKV, WebM, MOV or AVI"),
        _ => Error::order(format!("{name} is not an audio or video file, or it is cut off"))
            .from_source(error)
            .mend("check that it plays, or export it again as WAV"),
    }
}

fn take(failure: &Mutex<Option<io::Error>>) -> Option<io::Error> {
    failure.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A file that remembers how reading it failed, which FFmpeg's error codes do not tell apart from bad data.
struct Source {
    file: File,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Source {
    fn note<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.map_err(|error| {
            let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            copy
        })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return self.note(outcome),
            }
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // A seek before the start is how a damaged header shows; it is no failure of the disk.
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::{process::Command, sync::mpsc, thread, time::Duration};

    use shared::error::Cause;

    use super::*;

    #[test]
    fn a_pipe_that_nobody_writes_to_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (answer, answers) = mpsc::channel();
        thread::spawn(move || {
            let sound = Input::open(&pipe).err();
            let picture = crate::portrait::load(&pipe).err();
            // Nobody listens any more when this came too late.
            let _ = answer.send([sound, picture]);
        });
        for error in answers.recv_timeout(Duration::from_secs(20)).expect("no wait for a writer") {
            let error = error.expect("a pipe is refused");
            assert_eq!((error.cause(), error.mending().is_some()), (Cause::Order, true), "{error}");
            assert!(error.to_string().contains("pipe is not a regular file"), "{error}");
        }
    }
}
