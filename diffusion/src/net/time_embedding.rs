//! The diffusion step as a vector.

use candle_core::{Device, Result, Tensor};

use super::layers::linear;
use crate::{
    kernels::{Product, silu},
    pack::weights::Scope,
};

/// Sinusoidal code of the step (cosines first, in f32), linear, `SiLU`, linear.
pub(crate) struct TimeEmbedding {
    channels: usize,
    linear_1: Product,
    linear_2: Product,
}

impl TimeEmbedding {
    /// Loads `linear_1` and `linear_2`; the embedding has `4 * channels` numbers.
    pub(crate) fn load(scope: &Scope<'_>, channels: usize) -> shared::Result<Self> {
        Ok(Self {
            channels,
            linear_1: linear(&scope.at("linear_1"), channels, 4 * channels)?,
            linear_2: linear(&scope.at("linear_2"), 4 * channels, 4 * channels)?,
        })
    }

    /// The embedding of one step, `[1, 4 channels]`.
    pub(crate) fn forward(&self, step: usize) -> Result<Tensor> {
        let half = self.channels / 2;
        let angle = |i: usize| {
            let rate = libm::expf(-(libm::log(10_000.0) as f32) * i as f32 / half as f32);
            step as f32 * rate
        };
        let cosines = (0..half).map(|i| libm::cosf(angle(i)));
        let code: Vec<f32> = cosines.chain((0..half).map(|i| libm::sinf(angle(i)))).collect();
        let code = Tensor::from_vec(code, (1, self.channels), &Device::Cpu)?;
        self.linear_2.rows(&silu(&self.linear_1.rows(&code)?)?)
    }
}
