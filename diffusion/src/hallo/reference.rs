//! `ReferenceNet`: the denoiser's spatial part, run over clean latents; what its self-attentions see are the features.

use candle_core::{Result, Tensor};

use super::{face::FaceProducts, spatial::SpatialTransformer};
use crate::{
    kernels::{Geometry, Product, silu},
    net::{blocks::Blocks, layers::conv, time_embedding::TimeEmbedding, transformer::Opening},
    pack::{
        hallo::HalloConfig,
        weights::{Scope, Weights},
    },
};

/// Reference features of the portrait and of motion frames.
pub(crate) struct ReferenceNet {
    time: TimeEmbedding,
    conv_in: Product,
    blocks: Blocks<Option<Layer>>,
}

/// The attention of one place.
enum Layer {
    /// A whole transformer.
    Whole(Box<SpatialTransformer>),
    /// The last one, of which nothing is read but its feature (exact saving 9).
    Last(Box<Opening>),
}

impl ReferenceNet {
    /// Loads the network.
    pub(crate) fn load(scope: &Scope<'_>, config: &HalloConfig) -> shared::Result<Self> {
        let width = config.unet.channels[0];
        let unet = super::unet_of(config);
        Ok(Self {
            time: TimeEmbedding::load(&scope.at("time_embedding"), width)?,
            conv_in: conv(&scope.at("conv_in"), config.vae.latent_channels, width, Geometry::SAME)?,
            blocks: Blocks::load(scope, &unet, config.unet.norm_eps, |scope, place| {
                if !super::attends(config, place) {
                    return Ok(None);
                }
                let scope = scope.at(format!("attentions.{}", place.index));
                Ok(Some(if place.last {
                    let layer = Opening::load(&scope, place.width)?;
                    // Nobody reads the rest, but a file without it, or with another, is not the published one.
                    let whole = Weights::absent("the last attention");
                    SpatialTransformer::load(&whole.root(), place.width, config.unet.cross_attention_dim)?;
                    scope.pass_over(&whole.noted())?;
                    Layer::Last(Box::new(layer))
                } else {
                    Layer::Whole(Box::new(SpatialTransformer::load(
                        &scope,
                        place.width,
                        config.unet.cross_attention_dim,
                    )?))
                }))
            })?,
        })
    }

    /// The attentions of all layers but the last to face tokens `[1, tokens, token]`.
    pub(crate) fn faces(&self, tokens: &Tensor) -> Result<Vec<FaceProducts>> {
        let layers = self.blocks.layers().filter_map(|layer| layer.rest.as_ref());
        let whole = layers.filter_map(|layer| match layer {
            Layer::Whole(layer) => Some(layer.face(tokens)),
            Layer::Last(_) => None,
        });
        whole.collect()
    }

    /// The attentions but the last, and what is left of that one.
    #[cfg(test)]
    pub(super) fn attentions(&self) -> (Vec<&SpatialTransformer>, &Opening) {
        let (mut whole, mut end) = (Vec::new(), None);
        for layer in self.blocks.layers().filter_map(|layer| layer.rest.as_ref()) {
            match layer {
                Layer::Whole(layer) => whole.push(layer.as_ref()),
                Layer::Last(opening) => end = Some(opening.as_ref()),
            }
        }
        (whole, end.unwrap())
    }

    /// One feature `[n, hw, c]` for each attention of latents `[n, s, s, channels]`; the diffusion step is always 0.
    pub(crate) fn forward(&self, latents: &Tensor, faces: &[FaceProducts]) -> Result<Vec<Tensor>> {
        let time = silu(&self.time.forward(0)?)?;
        let mut features = Vec::new();
        self.blocks.forward(self.conv_in.maps(latents)?, &time, |_, layer, x| {
            let x = layer.resnet.forward(x, Some(&time))?;
            match &layer.rest {
                None => Ok(x),
                Some(Layer::Whole(attention)) => {
                    let (feature, out) = attention.with_feature(&x, &faces[features.len()])?;
                    features.push(feature);
                    Ok(out)
                }
                Some(Layer::Last(opening)) => {
                    features.push(opening.forward(&x)?.1);
                    Ok(x)
                }
            }
        })?;
        Ok(features)
    }
}
