//! Spatial transformer of both `UNets`: self-attention (which may also see a reference bank), face tokens, feed-forward.

use candle_core::{Result, Tensor};

use super::face::{FaceAttention, FaceProducts};
use crate::{
    kernels::{LayerNorm, meter::part},
    net::{
        layers::layer_norm,
        transformer::{Entrance, Exit, Width},
    },
    pack::weights::Scope,
};

/// One layer.
pub(crate) struct SpatialTransformer {
    entrance: Entrance,
    norm2: LayerNorm,
    attn2: FaceAttention,
    exit: Exit,
}

impl SpatialTransformer {
    /// Loads a layer for face tokens of `token` numbers.
    pub(crate) fn load(scope: &Scope<'_>, width: Width, token: usize) -> shared::Result<Self> {
        let block = scope.at("transformer_blocks.0");
        Ok(Self {
            entrance: Entrance::load(scope, width)?,
            norm2: layer_norm(&block.at("norm2"), width.channels)?,
            attn2: FaceAttention::load(&block.at("attn2"), width, token)?,
            exit: Exit::load(scope, width)?,
        })
    }

    /// The layer's attention to the tokens of a face.
    pub(crate) fn face(&self, tokens: &Tensor) -> Result<FaceProducts> {
        self.attn2.products(tokens)
    }

    /// Keys and values of reference features `[m, hw, c]`: a bank `[m, hw, 2 c]`.
    pub(crate) fn bank(&self, features: &Tensor) -> Result<Tensor> {
        self.entrance.attn1.keys(features)
    }

    /// Maps `x` `[n, h, w, c]` through the layer. Entry i sees itself and, if there is a `bank`, entry `i mod m` of it.
    pub(crate) fn forward(&self, x: &Tensor, bank: Option<&Tensor>, face: &FaceProducts) -> Result<Tensor> {
        let (tokens, normed) = part("spatial: projections", || self.entrance.opening.forward(x))?;
        self.rest(&tokens, &normed, x, bank, face)
    }

    /// As [`Self::forward`] without a bank; also gives what self-attention sees, `[n, hw, c]`: the reference feature.
    pub(crate) fn with_feature(&self, x: &Tensor, face: &FaceProducts) -> Result<(Tensor, Tensor)> {
        let (tokens, feature) = self.entrance.opening.forward(x)?;
        let out = self.rest(&tokens, &feature, x, None, face)?;
        Ok((feature, out))
    }

    fn rest(
        &self,
        tokens: &Tensor,
        normed: &Tensor,
        x: &Tensor,
        bank: Option<&Tensor>,
        face: &FaceProducts,
    ) -> Result<Tensor> {
        let attention = &self.entrance.attn1;
        let tokens = part("spatial: self-attention", || match bank {
            None => attention.forward(normed, tokens),
            Some(bank) => {
                let qkv = attention.project(normed)?;
                attention.among(&qkv, &qkv, bank, tokens)
            }
        })?;
        let tokens = part("spatial: face tokens", || face.forward(&self.norm2.forward(&tokens)?, &tokens))?;
        part("spatial: feed-forward", || self.exit.forward(&tokens, x))
    }
}
