//! Audio projection: the features around a frame become its audio tokens.

use candle_core::{Result, Tensor};

use super::layers::{layer_norm, linear};
use crate::{
    cuda::bring,
    kernels::{LayerNorm, Product, silu},
    pack::{manifest::Manifest, weights::Scope},
};

/// Linear plus a learned code of the offset, `SiLU`, linear, layer norm.
pub(crate) struct AudioProjection {
    window: usize,
    linear_1: Product,
    offsets: Tensor,
    linear_2: Product,
    norm: LayerNorm,
}

impl AudioProjection {
    /// Loads the layers.
    pub(crate) fn load(scope: &Scope<'_>, manifest: &Manifest) -> shared::Result<Self> {
        let token = manifest.audio_layers.token_dim;
        let window = manifest.audio_layers.window;
        let count = 2 * window + 1;
        let offsets = scope.take("offset_embedding", &[count, token])?;
        Ok(Self {
            window,
            linear_1: linear(&scope.at("linear_1"), manifest.audio.features, token)?,
            offsets: Tensor::from_vec(offsets, (count, token), &candle_core::Device::Cpu)
                .map_err(|e| shared::Error::world("cannot place the offset embedding").from_source(e))?,
            linear_2: linear(&scope.at("linear_2"), token, token)?,
            norm: layer_norm(&scope.at("norm"), token)?,
        })
    }

    /// Tokens `[frames, 2 m + 1, token]` from features `[frames + 2 m, width]`, m of them on either side of a frame.
    pub(crate) fn forward(&self, features: &Tensor) -> Result<Tensor> {
        let count = 2 * self.window + 1;
        let frames = features.dim(0)? - 2 * self.window;
        // The first layer sees each feature alone: run it once a feature, not once a window.
        let rows = self.linear_1.rows(features)?;
        let windows: Vec<Tensor> = (0..count).map(|offset| rows.narrow(0, offset, frames)).collect::<Result<_>>()?;
        let windows = Tensor::stack(&windows, 1)?.broadcast_add(&bring(&self.offsets, &rows)?)?;
        self.norm.forward(&self.linear_2.rows(&silu(&windows)?)?)
    }
}
