//! wav2vec 2.0 of the base size (arXiv 2006.11477), as Hallo uses it: the convolutions' output is brought to the rate of the
//! film before the transformer, and every hidden state is a feature.

mod extractor;
mod listen;
mod position;
mod statistics;
#[cfg(test)]
mod tests;
mod transformer;

use std::ops::Range;

use candle_core::Tensor;
use shared::{Error, Result};

use crate::{
    kernels::{LayerNorm, Product},
    net::layers::{layer_norm, linear},
    pack::{hallo::Wav2VecConfig, weights::Weights},
    sampler::failed,
};
use extractor::Extractor;
pub(crate) use listen::SpeechListener;
use statistics::Statistics;
use transformer::Transformer;

/// Samples in a second.
pub(crate) const SAMPLE_RATE: u32 = 16_000;

/// The network.
pub(crate) struct Wav2Vec {
    extractor: Extractor,
    norm: LayerNorm,
    projection: Product,
    transformer: Transformer,
    layers: usize,
    channels: usize,
}

impl Wav2Vec {
    /// Loads the network under the names of the bare encoder (`pack::hallo::names::speech`).
    ///
    /// # Errors
    /// When a tensor is missing, has another shape, or is left over.
    pub(crate) fn load(weights: Weights, config: &Wav2VecConfig) -> Result<Self> {
        if (config.norm_eps - f64::from(LayerNorm::EPS)).abs() > 1e-9 {
            let what = format!("{}: layer norms with an epsilon of {}", weights.name(), config.norm_eps);
            return Err(Error::order(what).mend("use the speech encoder of the published release"));
        }
        let (root, channels) = (weights.root(), config.channels);
        let heard = config.conv_channels.last().copied().unwrap_or_default();
        let projection = root.at("feature_projection");
        let network = Self {
            extractor: Extractor::load(&root.at("feature_extractor.conv_layers"), config)?,
            norm: layer_norm(&projection.at("layer_norm"), heard)?,
            projection: linear(&projection.at("projection"), heard, channels)?,
            transformer: Transformer::load(&root.at("encoder"), config)?,
            layers: config.layers,
            channels,
        };
        weights.finish()?;
        Ok(network)
    }

    /// Numbers in the features of one frame.
    pub(crate) fn feature_width(&self) -> usize {
        self.layers * self.channels
    }

    /// All hidden states but the first of a whole track, `[frames, layers, channels]`, exact: every frame attends to every
    /// other. `waveform` is 16 kHz mono, not normalised; the features are spread over it evenly, first and last frame on its
    /// ends.
    ///
    /// # Errors
    /// When the track is too short for a single feature, or holds something that is not a number.
    pub(crate) fn hidden_states(&self, waveform: &[f32], frames: usize) -> Result<shared::Tensor> {
        let mut statistics = Statistics::new(self.extractor.first());
        statistics.push(waveform)?;
        let tuning = self.extractor.tune(statistics.finish(0)?);
        let features = self.extractor.features(&tuning, waveform).map_err(failed)?;
        let width = self.extractor.width();
        let count = features.len() / width;
        if count == 0 {
            return Err(Error::order(format!("a track of {} samples is too short to be heard", waveform.len())));
        }
        let place = Spread { features: count, frames };
        let mut rows = Vec::with_capacity(frames * width);
        for frame in 0..frames {
            let (low, part) = place.of(frame);
            let high = (low + 1).min(count - 1);
            mix(&features[low * width..][..width], &features[high * width..][..width], part, &mut rows);
        }
        let rows = Tensor::from_vec(rows, (frames, width), &candle_core::Device::Cpu).map_err(failed)?;
        let data = self.encode(&rows, 0..frames).map_err(failed)?;
        shared::Tensor::new([frames, self.layers, self.channels], data)
    }

    /// Interpolated features `[frames, conv channels]` to all hidden states but the first of the frames in `keep`, frame
    /// after frame.
    fn encode(&self, rows: &Tensor, keep: Range<usize>) -> candle_core::Result<Vec<f32>> {
        let mut x = self.transformer.enter(&self.projection.rows(&self.norm.forward(rows)?)?)?;
        let width = self.feature_width();
        let mut out = vec![0.0; keep.len() * width];
        for layer in 0..self.layers {
            x = self.transformer.layer(layer, &x)?;
            let states = x.narrow(0, keep.start, keep.len())?.flatten_all()?.to_vec1::<f32>()?;
            let places = out.chunks_exact_mut(width).map(|row| &mut row[layer * self.channels..][..self.channels]);
            places.zip(states.chunks_exact(self.channels)).for_each(|(place, state)| place.copy_from_slice(state));
        }
        Ok(out)
    }
}

/// Linear interpolation of features to frames with both ends on each other (`align_corners`).
#[derive(Clone, Copy, Debug)]
struct Spread {
    features: usize,
    frames: usize,
}

impl Spread {
    /// The feature at or before `frame`, and how far the frame lies behind it, 0 to 1.
    fn of(self, frame: usize) -> (usize, f32) {
        if self.frames < 2 {
            return (0, 0.0);
        }
        let place = frame as f64 * (self.features - 1) as f64 / (self.frames - 1) as f64;
        let low = (place as usize).min(self.features - 1);
        (low, (place - low as f64) as f32)
    }
}

/// Appends `low` and `high` mixed, `part` of the latter.
fn mix(low: &[f32], high: &[f32], part: f32, out: &mut Vec<f32>) {
    out.extend(low.iter().zip(high).map(|(low, high)| low * (1.0 - part) + high * part));
}
