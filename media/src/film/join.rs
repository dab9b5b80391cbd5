//! Joining of parts and sound into the film.

use std::{
    fs::{File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use ffmpeg_next::{Dictionary, Packet, Rational, codec, format::context::Output as Muxer};
use shared::{Error, Fps, Result};
use tempfile::NamedTempFile;

use super::{
    encoded_sound::EncodedSound,
    frame_time,
    original_sound::OriginalSound,
    parts::{NextPart, Parts},
    tags,
};
use crate::{
    fault,
    probe::{self, FilmInfo},
    sink::{self, Sink},
};

/// What a film is to be.
pub struct JoinSpec<'a> {
    /// Frames per second; that of every part.
    pub fps: Fps,
    /// Number of frames; the parts together must hold exactly so many.
    pub frames: u64,
    /// Tags, such as `title` and `comment`; see the error for the ones that MP4 carries.
    pub metadata: Vec<(String, String)>,
    /// Asked between packets; `true` stops the work.
    pub cancel: &'a dyn Fn() -> bool,
}

/// Joins `parts` without encoding them again, adds the sound of the file `audio` from its first sample
/// on, and puts the film at `out`, replacing what is there.
///
/// AAC, MP3, AC-3, E-AC-3 and ALAC go into the film as they are, with their priming hidden by an edit
/// list; everything else is encoded as AAC-LC at the track's own rate, or the next one that AAC knows.
/// The index lies at the front. The film appears under its name only when it is complete and on disk:
/// after an error or a cancel nothing is left.
///
/// # Errors
/// `Order` when `out` cannot be written to, a tag is unknown or the sound is bad; `World` when the disk
/// is full or a part is broken or missing frames; `Stopped` when `cancel` said so.
pub fn join(parts: &[PathBuf], audio: &Path, out: &Path, spec: &JoinSpec<'_>) -> Result<FilmInfo> {
    let mut parts = parts.iter().cloned();
    join_as_they_come(&mut || Ok(parts.next()), audio, out, spec)
}

/// As [`join`], with parts that `next` gives one after the other, and nothing after the last. It is asked for a part only when the one
/// before was read to its end, so that files can come and go: the disk need not hold all parts beside the film.
///
/// # Errors
/// As [`join`], and what `next` says.
pub fn join_as_they_come<'a>(
    next: &'a mut (dyn FnMut() -> Result<Option<PathBuf>> + 'a),
    audio: &Path,
    out: &Path,
    spec: &JoinSpec<'_>,
) -> Result<FilmInfo> {
    if out.is_dir() {
        return Err(fault::writing(out, std::io::ErrorKind::IsADirectory.into()));
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".film-")
        .suffix(".mp4")
        // A temporary file is private by default; a film is a file like any other, as the umask allows.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| fault::writing(out, error))?;
    let sink = file.as_file().try_clone().map_err(|error| fault::writing(out, error))?;
    join_into(sink, file.path(), out, next, audio, spec)?;
    let info = probe::film(file.path())?;
    if info.frames != spec.frames {
        return Err(Error::world(format!("{} holds {} frames, not {}", out.display(), info.frames, spec.frames)));
    }
    keep(file, folder, out)?;
    Ok(info)
}

/// Moves the finished file to its name, once its bytes are on disk.
fn keep(file: NamedTempFile, folder: &Path, out: &Path) -> Result<()> {
    file.as_file().sync_all().map_err(|error| fault::writing(out, error))?;
    file.persist(out).map_err(|error| fault::writing(out, error.error))?;
    // The name is on disk only when the directory is; file systems that cannot do this need not.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Writes the film into `sink`, which fills `file`; messages name it `out`.
fn join_into<'a>(
    sink: impl Sink,
    file: &Path,
    out: &Path,
    parts: &'a mut NextPart<'a>,
    audio: &Path,
    spec: &JoinSpec<'_>,
) -> Result<()> {
    let tags = tags::dictionary(&spec.metadata)?;
    let mut pictures = Parts::open(parts, spec.fps)?;
    let mut sound = Sound::open(audio)?;
    let mut muxer = sink::mp4(sink, file, out)?;
    let fail = |error| fault::muxing(out, error);
    add_stream(&mut muxer, pictures.parameters(), frame_time(spec.fps)).map_err(fail)?;
    add_stream(&mut muxer, Some(sound.parameters()), sound.time_base()).map_err(fail)?;
    if let Some(mut stream) = muxer.stream_mut(0) {
        stream.set_avg_frame_rate(frame_time(spec.fps).invert());
    }
    muxer.set_metadata(tags);
    muxer.write_header_with(options(spec.fps)).map_err(fail)?;
    interleave(&mut muxer, out, &mut pictures, &mut sound, spec)?;
    if pictures.given() != spec.frames {
        return Err(Error::world(format!(
            "the parts hold {} frames, the film needs {}",
            pictures.given(),
            spec.frames
        ))
        .mend("render the parts again"));
    }
    muxer.write_trailer().map_err(fail)
}

