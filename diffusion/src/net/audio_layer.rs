//! Audio layer: every pixel of a frame attends to the audio tokens of that frame (EMO, section 3.2).

use candle_core::{Result, Tensor};

use super::{
    attention::{CrossAttention, FeedForward},
    layers::{conv, group_norm, layer_norm},
    transformer::{EPS, Width, tokens},
};
use crate::{
    kernels::{Geometry, GroupNorm, LayerNorm, Product},
    pack::weights::Scope,
};

/// Group norm, projection, cross-attention, feed-forward, projection, residual.
pub(crate) struct AudioLayer {
    norm: GroupNorm,
    proj_in: Product,
    norm2: LayerNorm,
    attn2: CrossAttention,
    norm3: LayerNorm,
    ff: FeedForward,
    proj_out: Product,
}

impl AudioLayer {
    /// Loads a layer for tokens of `token` numbers.
    pub(crate) fn load(scope: &Scope<'_>, width: Width, token: usize) -> shared::Result<Self> {
        let Width { channels, heads, groups, ff_mult } = width;
        let block = scope.at("transformer_blocks.0");
        Ok(Self {
            norm: group_norm(&scope.at("norm"), groups, channels, EPS)?,
            proj_in: conv(&scope.at("proj_in"), channels, channels, Geometry::POINT)?,
            norm2: layer_norm(&block.at("norm2"), channels)?,
            attn2: CrossAttention::load(&block.at("attn2"), channels, heads, token)?,
            norm3: layer_norm(&block.at("norm3"), channels)?,
            ff: FeedForward::load(&block.at("ff"), channels, ff_mult)?,
            proj_out: conv(&scope.at("proj_out"), channels, channels, Geometry::POINT)?,
        })
    }

    /// Keys and values of audio tokens `[frames, tokens, token]`.
    pub(crate) fn keys(&self, audio: &Tensor) -> Result<Tensor> {
        self.attn2.keys(audio)
    }

    /// Maps `x` `[n, h, w, c]` through the layer. `audio` (from [`Self::keys`]) belongs to the first frames of `x`;
    /// frames after those are the blind side of guidance, which sees tokens of zeros.
    pub(crate) fn forward(&self, x: &Tensor, audio: &Tensor) -> Result<Tensor> {
        let all = tokens(&self.proj_in.rows(&self.norm.forward(x)?)?)?;
        let listeners = all.narrow(0, 0, audio.dim(0)?)?;
        let all = self.attn2.forward(&self.norm2.forward(&listeners)?, audio, &all)?;
        let all = self.ff.forward(&self.norm3.forward(&all)?, &all)?;
        self.proj_out.rows_onto(&all.reshape(x.shape())?, Some(x))
    }
}
