//! Picture autoencoder in the layout of Stable Diffusion's, with optional patches.

use candle_core::{Device, Result, Tensor};

use super::{
    attention::SelfAttention,
    layers::{conv, group_norm},
    resnet::{Resnet, ResnetSize},
    transformer::tokens,
};
use crate::{
    cuda::bring,
    kernels::{Geometry, GroupNorm, Product, meter::part},
    pack::{manifest, weights::Scope},
};

const EPS: f64 = 1e-6;

/// Pictures `[n, size, size, 3]` in -1..1 to latents `[n, s, s, channels]` and back.
pub(crate) struct Vae {
    patch: usize,
    shift: Vec<f32>,
    scale: Vec<f32>,
    encoder: Half,
    quant: Product,
    post_quant: Product,
    decoder: Half,
}

impl Vae {
    /// Loads both halves.
    pub(crate) fn load(scope: &Scope<'_>, vae: &manifest::Vae) -> shared::Result<Self> {
        let latent = vae.latent_channels;
        Ok(Self {
            patch: vae.patch,
            shift: vae.shift.clone(),
            scale: vae.scale.clone(),
            encoder: Half::encoder(&scope.at("encoder"), vae)?,
            quant: conv(&scope.at("quant_conv"), 2 * latent, 2 * latent, Geometry::POINT)?,
            post_quant: conv(&scope.at("post_quant_conv"), latent, latent, Geometry::POINT)?,
            decoder: Half::decoder(&scope.at("decoder"), vae)?,
        })
    }

    /// The latents of pictures: the mean of the posterior, shifted and scaled.
    pub(crate) fn encode(&self, pictures: &Tensor) -> Result<Tensor> {
        let moments = self.quant.maps(&self.encoder.forward(&fold(pictures, self.patch)?)?)?;
        let [shift, scale] = self.affine(&moments)?;
        moments.narrow(3, 0, self.shift.len())?.broadcast_sub(&shift)?.broadcast_mul(&scale)
    }

    /// The pictures of latents, not clamped.
    pub(crate) fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let latents = self.post_quant.bring(latents)?;
        let [shift, scale] = self.affine(&latents)?;
        let latents = latents.broadcast_div(&scale)?.broadcast_add(&shift)?;
        part("picture decoder", || unfold(&self.decoder.forward(&self.post_quant.maps(&latents)?)?, self.patch))
    }

    /// Shift and scale of each channel, where `like` is.
    fn affine(&self, like: &Tensor) -> Result<[Tensor; 2]> {
        let place = |numbers: &[f32]| bring(&Tensor::from_slice(numbers, numbers.len(), &Device::Cpu)?, like);
        Ok([place(&self.shift)?, place(&self.scale)?])
    }
}

/// Folds patches of pixels into channels, in the order of torch's `pixel_unshuffle`: channel, row, column.
fn fold(x: &Tensor, patch: usize) -> Result<Tensor> {
    let (n, height, width, channels) = x.dims4()?;
    x.reshape((n, height / patch, patch, width / patch, patch, channels))?
        .permute((0, 1, 3, 5, 2, 4))?
        .contiguous()?
        .reshape((n, height / patch, width / patch, channels * patch * patch))
}

/// Undoes [`fold`].
fn unfold(x: &Tensor, patch: usize) -> Result<Tensor> {
    let (n, height, width, channels) = x.dims4()?;
    let channels = channels / (patch * patch);
    x.reshape((n, height, width, channels, patch, patch))?.permute((0, 1, 4, 2, 5, 3))?.contiguous()?.reshape((
        n,
        height * patch,
        width * patch,
        channels,
    ))
}

/// Encoder or decoder.
struct Half {
    conv_in: Product,
    /// Where the middle stands: after the levels in the encoder, before them in the decoder.
    middle_first: bool,
    middle: Middle,
    levels: Vec<Level>,
    norm_out: GroupNorm,
    conv_out: Product,
}

