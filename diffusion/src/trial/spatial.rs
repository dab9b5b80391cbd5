//! The plain network of Stable Diffusion 1.5: no reference, no audio, no time.

use candle_core::{Result, Tensor};

use crate::{
    kernels::{Geometry, GroupNorm, LayerNorm, Product, silu},
    net::{
        attention::CrossAttention,
        blocks::{Blocks, EPS, Way},
        layers::{conv, group_norm, layer_norm},
        time_embedding::TimeEmbedding,
        transformer::{Entrance, Exit, Width},
    },
    pack::{manifest::Manifest, weights::Scope},
};

/// Numbers of a token that the picture is drawn from.
pub(super) const TOKEN: usize = 768;

/// The network.
pub(super) struct Spatial {
    time: TimeEmbedding,
    conv_in: Product,
    blocks: Blocks<Option<Transformer>>,
    norm_out: GroupNorm,
    conv_out: Product,
}

/// Self-attention, attention to tokens, feed-forward.
struct Transformer {
    entrance: Entrance,
    norm2: LayerNorm,
    attn2: CrossAttention,
    exit: Exit,
}

impl Transformer {
    fn load(scope: &Scope<'_>, width: Width) -> shared::Result<Self> {
        let block = scope.at("transformer_blocks.0");
        Ok(Self {
            entrance: Entrance::load(scope, width)?,
            norm2: layer_norm(&block.at("norm2"), width.channels)?,
            attn2: CrossAttention::load(&block.at("attn2"), width.channels, width.heads, TOKEN)?,
            exit: Exit::load(scope, width)?,
        })
    }

    fn forward(&self, x: &Tensor, tokens: &Tensor) -> Result<Tensor> {
        let rows = self.entrance.forward(x)?;
        let rows = self.attn2.forward(&self.norm2.forward(&rows)?, &self.attn2.keys(tokens)?, &rows)?;
        self.exit.forward(&rows, x)
    }
}

impl Spatial {
    /// Loads the network. As in Stable Diffusion, the level of the smallest maps has transformers in the middle only.
    pub(super) fn load(scope: &Scope<'_>, manifest: &Manifest) -> shared::Result<Self> {
        let (unet, latent) = (&manifest.unet, manifest.vae.latent_channels);
        let width = unet.channels[0];
        Ok(Self {
            time: TimeEmbedding::load(&scope.at("time_embedding"), width)?,
            conv_in: conv(&scope.at("conv_in"), latent, width, Geometry::SAME)?,
            blocks: Blocks::load(scope, unet, EPS, |scope, place| {
                let scope = scope.at(format!("attentions.{}", place.index));
                let is_bare = place.level + 1 == unet.channels.len() && place.way != Way::Middle;
                (!is_bare).then(|| Transformer::load(&scope, place.width)).transpose()
            })?,
            norm_out: group_norm(&scope.at("conv_norm_out"), unet.norm_groups, width, EPS)?,
            conv_out: conv(&scope.at("conv_out"), width, latent, Geometry::SAME)?,
        })
    }

    /// The output for a noisy latent `[n, s, s, channels]` at diffusion step `step` and tokens `[1, rows, TOKEN]`.
    pub(super) fn forward(&self, noisy: &Tensor, step: usize, tokens: &Tensor) -> Result<Tensor> {
        let time = silu(&self.time.forward(step)?)?;
        let x = self.blocks.forward(self.conv_in.maps(noisy)?, &time, |_, layer, x| {
            let x = layer.resnet.forward(x, Some(&time))?;
            layer.rest.as_ref().map_or_else(|| Ok(x.clone()), |rest| rest.forward(&x, tokens))
        })?;
        self.conv_out.maps(&self.norm_out.forward_silu(&x)?)
    }
}
