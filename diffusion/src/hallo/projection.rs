//! What conditions the network as tokens: a face embedding, and speech features.

use candle_core::{Result, Tensor};

use crate::{
    kernels::{LayerNorm, Product, relu},
    net::layers::{layer_norm, linear},
    pack::{hallo::HalloConfig, weights::Scope},
};

/// A face embedding to face tokens: linear, layer norm.
pub(crate) struct FaceProjection {
    tokens: usize,
    token: usize,
    proj: Product,
    norm: LayerNorm,
}

impl FaceProjection {
    /// Loads `proj` and `norm`.
    pub(crate) fn load(scope: &Scope<'_>, config: &HalloConfig) -> shared::Result<Self> {
        let (tokens, token) = (config.face.tokens, config.unet.cross_attention_dim);
        Ok(Self {
            tokens,
            token,
            proj: linear(&scope.at("proj"), config.face.embedding, tokens * token)?,
            norm: layer_norm(&scope.at("norm"), token)?,
        })
    }

    /// Tokens `[1, tokens, token]` of an embedding `[1, embedding]`.
    pub(crate) fn forward(&self, embedding: &Tensor) -> Result<Tensor> {
        self.norm.forward(&self.proj.rows(embedding)?.reshape((1, self.tokens, self.token))?)
    }
}

/// Speech features around a frame to its audio tokens: three linear layers, layer norm.
pub(crate) struct AudioProjection {
    window: usize,
    tokens: usize,
    token: usize,
    layers: [Product; 3],
    norm: LayerNorm,
}

impl AudioProjection {
    /// Loads `proj1` to `proj3` and `norm`.
    pub(crate) fn load(scope: &Scope<'_>, config: &HalloConfig) -> shared::Result<Self> {
        let audio = config.audio;
        let inner = audio.window * config.feature_width();
        Ok(Self {
            window: audio.window,
            tokens: audio.tokens,
            token: audio.token_dim,
            layers: [
                linear(&scope.at("proj1"), inner, audio.hidden)?,
                linear(&scope.at("proj2"), audio.hidden, audio.hidden)?,
                linear(&scope.at("proj3"), audio.hidden, audio.tokens * audio.token_dim)?,
            ],
            norm: layer_norm(&scope.at("norm"), audio.token_dim)?,
        })
    }

    /// Tokens `[f, tokens, token]` of features `[f + window - 1, width]`, half a window of them on either side of the frames.
    pub(crate) fn forward(&self, features: &Tensor) -> Result<Tensor> {
        let frames = features.dim(0)? + 1 - self.window;
        let windows: Vec<Tensor> =
            (0..self.window).map(|offset| features.narrow(0, offset, frames)).collect::<Result<_>>()?;
        let [first, second, third] = &self.layers;
        let hidden = relu(&first.rows(&Tensor::cat(&windows, 1)?)?)?;
        let tokens = third.rows(&relu(&second.rows(&hidden)?)?)?;
        self.norm.forward(&tokens.reshape((frames, self.tokens, self.token))?)
    }
}
