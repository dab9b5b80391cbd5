//! The positional convolution: long, in groups, and normalised by weight.

use candle_core::{Result, Tensor};

use crate::{
    kernels::{Form, Geometry, Numbers, Packed, Product, gelu},
    pack::{hallo::Wav2VecConfig, weights::Scope},
};

/// A convolution along time that adds to each frame what lies around it.
pub(super) struct PositionConv {
    /// One convolution for each group of channels.
    groups: Vec<Product>,
    channels: usize,
}

impl PositionConv {
    /// Loads `bias` and the weights, whose norm and direction are saved apart (weight normalisation, arXiv 1602.07868, with
    /// one norm for each tap); they are multiplied here once.
    pub(super) fn load(scope: &Scope<'_>, config: &Wav2VecConfig) -> shared::Result<Self> {
        let (channels, taps) = (config.channels, config.position_kernel);
        let width = channels / config.position_groups;
        let saved = scope.at("parametrizations.weight");
        let norms = saved.take("original0", &[1, 1, taps])?;
        let mut weights = saved.take("original1", &[channels, width, taps])?;
        let bias = scope.take("bias", &[channels])?;
        let mut squares = vec![0.0; taps];
        for row in weights.chunks_exact(taps) {
            squares.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x) * f64::from(*x));
        }
        for row in weights.chunks_exact_mut(taps) {
            for ((x, norm), squares) in row.iter_mut().zip(&norms).zip(&squares) {
                *x = (f64::from(*x) * f64::from(*norm) / squares.sqrt()) as f32;
            }
        }
        // As many frames come out as go in; of an even number of taps, the last one looks less far.
        let geometry = Geometry { kernel: [1, taps], pad_x: [taps / 2, (taps - 1) / 2], ..Geometry::POINT };
        let group = |(weights, bias): (&[f32], &[f32])| {
            Product::new(
                Packed::new(Form::Exact, &Numbers::Single(weights.to_vec()), width, width, taps),
                Some(bias.to_vec()),
                geometry,
            )
        };
        let groups = weights.chunks_exact(width * width * taps).zip(bias.chunks_exact(width)).map(group).collect();
        Ok(Self { groups, channels })
    }

    /// `x` `[frames, channels]` plus the activated convolution.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let frames = x.dim(0)?;
        let width = self.channels / self.groups.len();
        let group = |(index, conv): (usize, &Product)| {
            let own = x.narrow(1, index * width, width)?.contiguous()?.reshape((1, 1, frames, width))?;
            conv.maps(&own)?.reshape((frames, width))
        };
        let parts = self.groups.iter().enumerate().map(group).collect::<Result<Vec<_>>>()?;
        gelu(&Tensor::cat(&parts, 1)?)? + x
    }
}
