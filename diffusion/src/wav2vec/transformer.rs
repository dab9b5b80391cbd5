//! The transformer: layers that normalise after each residual.

use candle_core::{Result, Tensor};

use super::position::PositionConv;
use crate::{
    kernels::{Heads, LayerNorm, Product, attend_self, gelu},
    net::layers::{layer_norm, linear, linears},
    pack::{hallo::Wav2VecConfig, weights::Scope},
};

/// Positional convolution, norm, and layers.
pub(super) struct Transformer {
    position: PositionConv,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

struct Layer {
    heads: Heads,
    /// Query, key and value side by side.
    qkv: Product,
    out: Product,
    norm: LayerNorm,
    widen: Product,
    narrow: Product,
    final_norm: LayerNorm,
}

impl Transformer {
    pub(super) fn load(scope: &Scope<'_>, config: &Wav2VecConfig) -> shared::Result<Self> {
        let channels = config.channels;
        let layer = |index: usize| {
            let scope = scope.at(format!("layers.{index}"));
            let (attention, feed) = (scope.at("attention"), scope.at("feed_forward"));
            let projections = [attention.at("q_proj"), attention.at("k_proj"), attention.at("v_proj")];
            Ok(Layer {
                heads: Heads { count: config.heads, channels, form: scope.form() },
                qkv: linears(&projections, channels, channels, true)?,
                out: linear(&attention.at("out_proj"), channels, channels)?,
                norm: layer_norm(&scope.at("layer_norm"), channels)?,
                widen: linear(&feed.at("intermediate_dense"), channels, config.ff_channels)?,
                narrow: linear(&feed.at("output_dense"), config.ff_channels, channels)?,
                final_norm: layer_norm(&scope.at("final_layer_norm"), channels)?,
            })
        };
        Ok(Self {
            position: PositionConv::load(&scope.at("pos_conv_embed.conv"), config)?,
            norm: layer_norm(&scope.at("layer_norm"), channels)?,
            layers: (0..config.layers).map(layer).collect::<shared::Result<_>>()?,
        })
    }

    /// Projected features `[frames, channels]` to the first hidden state.
    pub(super) fn enter(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward(&self.position.forward(x)?)
    }

    /// The hidden state after layer `index`, from the one before it; scores are made for a few rows at a time.
    pub(super) fn layer(&self, index: usize, x: &Tensor) -> Result<Tensor> {
        let layer = &self.layers[index];
        let (frames, channels) = x.dims2()?;
        let qkv = layer.qkv.rows(x)?.reshape((1, frames, 3 * channels))?;
        let attended = attend_self(layer.heads, &qkv)?.reshape((frames, channels))?;
        let x = layer.norm.forward(&layer.out.rows_onto(&attended, Some(x))?)?;
        let wide = gelu(&layer.widen.rows(&x)?)?;
        layer.final_norm.forward(&layer.narrow.rows_onto(&wide, Some(&x))?)
    }
}
