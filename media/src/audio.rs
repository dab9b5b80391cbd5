//! The speech track: how long it is, and its samples at 16 kHz for the features.
//!
//! Sample 0 of the film is the first sample that decodes. A track that starts late inside of its
//! container is moved to the front, and gaps between its packets are closed, in the same way here
//! and in [`crate::film::join`].

mod decoder;
mod promise;
mod reader;
mod resampler;

pub use reader::{CHUNK, RATE, Reader};

pub(crate) use decoder::{Decoder, skipped_samples};
pub(crate) use resampler::Resampler;

use std::path::Path;

use ffmpeg_next::{ChannelLayout, frame};
use shared::{Error, Result, pauses::Pauses};

use crate::pauses::Finder;

/// What a speech track holds, found by decoding all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Samples per channel at `rate`, after the codec's priming and padding are removed.
    pub samples: u64,
    /// Samples per second as decoded.
    pub rate: u32,
    /// Number of channels.
    pub channels: u16,
    /// Name of the codec, such as `aac` or `pcm_s16le`.
    pub codec: String,
    /// Name of the container, such as `mov` (which stands for MP4, too) or `wav`.
    pub container: String,
    /// By how many seconds the track starts after the first stream of its file; not part of the film.
    pub late_seconds: f64,
    /// Packets that did not decode and were left out.
    pub damaged_packets: u64,
}

impl Track {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(self.rate)
    }

    /// Number of 16 kHz samples that a [`Reader`] gives for this track.
    pub fn samples_at_16k(&self) -> u64 {
        reader::resampled(self.samples, self.rate)
    }
}

/// Decodes the best audio stream of the file at `path` and measures it. Memory is constant.
///
/// # Errors
/// When the file is missing, empty, of a kind not accepted, without audio, without samples, or
/// more than half a second shorter than its header promises.
pub fn measure(path: &Path) -> Result<Track> {
    decode(path, |_| Ok(()))
}

/// Measures the track as [`measure`] does, and finds its pauses in the same pass.
///
/// # Errors
/// As [`measure`], and when the track cannot be converted.
pub fn listen(path: &Path) -> Result<(Track, Pauses)> {
    let mut resampler = Resampler::new(ChannelLayout::MONO, RATE);
    let (mut finder, mut ready) = (Finder::new(), resampler.planes());
    let mut hear = |ready: &mut Vec<Vec<f32>>| {
        finder.push(&ready[0]);
        ready[0].clear();
    };
    let track = decode(path, |frame| {
        resampler.push(frame, &mut ready).map_err(|error| reader::inconvertible(path, error))?;
        hear(&mut ready);
        Ok(())
    })?;
    resampler.finish(&mut ready).map_err(|error| reader::inconvertible(path, error))?;
    hear(&mut ready);
    Ok((track, finder.finish()))
}

fn decode(path: &Path, mut each: impl FnMut(&frame::Audio) -> Result<()>) -> Result<Track> {
    let mut decoder = Decoder::open(path)?;
    let mut samples = 0u64;
    let mut shape = None;
    while let Some(frame) = decoder.next()? {
        samples += frame.samples() as u64;
        shape.get_or_insert((frame.rate(), frame.channels()));
        each(&frame)?;
    }
    let damaged_packets = decoder.damaged();
    let name = path.display();
    let Some((rate, channels)) = shape.filter(|_| samples > 0) else {
        let what = if damaged_packets > 0 { "holds audio that cannot be decoded" } else { "holds no audio samples" };
        return Err(Error::order(format!("{name} {what}")).mend("check that it plays, or export it again as WAV"));
    };
    decoder.check_promise(samples, rate)?;
    if damaged_packets > 0 {
        tracing::warn!(file = %name, packets = damaged_packets, "damaged packets were left out of the speech track");
    }
    let late_seconds = decoder.late_seconds();
    if late_seconds > 0.0 {
        tracing::info!(file = %name, seconds = late_seconds, "the track starts late; its first sample opens the film");
    }
    Ok(Track {
        samples,
        rate,
        channels,
        codec: decoder.codec(),
        container: decoder.container(),
        late_seconds,
        damaged_packets,
    })
}
