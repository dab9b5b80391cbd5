//! The speech track as a stream of 16 kHz mono samples.

use std::path::{Path, PathBuf};

use ffmpeg_next::ChannelLayout;
use shared::{Error, Result};

use super::{Decoder, Resampler, resampler::Planes};

/// Samples per second that a [`Reader`] gives; the audio networks' rate.
pub const RATE: u32 = shared::pauses::RATE;

/// Most samples that one call of [`Reader::next`] gives: one second.
pub const CHUNK: usize = RATE as usize;

/// Samples kept back until the end is known, since the filter's tail may be a few samples off.
const KEPT_BACK: usize = 64;

/// Streams the best audio stream of a file as 16 kHz mono 32-bit floats in -1 to 1.
///
/// Channels are mixed down with weights that add up to at most 1. In all, exactly
/// `ceil(samples * 16000 / rate)` samples come out, where `samples` and `rate` are those of [`super::Track`].
pub struct Reader {
    path: PathBuf,
    decoder: Decoder,
    resampler: Resampler,
    ready: Planes,
    taken: u64,
    given: u64,
    rate: u32,
    ended: bool,
}

impl Reader {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// As [`super::measure`], as far as the header shows it.
    pub fn open(path: &Path) -> Result<Self> {
        let resampler = Resampler::new(ChannelLayout::MONO, RATE);
        Ok(Self {
            path: path.to_owned(),
            decoder: Decoder::open(path)?,
            ready: resampler.planes(),
            resampler,
            taken: 0,
            given: 0,
            rate: RATE,
            ended: false,
        })
    }

    /// The next samples, at least one and at most [`CHUNK`]; nothing at the end.
    ///
    /// # Errors
    /// When the file system fails or the track cannot be converted.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would hide that errors end the track")]
    pub fn next(&mut self) -> Result<Option<Vec<f32>>> {
        while !self.ended && self.ready[0].len() < CHUNK + KEPT_BACK {
            self.decode_more()?;
        }
        let ready = &mut self.ready[0];
        let size = if self.ended { ready.len() } else { ready.len() - KEPT_BACK }.min(CHUNK);
        let rest = ready.split_off(size);
        let chunk = std::mem::replace(ready, rest);
        self.given += chunk.len() as u64;
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    fn decode_more(&mut self) -> Result<()> {
        let converted = if let Some(frame) = self.decoder.next()? {
            self.taken += frame.samples() as u64;
            self.rate = frame.rate();
            self.resampler.push(&frame, &mut self.ready)
        } else {
            self.ended = true;
            let flushed = self.resampler.finish(&mut self.ready);
            let left = resampled(self.taken, self.rate).saturating_sub(self.given);
            self.ready[0].resize(usize::try_from(left).unwrap_or(usize::MAX), 0.0);
            flushed
        };
        converted.map_err(|error| inconvertible(&self.path, error))
    }

    /// Samples waiting inside; bounded by one chunk and one frame of the codec.
    pub fn waiting(&self) -> usize {
        self.ready[0].len()
    }
}

pub(super) fn inconvertible(path: &Path, error: ffmpeg_next::Error) -> Error {
    Error::order(format!("the audio of {} cannot be converted to 16 kHz mono", path.display()))
        .from_source(error)
        .mend("export it as a mono or stereo WAV")
}

/// Number of samples at 16 kHz for `samples` at `rate` Hz.
pub(super) fn resampled(samples: u64, rate: u32) -> u64 {
    let exact = (u128::from(samples) * u128::from(RATE)).div_ceil(u128::from(rate.max(1)));
    u64::try_from(exact).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_rounded_up() {
        assert_eq!(resampled(48_000, 48_000), 16_000);
        assert_eq!(resampled(44_101, 44_100), 16_001);
        assert_eq!(resampled(0, 8_000), 0);
        assert_eq!(resampled(3600 * 96_000, 96_000), 3600 * 16_000);
    }
}
