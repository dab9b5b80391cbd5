//! The denoising `UNet` (EMO's Backbone Network).

use std::sync::atomic::AtomicBool;
#[cfg(test)]
use std::sync::atomic::Ordering;

use candle_core::{Result, Tensor};
use shared::effort::Step;

use super::{
    audio_layer::AudioLayer,
    blocks::{Blocks, EPS, Layer},
    layers::{conv, group_norm},
    temporal::TemporalModule,
    time_embedding::TimeEmbedding,
    transformer::SpatialTransformer,
};
use crate::{
    cuda::{bring, or_apart},
    kernels::{Geometry, GroupNorm, Numbers, Packed, Product, meter::part, silu},
    pack::{manifest::Manifest, weights::Scope},
};

/// What maps go through before the blocks and after them, as its time and arithmetic are told.
const ENDS: &str = "first and last convolution";

/// Predicts v or the clean latent (`sampler.prediction`) from noisy latents.
pub(crate) struct Denoiser {
    frames: usize,
    time: TimeEmbedding,
    /// The part of `conv_in` that sees the noisy latent; without bias.
    conv_in: Product,
    /// The part of `conv_in` that sees the portrait's latent, if there is one.
    conv_reference: Option<Product>,
    /// The bias of `conv_in`.
    bias: Vec<f32>,
    /// Whether a card's memory was short for both sides of guidance at once.
    short: AtomicBool,
    blocks: Blocks<Attentions>,
    norm_out: GroupNorm,
    conv_out: Product,
}

/// The layers after a residual block.
pub(crate) struct Attentions {
    /// Self-attention and reference-attention.
    pub(crate) spatial: SpatialTransformer,
    /// Attention to audio.
    pub(crate) audio: AudioLayer,
    /// Attention along time and to speed.
    pub(crate) temporal: TemporalModule,
}

/// What the denoiser is told of a clip, in the form in which its layers read it; one entry for each layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    /// Keys and values of the reference features.
    pub(crate) reference: Vec<Tensor>,
    /// Keys and values of the audio tokens, `[f, tokens, 2 c]`.
    pub(crate) audio: Vec<Tensor>,
    /// Keys and values of the motion maps, `[hw, n, 2 c]`.
    pub(crate) motion: Vec<Tensor>,
    /// Keys and values of the speed tokens; empty without a speed.
    pub(crate) speed: Vec<Tensor>,
    /// What `conv_in` adds to every frame: portrait, face map and bias, `[f, s, s, c]`.
    pub(crate) base: Option<Tensor>,
}

/// What the deep layers made at an earlier step of a clip, for those that reuse it; nothing before the first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deep(Option<Tensor>);

#[cfg(test)]
impl Deep {
    /// Whether maps of so many frames are kept.
    pub(crate) fn is_of(&self, frames: usize) -> bool {
        self.0.as_ref().is_some_and(|maps| maps.dims().first() == Some(&frames))
    }
}

impl Denoiser {
    /// Loads the network.
    pub(crate) fn load(scope: &Scope<'_>, manifest: &Manifest) -> shared::Result<Self> {
        let (unet, latent) = (&manifest.unet, manifest.vae.latent_channels);
        let width = unet.channels[0];
        let inner = if unet.concat_reference { 2 * latent } else { latent };
        let entrance = scope.at("conv_in");
        let weights = entrance.take("weight", &[width, inner, 3, 3])?;
        // A convolution over joined channels is the sum of one over each part, and one part never changes.
        let part = |from: usize| {
            let rows = weights.chunks_exact(inner * 9).flat_map(|row| &row[from * 9..(from + latent) * 9]);
            let packed = Packed::new(scope.form(), &Numbers::Single(rows.copied().collect()), width, latent, 9);
            Product::new(packed, None, Geometry::SAME)
        };
        Ok(Self {
            frames: manifest.temporal.clip_frames,
            time: TimeEmbedding::load(&scope.at("time_embedding"), width)?,
            conv_in: part(0),
            conv_reference: unet.concat_reference.then(|| part(latent)),
            bias: entrance.take("bias", &[width])?,
            short: AtomicBool::new(false),
            blocks: Blocks::load(scope, unet, EPS, |scope, place| {
                let (index, width) = (place.index, place.width);
                let module = scope.at(format!("motion_modules.{index}"));
                Ok(Attentions {
                    spatial: SpatialTransformer::load(&scope.at(format!("attentions.{index}")), width)?,
                    audio: AudioLayer::load(
                        &scope.at(format!("audio_modules.{index}")),
                        width,
                        manifest.audio_layers.token_dim,
                    )?,
                    temporal: TemporalModule::load(&module, width, manifest.temporal, manifest.speed.token_dim)?,
                })
            })?,
            norm_out: group_norm(&scope.at("conv_norm_out"), unet.norm_groups, width, EPS)?,
            conv_out: conv(&scope.at("conv_out"), width, latent, Geometry::SAME)?,
        })
    }

