//! The sound of a film in pieces, each as long as a run of frames, for films that are watched while they are made.

use std::path::{Path, PathBuf};

use ffmpeg_next::{Dictionary, Packet, Rational, format::context::Output as Muxer};
use shared::{Error, Fps, Frames, Result};

use super::{encoded_sound::EncodedSound, join::add_stream};
use crate::{fault, sink};

/// Samples in a packet of AAC-LC (ISO/IEC 14496-3, section 4.5.2.1).
const PACKET_SAMPLES: u128 = 1024;

/// Encodes the track at `audio` as AAC-LC, from its first sample to its last, and cuts the packets where the film is cut into `runs`: a
/// packet belongs to the run that holds its first sample. Each piece is an MP4 file in `folder`; `keep` is told the place of the run
/// and the file, which is gone after that. A run that is shorter than a packet may have no piece.
///
/// `cancel` is asked between packets; `true` stops the work.
///
/// # Errors
/// `Order` when the track does not decode, `World` when the disk is full, `Stopped` when `cancel` said so, and what `keep` says.
pub fn cut_sound(
    audio: &Path,
    folder: &Path,
    fps: Fps,
    mut runs: impl Iterator<Item = Frames>,
    cancel: &dyn Fn() -> bool,
    mut keep: impl FnMut(usize, &Path) -> Result<()>,
) -> Result<()> {
    let mut sound = EncodedSound::open(audio)?;
    let rate = u32::try_from(sound.time_base().denominator()).unwrap_or(u32::MAX);
    let Some(mut run) = runs.next() else { return Ok(()) };
    let (mut place, mut open) = (0, None);
    while let Some(packet) = sound.next()? {
        if cancel() {
            return Err(Error::stopped());
        }
        // What lies before the first sample is the encoder's priming, which a stream has no edit list to hide.
        let Some(at) = packet.pts().and_then(|at| u64::try_from(at).ok()) else { continue };
        // The last run takes what is left.
        while at >= first_sample(fps, run.end, rate)
            && let Some(next) = runs.next()
        {
            close(open.take(), place, &mut keep)?;
            (run, place) = (next, place + 1);
        }
        let piece = match &mut open {
            Some(piece) => piece,
            none => none.insert(Piece::create(folder.join(format!("piece-{place:05}.mp4")), &sound, at)?),
        };
        piece.write(packet)?;
    }
    close(open, place, &mut keep)
}

/// The first sample of the first packet of a piece that begins with `frame`, where all packets follow one another from sample 0.
pub(super) fn first_sample(fps: Fps, frame: u64, rate: u32) -> u64 {
    let samples = u128::from(frame) * u128::from(fps.den()) * u128::from(rate);
    let packets = samples.div_ceil(u128::from(fps.num()) * PACKET_SAMPLES);
    u64::try_from(packets * PACKET_SAMPLES).unwrap_or(u64::MAX)
}

fn close(open: Option<Piece>, place: usize, keep: &mut impl FnMut(usize, &Path) -> Result<()>) -> Result<()> {
    let Some(mut piece) = open else { return Ok(()) };
    piece.muxer.write_trailer().map_err(|error| fault::muxing(&piece.path, error))?;
    let kept = keep(place, &piece.path);
    // It is one of our own temporary files; its folder goes with the work anyway.
    let _ = std::fs::remove_file(&piece.path);
    kept
}

/// A piece in the making; its first packet lies at 0.
struct Piece {
    path: PathBuf,
    muxer: Muxer,
    sample: Rational,
    base: Rational,
    first: u64,
}

impl Piece {
    fn create(path: PathBuf, sound: &EncodedSound, first: u64) -> Result<Self> {
        let mut muxer = sink::mp4(sink::create(&path)?, &path, &path)?;
        let fail = |error| fault::muxing(&path, error);
        add_stream(&mut muxer, Some(sound.parameters()), sound.time_base()).map_err(fail)?;
        muxer.write_header_with(Dictionary::from_iter([("fflags", "+bitexact")])).map_err(fail)?;
        let sample = sound.time_base();
        let base = muxer.stream(0).map_or(sample, |stream| stream.time_base());
        Ok(Self { path, muxer, sample, base, first })
    }

    fn write(&mut self, mut packet: Packet) -> Result<()> {
        let at = packet.pts().map(|at| at - i64::try_from(self.first).unwrap_or(0));
        packet.set_pts(at);
        packet.set_dts(at);
        packet.set_stream(0);
        packet.rescale_ts(self.sample, self.base);
        packet.write_interleaved(&mut self.muxer).map_err(|error| fault::muxing(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_begin_with_a_whole_packet() {
        let film: Fps = "24000/1001".parse().unwrap();
        assert_eq!(first_sample(film, 0, 48_000), 0);
        // 24 frames last 48,048 samples; packet 47 begins at 48,128.
        assert_eq!(first_sample(film, 24, 48_000), 47 * 1024);
        assert_eq!(first_sample(Fps::PAL, 1, 48_000), 2 * 1024);
        // A day later nothing was rounded away: 2,071,872 frames last 86,414.328 s.
        let (late, rate) = (first_sample(film, 2_071_872, 96_000), 96_000);
        let seconds = 2_071_872_f64 * 1001.0 / 24_000.0;
        assert!((0.0..1024.0 / 96_000.0 + 1e-6).contains(&(late as f64 / f64::from(rate) - seconds)), "{late}");
    }
}
