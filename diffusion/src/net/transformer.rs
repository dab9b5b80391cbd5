//! Spatial transformer: self-attention, reference-attention and feed-forward over the pixels of each frame.

use candle_core::{Result, Tensor};

use super::{
    attention::{CrossAttention, FeedForward, SelfAttention},
    layers::{conv, group_norm, layer_norm},
};
use crate::{
    kernels::{Geometry, GroupNorm, LayerNorm, Product},
    pack::weights::Scope,
};

/// Epsilon of the group norms at the entrance of transformers.
pub(crate) const EPS: f64 = 1e-6;

/// Sizes that all transformers of a layer share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Width {
    /// Channels.
    pub(crate) channels: usize,
    /// Heads of every attention.
    pub(crate) heads: usize,
    /// Groups of the norm at the entrance.
    pub(crate) groups: usize,
    /// Width of the feed-forward layer over the channels.
    pub(crate) ff_mult: usize,
}

/// Group norm, projection, layer norm: what every spatial transformer begins with.
pub(crate) struct Opening {
    norm: GroupNorm,
    proj_in: Product,
    norm1: LayerNorm,
}

impl Opening {
    /// Loads `norm`, `proj_in` and `norm1`.
    pub(crate) fn load(scope: &Scope<'_>, width: Width) -> shared::Result<Self> {
        let Width { channels, groups, .. } = width;
        Ok(Self {
            norm: group_norm(&scope.at("norm"), groups, channels, EPS)?,
            proj_in: conv(&scope.at("proj_in"), channels, channels, Geometry::POINT)?,
            norm1: layer_norm(&scope.at("transformer_blocks.0.norm1"), channels)?,
        })
    }

    /// Maps `[n, h, w, c]` as tokens `[n, hw, c]` before self-attention, and the same normalised for it.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let tokens = tokens(&self.proj_in.rows(&self.norm.forward(x)?)?)?;
        let normed = self.norm1.forward(&tokens)?;
        Ok((tokens, normed))
    }
}

/// Opening and self-attention: what the `ReferenceNet`'s last layer has and every other begins with.
pub(crate) struct Entrance {
    pub(crate) opening: Opening,
    pub(crate) attn1: SelfAttention,
}

impl Entrance {
    /// Loads an opening and `attn1`.
    pub(crate) fn load(scope: &Scope<'_>, width: Width) -> shared::Result<Self> {
        let attention = scope.at("transformer_blocks.0.attn1");
        Ok(Self {
            opening: Opening::load(scope, width)?,
            attn1: SelfAttention::load(&attention, width.channels, width.heads, false)?,
        })
    }

    /// Maps `[n, h, w, c]` to tokens `[n, hw, c]` after self-attention and its residual.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (tokens, normed) = self.opening.forward(x)?;
        self.attn1.forward(&normed, &tokens)
    }
}

/// Feed-forward, projection, residual.
pub(crate) struct Exit {
    norm3: LayerNorm,
    ff: FeedForward,
    proj_out: Product,
}

impl Exit {
    /// Loads `norm3`, `ff` and `proj_out`.
    pub(crate) fn load(scope: &Scope<'_>, width: Width) -> shared::Result<Self> {
        let block = scope.at("transformer_blocks.0");
        Ok(Self {
            norm3: layer_norm(&block.at("norm3"), width.channels)?,
            ff: FeedForward::load(&block.at("ff"), width.channels, width.ff_mult)?,
            proj_out: conv(&scope.at("proj_out"), width.channels, width.channels, Geometry::POINT)?,
        })
    }

    /// Maps `x` `[n, h, w, c]` plus what comes of `tokens` `[n, hw, c]`.
    pub(crate) fn forward(&self, tokens: &Tensor, x: &Tensor) -> Result<Tensor> {
        let tokens = self.ff.forward(&self.norm3.forward(tokens)?, tokens)?;
        self.proj_out.rows_onto(&tokens.reshape(x.shape())?, Some(x))
    }
}

/// The denoiser's spatial transformer.
pub(crate) struct SpatialTransformer {
    entrance: Entrance,
    norm2: LayerNorm,
    attn2: CrossAttention,
    exit: Exit,
}

impl SpatialTransformer {
    /// Loads a layer.
    pub(crate) fn load(scope: &Scope<'_>, width: Width) -> shared::Result<Self> {
        let block = scope.at("transformer_blocks.0");
        Ok(Self {
            entrance: Entrance::load(scope, width)?,
            norm2: layer_norm(&block.at("norm2"), width.channels)?,
            attn2: CrossAttention::load(&block.at("attn2"), width.channels, width.heads, width.channels)?,
            exit: Exit::load(scope, width)?,
        })
    }

    /// Keys and values of a reference feature `[films, hw, c]`.
    pub(crate) fn keys(&self, feature: &Tensor) -> Result<Tensor> {
        self.attn2.keys(feature)
    }

    /// Maps `x` `[n, h, w, c]` through the layer; `reference` from [`Self::keys`].
    pub(crate) fn forward(&self, x: &Tensor, reference: &Tensor) -> Result<Tensor> {
        let tokens = self.entrance.forward(x)?;
        let tokens = self.attn2.forward(&self.norm2.forward(&tokens)?, reference, &tokens)?;
        self.exit.forward(&tokens, x)
    }
}

/// The `ReferenceNet`'s spatial transformer.
pub(crate) struct ReferenceTransformer {
    entrance: Entrance,
    /// Absent where nothing follows the last feature.
    exit: Option<Exit>,
}

impl ReferenceTransformer {
    /// Loads a layer; the `last` one ends at its feature.
    pub(crate) fn load(scope: &Scope<'_>, width: Width, last: bool) -> shared::Result<Self> {
        let exit = (!last).then(|| Exit::load(scope, width)).transpose()?;
        Ok(Self { entrance: Entrance::load(scope, width)?, exit })
    }

    /// The reference feature `[n, hw, c]`, and the layer's output unless it is the last.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        let feature = self.entrance.forward(x)?;
        let out = self.exit.as_ref().map(|exit| exit.forward(&feature, x)).transpose()?;
        Ok((feature, out))
    }
}

/// Maps `[n, h, w, c]` as tokens `[n, hw, c]`; nothing is moved.
pub(crate) fn tokens(x: &Tensor) -> Result<Tensor> {
    let (n, height, width, channels) = x.dims4()?;
    x.reshape((n, height * width, channels))
}