    /// What `conv_in` adds to every frame: from the portrait's latent `[1, s, s, channels]` and the Face Locator's
    /// map `[1, s, s, c]`.
    pub(crate) fn base(&self, portrait: &Tensor, face: &Tensor) -> Result<Tensor> {
        let base = if let Some(conv) = &self.conv_reference {
            conv.maps_onto(portrait, Some(&self.bias), Some(face))?
        } else {
            let face = self.conv_in.bring(face)?;
            let bias = Tensor::from_slice(&self.bias, self.bias.len(), &candle_core::Device::Cpu)?;
            face.broadcast_add(&bring(&bias, &face)?)?
        };
        base.repeat((self.frames, 1, 1, 1))
    }

    /// Keys and values of the reference features, one for each layer.
    pub(crate) fn reference_keys(&self, features: &[Tensor]) -> Result<Vec<Tensor>> {
        self.layers().zip(features).map(|(layer, feature)| layer.rest.spatial.keys(feature)).collect()
    }

    /// Keys and values of audio tokens `[f, tokens, token]`.
    pub(crate) fn audio_keys(&self, tokens: &Tensor) -> Result<Vec<Tensor>> {
        self.layers().map(|layer| layer.rest.audio.keys(tokens)).collect()
    }

    /// Keys and values of motion maps, one `[n, hw, c]` for each layer.
    pub(crate) fn motion_keys(&self, maps: &[Tensor]) -> Result<Vec<Tensor>> {
        self.layers().zip(maps).map(|(layer, map)| layer.rest.temporal.motion_keys(map)).collect()
    }

    /// Keys and values of speed tokens `[1, f, token]`.
    pub(crate) fn speed_keys(&self, tokens: &Tensor) -> Result<Vec<Tensor>> {
        self.layers().map(|layer| layer.rest.temporal.speed_keys(tokens)).collect()
    }

    /// Pixels and channels of each layer's maps for latents of edge `size`.
    pub(crate) fn map_sizes(&self, size: usize) -> impl Iterator<Item = (usize, usize)> {
        self.blocks.map_sizes(size)
    }

    /// The time embedding.
    #[cfg(test)]
    pub(crate) fn time(&self) -> &TimeEmbedding {
        &self.time
    }

    /// Calls `f` as if a card's memory had been short before.
    #[cfg(test)]
    pub(crate) fn with_short_memory<T>(&self, f: impl FnOnce() -> T) -> T {
        self.short.store(true, Ordering::Relaxed);
        let result = f();
        self.short.store(false, Ordering::Relaxed);
        result
    }

    /// Whether it is computed on a card.
    pub(crate) fn is_on_card(&self) -> bool {
        self.conv_in.is_on_card()
    }

    /// `x` where the network is computed.
    pub(crate) fn bring(&self, x: &Tensor) -> Result<Tensor> {
        self.conv_in.bring(x)
    }