pub(super) fn add_stream(
    muxer: &mut Muxer,
    parameters: Option<codec::Parameters>,
    time_base: Rational,
) -> Result<(), ffmpeg_next::Error> {
    let mut stream = muxer.add_stream(None::<ffmpeg_next::Codec>)?;
    if let Some(parameters) = parameters {
        stream.set_parameters(parameters);
    }
    stream.set_time_base(time_base);
    Ok(())
}

fn options(fps: Fps) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    options.set("movflags", "+faststart");
    options.set("fflags", "+bitexact");
    // Durations in the header count in this unit; with the usual milliseconds they would be rounded.
    options.set(
        "movie_timescale",
        &u64::from(fps.num()).saturating_mul(if fps.num() < 1000 { 1000 } else { 1 }).to_string(),
    );
    options
}

/// Writes both streams in the order of time, so that the muxer never holds more than a moment of either.
fn interleave(
    muxer: &mut Muxer,
    out: &Path,
    pictures: &mut Parts<'_>,
    sound: &mut Sound,
    spec: &JoinSpec<'_>,
) -> Result<()> {
    let (frame, sample) = (frame_time(spec.fps), sound.time_base());
    let bases = [0, 1].map(|index| muxer.stream(index).map_or(frame, |stream| stream.time_base()));
    let mut picture = pictures.next()?;
    let mut tone = sound.next()?;
    loop {
        if (spec.cancel)() {
            return Err(Error::stopped());
        }
        let begins = |packet: &Packet, base: Rational| packet.dts().unwrap_or(0) as f64 * f64::from(base);
        let picture_first = match (&picture, &tone) {
            (Some(picture), Some(tone)) => begins(picture, frame) <= begins(tone, sample),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return Ok(()),
        };
        let (packet, index, base) = if picture_first { (&mut picture, 0, frame) } else { (&mut tone, 1, sample) };
        if let Some(mut packet) = packet.take() {
            packet.set_stream(index);
            packet.rescale_ts(base, bases[index]);
            packet.write_interleaved(muxer).map_err(|error| fault::muxing(out, error))?;
        }
        if picture_first {
            picture = pictures.next()?;
        } else {
            tone = sound.next()?;
        }
    }
}

/// The sound of a film, as it came or encoded.
enum Sound {
    Original(Box<OriginalSound>),
    Encoded(Box<EncodedSound>),
}

impl Sound {
    fn open(path: &Path) -> Result<Self> {
        Ok(match OriginalSound::open(path)? {
            Some(original) => Self::Original(Box::new(original)),
            None => Self::Encoded(Box::new(EncodedSound::open(path)?)),
        })
    }

    fn parameters(&self) -> codec::Parameters {
        match self {
            Self::Original(sound) => sound.parameters(),
            Self::Encoded(sound) => sound.parameters(),
        }
    }

    fn time_base(&self) -> Rational {
        match self {
            Self::Original(sound) => sound.time_base(),
            Self::Encoded(sound) => sound.time_base(),
        }
    }

    fn next(&mut self) -> Result<Option<Packet>> {
        match self {
            Self::Original(sound) => sound.next(),
            Self::Encoded(sound) => sound.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        film::{PartSpec, PartWriter},
        sink::tests::SmallDisk,
    };
    use shared::{Picture, error::Cause};

    /// One second of silence as a WAV of 16-bit samples at 16 kHz.
    fn silence(path: &Path) {
        let mut bytes =
            b"RIFF\x24\x7d\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\0\x7d\0\0".to_vec();
        bytes.resize(bytes.len() + 32_000, 0);
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_disk_that_fills_up_at_any_moment_is_the_worlds_fault() {
        let folder = tempfile::tempdir().unwrap();
        let (part, audio) = (folder.path().join("part.mp4"), folder.path().join("speech.wav"));
        let mut writer = PartWriter::create(&part, PartSpec::new(64, 64, Fps::PAL)).unwrap();
        (0..25).for_each(|_| writer.write(&Picture::black(64, 64)).unwrap());
        writer.finish().unwrap();
        silence(&audio);
        let out = folder.path().join("film.mp4");
        let spec = JoinSpec { fps: Fps::PAL, frames: 25, metadata: vec![], cancel: &|| false };
        join(std::slice::from_ref(&part), &audio, &out, &spec).unwrap();
        let whole = std::fs::metadata(&out).unwrap().len();
        // From the first packet to the last byte of the index as it moves to the front.
        for room in [0, 10, whole / 4, whole / 2, whole - 700, whole - 1] {
            let file = NamedTempFile::new_in(&folder).unwrap();
            let disk = SmallDisk::new(file.reopen().unwrap(), room);
            let mut parts = [part.clone()].into_iter();
            let error = join_into(disk, file.path(), &out, &mut || Ok(parts.next()), &audio, &spec)
                .expect_err(&format!("{room} of {whole} bytes"));
            assert_eq!(error.cause(), Cause::World, "{room} of {whole}: {error}");
            assert!(error.to_string().contains("no room left to write"), "{error}");
            assert!(error.to_string().contains("film.mp4"), "{error}");
        }
        let file = NamedTempFile::new_in(&folder).unwrap();
        let disk = SmallDisk::new(file.reopen().unwrap(), whole);
        let mut parts = [part].into_iter();
        join_into(disk, file.path(), &out, &mut || Ok(parts.next()), &audio, &spec).unwrap();
    }
}
