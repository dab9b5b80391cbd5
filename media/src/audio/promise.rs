//! What a file's header promises about its length, to tell a truncated file from a short one.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use ffmpeg_next::{Stream, ffi::AV_NOPTS_VALUE};
use shared::{Error, Result};

use crate::input::Input;

/// Containers whose headers state the length of each stream. The others may be cut anywhere and are
/// still whole files, or only estimate their length.
const EXACT: [&str; 5] = ["w64", "aiff", "caf", "flac", "mov"];

/// A header that promises this much more than there is means a truncated file; codecs' padding and
/// edit lists account for less.
const TOLERANCE_SECONDS: f64 = 0.5;

/// Programs that write WAV to a pipe cannot know the length and put about 2^31 or 2^32 bytes there, or none.
const PIPE_BYTES: u64 = 2_147_000_000;

/// A WAV's sound starts within so many chunks of its beginning.
const MOST_CHUNKS: usize = 1000;

/// Seconds of audio that the header of `input` promises for `stream`, where it promises anything.
/// `cut` says that the file broke off while it was read.
pub(crate) fn seconds(input: &Input, stream: &Stream, cut: bool) -> Option<f64> {
    let own = (stream.duration() != AV_NOPTS_VALUE && stream.duration() > 0)
        .then(|| stream.duration() as f64 * f64::from(stream.time_base()));
    let container = input.container();
    if EXACT.contains(&container.as_str()) {
        return own;
    }
    let whole = input.demuxer.duration();
    if container == "matroska" {
        return stream.metadata().get("DURATION").and_then(clock_time).map(|end| end - start(stream).max(0.0));
    }
    (cut && whole > 0).then(|| whole as f64 / f64::from(ffmpeg_next::ffi::AV_TIME_BASE))
}

fn start(stream: &Stream) -> f64 {
    let begins = stream.start_time();
    if begins == AV_NOPTS_VALUE { 0.0 } else { begins as f64 * f64::from(stream.time_base()) }
}

/// Reads `HH:MM:SS.sss`, the form of Matroska's tag for the time at which a stream ends.
fn clock_time(text: &str) -> Option<f64> {
    let mut parts = text.trim().split(':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some((hours * 60.0 + minutes) * 60.0 + seconds)
}

/// By how much the sound that a WAV's header promises exceeds what lies in the file, as a factor; FFmpeg
/// trusts the file's size and does not tell. Nothing when the header makes no promise.
pub(super) fn wav_excess(file: &mut (impl Read + Seek)) -> io::Result<Option<f64>> {
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(12))?;
    for _ in 0..MOST_CHUNKS {
        let mut header = [0; 8];
        if file.stream_position()? + 8 > end {
            return Ok(None);
        }
        file.read_exact(&mut header)?;
        let [kind @ .., a, b, c, d] = header;
        let size = u64::from(u32::from_le_bytes([a, b, c, d]));
        let there = end - file.stream_position()?;
        if kind == *b"data" {
            let promises = size > 0 && size < PIPE_BYTES && there > 0;
            return Ok(promises.then(|| size as f64 / there as f64));
        }
        // Chunks are padded to even lengths.
        file.seek(SeekFrom::Current(i64::try_from(size + size % 2).unwrap_or(i64::MAX)))?;
    }
    Ok(None)
}

/// Refuses `path` when `seconds` decoded falls far behind what was `promised`; warns when it falls behind a little.
pub(crate) fn check(path: &Path, seconds: f64, promised: Option<f64>) -> Result<()> {
    let name = path.display();
    let Some(promised) = promised else { return Ok(()) };
    let missing = promised - seconds;
    if missing > TOLERANCE_SECONDS {
        return Err(Error::order(format!(
            "{name} is truncated: its header promises {promised:.2} s of audio, and {seconds:.2} s are there"
        ))
        .mend("copy or export the file again"));
    }
    if missing > TOLERANCE_SECONDS / 5.0 {
        tracing::warn!(file = %name, promised, seconds, "the audio is a little shorter than its header says");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_header_is_held_against_the_file() {
        let excess = |size: u32, there: usize| {
            let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0data".to_vec();
            bytes.extend(size.to_le_bytes());
            bytes.resize(bytes.len() + there, 0);
            wav_excess(&mut io::Cursor::new(bytes)).unwrap()
        };
        assert_eq!(excess(200, 100), Some(2.0));
        assert_eq!(excess(100, 100), Some(1.0));
        assert_eq!(excess(0, 100), None);
        assert_eq!(excess(0x7fff_f000, 100), None);
        assert_eq!(excess(100, 0), None);
    }

    #[test]
    fn clock_times_are_read() {
        assert_eq!(clock_time("01:02:03.500000000"), Some(3723.5));
        assert_eq!(clock_time("3.5"), None);
        assert_eq!(clock_time("a:b:c"), None);
    }

    #[test]
    fn a_little_is_forgiven_and_much_is_not() {
        let path = Path::new("speech.wav");
        assert!(check(path, 9.6, Some(10.0)).is_ok());
        assert!(check(path, 9.0, None).is_ok());
        assert!(check(path, 11.0, Some(10.0)).is_ok());
        let error = check(path, 5.0, Some(10.0)).unwrap_err();
        assert!(error.to_string().contains("speech.wav is truncated"), "{error}");
    }
}