    /// All layers in the order in which they run.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Layer<Attentions>> {
        self.blocks.layers()
    }

    /// The output for noisy latents `[f, s, s, channels]` at diffusion step `t`. With `both` sides of guidance the result
    /// has twice the frames: first those that hear the audio, then those that do not.
    pub(crate) fn forward(&self, noisy: &Tensor, t: usize, given: &Conditions, both: bool) -> Result<Tensor> {
        self.step(noisy, Step { t, guided: both, whole: true }, given, &mut Deep::default())
    }

    /// The output for noisy latents `[f, s, s, channels]` at a step; of a guided one the result has twice the frames: first those that hear
    /// the audio, then those that do not. A step of the whole network leaves what its deep layers made in `deep`, any other takes it from there.
    ///
    /// A guided step for which a card's memory is short is drawn one side after the other, and so are all after it.
    pub(crate) fn step(&self, noisy: &Tensor, at: Step, given: &Conditions, deep: &mut Deep) -> Result<Tensor> {
        if !at.guided {
            return self.at_once(noisy, at, given, deep);
        }
        // A whole step makes all of it anew.
        let before = deep.0.take().filter(|_| !at.whole);
        let short = || {
            tracing::warn!("the card's memory is short: the sides of guidance are drawn one after the other");
        };
        let mut both = Deep(before.clone());
        let at_once = || self.at_once(noisy, at, given, &mut both).map(|out| (out, both.0));
        let apart = || {
            let mut both = Deep(before);
            self.sides_apart(noisy, at, given, &mut both).map(|out| (out, both.0))
        };
        let (out, made) = or_apart(&self.short, at_once, apart, short)?;
        deep.0 = made;
        Ok(out)
    }

    /// A guided step, one side after the other: from half of the maps at a time the same numbers, to the last bit on a CPU.
    pub(crate) fn sides_apart(&self, noisy: &Tensor, at: Step, given: &Conditions, deep: &mut Deep) -> Result<Tensor> {
        let rows = noisy.dim(0)?;
        let blind = Conditions {
            // Keys and values of tokens of zeros, to which attention is zero.
            audio: given.audio.iter().map(Tensor::zeros_like).collect::<Result<_>>()?,
            ..given.clone()
        };
        let (mut outs, mut deeps) = (Vec::new(), Vec::new());
        for (side, given) in [given, &blind].into_iter().enumerate() {
            let mut own = match &deep.0 {
                // What a step without guidance left is the hearing side's.
                Some(both) if both.dim(0)? > rows => Deep(Some(both.narrow(0, side * rows, rows)?.contiguous()?)),
                other => Deep(other.clone()),
            };
            outs.push(self.at_once(noisy, Step { guided: false, ..at }, given, &mut own)?);
            deeps.extend(own.0);
        }
        deep.0 = Some(Tensor::cat(&deeps, 0)?);
        Tensor::cat(&outs, 0)
    }

    fn at_once(&self, noisy: &Tensor, at: Step, given: &Conditions, deep: &mut Deep) -> Result<Tensor> {
        let time = silu(&self.time.forward(at.t)?)?;
        let x = part(ENDS, || self.conv_in.maps_onto(noisy, None, given.base.as_ref()))?;
        let run = |place: usize, layer: &Layer<Attentions>, x: &Tensor| {
            let x = part("resnets", || layer.resnet.forward(x, Some(&time)))?;
            let x = part("spatial transformers", || layer.rest.spatial.forward(&x, &given.reference[place]))?;
            // Both sides are the same until the first audio layer; only there they part.
            let x = if at.guided && place == 0 { Tensor::cat(&[&x, &x], 0)? } else { x };
            let x = part("audio layers", || layer.rest.audio.forward(&x, &given.audio[place]))?;
            part("motion modules", || layer.rest.temporal.forward(&x, &given.motion[place], given.speed.get(place)))
        };
        let x = part("resampling", || match &deep.0 {
            Some(deep) if !at.whole => {
                // The side that hears the audio comes first.
                let rows = noisy.dim(0)? * if at.guided { 2 } else { 1 };
                let deep = if deep.dim(0)? > rows { deep.narrow(0, 0, rows)?.contiguous()? } else { deep.clone() };
                self.blocks.forward_last(&x, &deep, run)
            }
            _ => self.blocks.forward_keeping(x, &time, &mut deep.0, run),
        })?;
        part(ENDS, || self.conv_out.maps(&self.norm_out.forward_silu(&x)?))
    }
}