struct Level {
    resnets: Vec<Resnet>,
    resample: Option<Product>,
}

struct Middle {
    before: Resnet,
    norm: GroupNorm,
    attention: SelfAttention,
    after: Resnet,
}

impl Half {
    fn encoder(scope: &Scope<'_>, vae: &manifest::Vae) -> shared::Result<Self> {
        let pixels = 3 * vae.patch * vae.patch;
        let layers = vae.layers_per_block;
        let down =
            |scope: &Scope<'_>, width| conv(&scope.at("downsamplers.0.conv"), width, width, Geometry::HALVE_CORNER);
        Self::load(scope, vae, "down_blocks", &vae.channels, [pixels, 2 * vae.latent_channels], layers, down)
    }

    fn decoder(scope: &Scope<'_>, vae: &manifest::Vae) -> shared::Result<Self> {
        let pixels = 3 * vae.patch * vae.patch;
        let widths: Vec<usize> = vae.channels.iter().rev().copied().collect();
        let up = |scope: &Scope<'_>, width| conv(&scope.at("upsamplers.0.conv"), width, width, Geometry::DOUBLE);
        Self::load(scope, vae, "up_blocks", &widths, [vae.latent_channels, pixels], vae.layers_per_block + 1, up)
    }

    fn load(
        scope: &Scope<'_>,
        vae: &manifest::Vae,
        name: &str,
        widths: &[usize],
        [inner, outer]: [usize; 2],
        layers: usize,
        resample: impl Fn(&Scope<'_>, usize) -> shared::Result<Product>,
    ) -> shared::Result<Self> {
        let groups = vae.norm_groups;
        let (first, last) = (widths[0], widths[widths.len() - 1]);
        let resnet = |scope: &Scope<'_>, inner, outer| {
            Resnet::load(scope, ResnetSize { inner, outer, time: None, groups, eps: EPS })
        };
        let mut levels = Vec::new();
        for (index, width) in widths.iter().enumerate() {
            let scope = scope.at(format!("{name}.{index}"));
            let before = widths[index.saturating_sub(1)];
            let resnets = (0..layers)
                .map(|i| resnet(&scope.at(format!("resnets.{i}")), if i == 0 { before } else { *width }, *width))
                .collect::<shared::Result<_>>()?;
            let resample = (index + 1 < widths.len()).then(|| resample(&scope, *width)).transpose()?;
            levels.push(Level { resnets, resample });
        }
        let middle_first = name == "up_blocks";
        let width = if middle_first { first } else { last };
        let middle = scope.at("mid_block");
        Ok(Self {
            conv_in: conv(&scope.at("conv_in"), inner, first, Geometry::SAME)?,
            middle_first,
            middle: Middle {
                before: resnet(&middle.at("resnets.0"), width, width)?,
                norm: group_norm(&middle.at("attentions.0.group_norm"), groups, width, EPS)?,
                attention: SelfAttention::load(&middle.at("attentions.0"), width, 1, true)?,
                after: resnet(&middle.at("resnets.1"), width, width)?,
            },
            levels,
            norm_out: group_norm(&scope.at("conv_norm_out"), groups, last, EPS)?,
            conv_out: conv(&scope.at("conv_out"), last, outer, Geometry::SAME)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.conv_in.maps(x)?;
        if self.middle_first {
            x = self.middle.forward(&x)?;
        }
        for level in &self.levels {
            for resnet in &level.resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(resample) = &level.resample {
                x = resample.maps(&x)?;
            }
        }
        if !self.middle_first {
            x = self.middle.forward(&x)?;
        }
        self.conv_out.maps(&self.norm_out.forward_silu(&x)?)
    }
}

impl Middle {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.before.forward(x, None)?;
        let normed = tokens(&self.norm.forward(&x)?)?;
        let y = self.attention.forward(&normed, &tokens(&x)?)?.reshape(x.shape())?;
        self.after.forward(&y, None)
    }
}
