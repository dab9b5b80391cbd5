//! The feature extractor: seven convolutions from samples to 512 numbers fifty times a second.

use candle_core::{Device, Tensor};
use shared::Result;

use super::statistics::{Survey, Window};
use crate::{
    kernels::{Form, Geometry, Numbers, Packed, Product, gelu},
    pack::{hallo::Wav2VecConfig, weights::Scope},
};

/// Epsilon of the group norm.
const EPS: f64 = 1e-5;
/// Features that are made at once: two seconds, whose widest map has some 13 MB.
const PIECE: usize = 100;

/// The convolutions.
pub(super) struct Extractor {
    first: Window,
    /// Weights of the first convolution, `[channels, taps]`.
    taps: Vec<f32>,
    /// Scale and shift of its group norm.
    scale: Vec<f32>,
    shift: Vec<f32>,
    rest: Vec<Product>,
    /// Samples between features, and samples that one feature sees.
    step: usize,
    reach: usize,
    width: usize,
}

impl Extractor {
    /// Loads `0.conv`, `0.layer_norm` (a group norm by its nature), `1.conv` and so on; no convolution has a bias.
    pub(super) fn load(scope: &Scope<'_>, config: &Wav2VecConfig) -> Result<Self> {
        let (widths, kernels, strides) = (&config.conv_channels, &config.conv_kernels, &config.conv_strides);
        let (mut step, mut reach) = (1, 1);
        for (kernel, stride) in kernels.iter().zip(strides) {
            reach += (kernel - 1) * step;
            step *= stride;
        }
        let conv = |layer: usize| {
            let (inner, outer, kernel) = (widths[layer - 1], widths[layer], kernels[layer]);
            let weights = scope.at(layer).take("conv.weight", &[outer, inner, kernel])?;
            let geometry = Geometry { kernel: [1, kernel], stride: strides[layer], ..Geometry::POINT };
            Ok(Product::new(Packed::new(scope.form(), &Numbers::Single(weights), outer, inner, kernel), None, geometry))
        };
        let entrance = scope.at(0);
        Ok(Self {
            first: Window { kernel: kernels[0], stride: strides[0] },
            taps: entrance.take("conv.weight", &[widths[0], 1, kernels[0]])?,
            scale: entrance.take("layer_norm.weight", &[widths[0]])?,
            shift: entrance.take("layer_norm.bias", &[widths[0]])?,
            rest: (1..widths.len()).map(conv).collect::<Result<_>>()?,
            step,
            reach,
            width: widths[widths.len() - 1],
        })
    }

    /// The window of the first convolution.
    pub(super) fn first(&self) -> Window {
        self.first
    }

    /// Numbers in a feature.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Features of a track of `samples`.
    pub(super) fn count(&self, samples: usize) -> usize {
        samples.checked_sub(self.reach).map_or(0, |rest| rest / self.step + 1)
    }

    /// Samples between features, and samples that one feature sees.
    pub(super) fn step_and_reach(&self) -> [usize; 2] {
        [self.step, self.reach]
    }

    /// What of the extractor depends on the track: the group norm's statistics are folded into the first convolution.
    pub(super) fn tune(&self, survey: Survey) -> Tuning {
        let (mut taps, mut bias) = (Vec::with_capacity(self.taps.len()), Vec::with_capacity(self.scale.len()));
        for ((weights, scale), shift) in self.taps.chunks_exact(self.first.kernel).zip(&self.scale).zip(&self.shift) {
            let (mean, variance) = survey.channel(weights);
            let factor = f64::from(*scale) / (variance + EPS).sqrt();
            taps.extend(weights.iter().map(|weight| (f64::from(*weight) * factor) as f32));
            bias.push((f64::from(*shift) - mean * factor) as f32);
        }
        let packed = Packed::new(Form::Exact, &Numbers::Single(taps), bias.len(), self.first.kernel, 1);
        Tuning { survey, first: Product::new(packed, Some(bias), Geometry::POINT) }
    }

    /// All features of consecutive samples that are not normalised, row by row. A piece gives the same bits as the whole.
    pub(super) fn features(&self, tuning: &Tuning, samples: &[f32]) -> candle_core::Result<Vec<f32>> {
        let count = self.count(samples.len());
        let mut out = Vec::with_capacity(count * self.width);
        for from in (0..count).step_by(PIECE) {
            let to = (from + PIECE).min(count);
            out.extend(self.piece(tuning, &samples[from * self.step..(to - 1) * self.step + self.reach])?);
        }
        Ok(out)
    }

    fn piece(&self, tuning: &Tuning, samples: &[f32]) -> candle_core::Result<Vec<f32>> {
        let Window { kernel, stride } = self.first;
        let normal: Vec<f32> = samples.iter().map(|x| tuning.survey.normalised(*x)).collect();
        // Written out, the windows of a single channel are rows of a linear layer.
        let windows: Vec<f32> = normal.windows(kernel).step_by(stride).flatten().copied().collect();
        let rows = windows.len() / kernel;
        let mut x = gelu(&tuning.first.rows(&Tensor::from_vec(windows, (1, 1, rows, kernel), &Device::Cpu)?)?)?;
        for conv in &self.rest {
            x = gelu(&conv.maps(&x)?)?;
        }
        x.flatten_all()?.to_vec1()
    }
}

/// The extractor's side of one track.
pub(super) struct Tuning {
    pub(super) survey: Survey,
    first: Product,
}
