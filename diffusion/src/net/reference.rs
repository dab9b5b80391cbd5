//! `ReferenceNet`: the denoiser's spatial part, run over clean latents, whose self-attention maps are features.

use candle_core::{DType, Device, Result, Tensor};

use super::{
    blocks::{Blocks, EPS},
    layers::conv,
    time_embedding::TimeEmbedding,
    transformer::ReferenceTransformer,
};
use crate::{
    kernels::{Geometry, Product, meter::part, silu},
    pack::{manifest::Manifest, weights::Scope},
};

/// Reference features of the portrait and of motion frames (EMO, section 3.2).
pub(crate) struct ReferenceNet {
    time: TimeEmbedding,
    conv_in: Product,
    blocks: Blocks<ReferenceTransformer>,
}

impl ReferenceNet {
    /// Loads the network.
    pub(crate) fn load(scope: &Scope<'_>, manifest: &Manifest) -> shared::Result<Self> {
        let width = manifest.unet.channels[0];
        Ok(Self {
            time: TimeEmbedding::load(&scope.at("time_embedding"), width)?,
            conv_in: conv(&scope.at("conv_in"), manifest.vae.latent_channels, width, Geometry::SAME)?,
            blocks: Blocks::load(scope, &manifest.unet, EPS, |scope, place| {
                ReferenceTransformer::load(&scope.at(format!("attentions.{}", place.index)), place.width, place.last)
            })?,
        })
    }

    /// One feature `[n, hw, c]` for each layer of latents `[n, s, s, channels]`; the diffusion step is always 0.
    pub(crate) fn forward(&self, latents: &Tensor) -> Result<Vec<Tensor>> {
        part("reference network", || self.features(latents))
    }

    fn features(&self, latents: &Tensor) -> Result<Vec<Tensor>> {
        let time = silu(&self.time.forward(0)?)?;
        let mut features = Vec::new();
        self.blocks.forward(self.conv_in.maps(latents)?, &time, |_, layer, x| {
            let x = layer.resnet.forward(x, Some(&time))?;
            let (feature, out) = layer.rest.forward(&x)?;
            features.push(feature);
            // After the last feature nothing is read any more.
            Ok(out.unwrap_or(x))
        })?;
        Ok(features)
    }

    /// The maps of `n` motion frames where there are none, for latents of edge `size`: zeros.
    pub(crate) fn blank(&self, n: usize, size: usize) -> Result<Vec<Tensor>> {
        let widths = self.blocks.map_sizes(size);
        widths.map(|(pixels, channels)| Tensor::zeros((n, pixels, channels), DType::F32, &Device::Cpu)).collect()
    }

    /// The spatial transformer of the first layer.
    #[cfg(test)]
    pub(crate) fn first(&self) -> Option<&ReferenceTransformer> {
        self.blocks.layers().next().map(|layer| &layer.rest)
    }
}
