//! Speech to features at frame times, as samples arrive and in bounded memory.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use shared::{Error, Fps, Result, ports::model::AudioEncoder};

use crate::{
    mel::{LogMel, MelStream},
    net::audio_encoder,
    pack::manifest::Audio,
    rows::Rows,
    sampler::failed,
};

/// Log-mel frames that are encoded at once: a second and a half, so that the overlap costs little.
const PIECE: usize = 150;
/// Samples that are taken at once from a long push.
const GULP: usize = 16_000;

/// Turns samples into features; holds a few seconds of log-mel frames and features, whatever the length.
///
/// Every feature is computed from the same numbers by the same operations however the samples were cut, so the cut
/// does not change a bit.
pub(crate) struct Listener {
    encoder: Arc<audio_encoder::AudioEncoder>,
    audio: Audio,
    fps: Fps,
    mels: MelStream,
    /// Log-mel frames not yet done with.
    mel: Rows,
    /// Features at the rate of log-mel frames not yet done with.
    features: Rows,
    /// The next frame of the film.
    frame: u64,
}

impl Listener {
    pub(crate) fn new(encoder: Arc<audio_encoder::AudioEncoder>, audio: &Audio, fps: Fps) -> Self {
        Self {
            encoder,
            audio: audio.clone(),
            fps,
            mels: MelStream::new(LogMel::new(audio)),
            mel: Rows::new(audio.mels),
            features: Rows::new(audio.features),
            frame: 0,
        }
    }

    /// Encodes log-mel frames as far as they reach; all of them when the stream has `ended`.
    fn encode(&mut self, ended: bool) -> candle_core::Result<()> {
        let reach = self.encoder.reach();
        loop {
            let from = self.features.end();
            let ready = if ended { self.mel.end() } else { self.mel.end().saturating_sub(reach) };
            let to = ready.min(from + PIECE);
            if to <= from || (!ended && to < from + PIECE) {
                return Ok(());
            }
            // Where the piece does not begin or end with the stream, it is longer by the reach on that side.
            let first = from.saturating_sub(reach).max(self.mel.first());
            let end = (to + reach).min(self.mel.end());
            let mel = Tensor::from_slice(self.mel.slice(first, end), (end - first, self.mel.width()), &Device::Cpu)?;
            let features = self.encoder.forward(&mel)?.narrow(0, from - first, to - from)?;
            self.features.extend(features.flatten_all()?.to_vec1::<f32>()?);
            self.mel.forget_before(to.saturating_sub(reach));
        }
    }

    /// Where `frame` lies between features, in numbers of features.
    fn position(&self, frame: u64) -> f64 {
        let rate = f64::from(self.audio.sample_rate) / self.audio.hop as f64;
        self.fps.seconds(frame) * rate
    }

    /// Features of the frames up to `frames` that are known; with `last`, the number of features in all, of all.
    fn emit(&mut self, frames: u64, last: Option<usize>) -> Result<shared::Tensor> {
        let mut out = Vec::new();
        while self.frame < frames {
            let position = self.position(self.frame);
            let (low, high) = match last {
                Some(count) => {
                    let low = (position as usize).min(count.saturating_sub(2));
                    (low, (low + 1).min(count - 1))
                }
                None => (position as usize, position as usize + 1),
            };
            if high >= self.features.end() {
                break;
            }
            let part = (position.min((last.unwrap_or(usize::MAX) - 1) as f64) - low as f64) as f32;
            let pairs = self.features.row(low).iter().zip(self.features.row(high));
            out.extend(pairs.map(|(low, high)| low * (1.0 - part) + high * part));
            self.frame += 1;
            // One more is kept: at the end of the stream the last frame may look back.
            self.features.forget_before((self.position(self.frame) as usize).saturating_sub(1));
        }
        shared::Tensor::new([out.len() / self.features.width(), self.features.width()], out)
    }
}

impl AudioEncoder for Listener {
    fn push(&mut self, samples: &[f32]) -> Result<shared::Tensor> {
        if let Some(bad) = samples.iter().position(|x| !x.is_finite()) {
            return Err(Error::order(format!("audio sample {} is not a number", self.mels.samples() + bad as u64))
                .mend("export the speech track again"));
        }
        let mut parts = vec![shared::Tensor::new([0, self.features.width()], Vec::new())?];
        for gulp in samples.chunks(GULP) {
            self.mel.extend(self.mels.push(gulp));
            self.encode(false).map_err(failed)?;
            parts.push(self.emit(u64::MAX, None)?);
        }
        shared::Tensor::join(&parts)
    }

    fn finish(mut self: Box<Self>, frames: u64) -> Result<shared::Tensor> {
        let mut parts = vec![shared::Tensor::new([0, self.features.width()], Vec::new())?];
        // Silence up to the last frame, where the stream was shorter than the film.
        let until = (self.fps.seconds(frames.saturating_sub(1)) * f64::from(self.audio.sample_rate)).ceil() as u64;
        let silence = vec![0.0; GULP];
        while self.mels.samples() < until {
            let count = (until - self.mels.samples()).min(GULP as u64) as usize;
            parts.push(self.push(&silence[..count])?);
        }
        let rest = self.mels.finish();
        self.mel.extend(rest);
        self.encode(true).map_err(failed)?;
        let count = self.features.end();
        parts.push(self.emit(frames, Some(count))?);
        shared::Tensor::join(&parts)
    }
}
