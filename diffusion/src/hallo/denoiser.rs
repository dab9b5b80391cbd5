//! The denoising `UNet`.
//!
//! The two sides of guidance have nothing in common but the noisy latents, and run one after the other: the guided side sees
//! reference bank, audio and Face Locator map; the blind side sees none of them, so that its self-attention has half the
//! keys (exact saving 1) and its audio branches are constants (exact saving 3).

use candle_core::{Result, Tensor};

use super::{
    audio::{AudioLayer, AudioWidth, Region},
    face::FaceProducts,
    motion::{MotionModule, MotionRows, Span},
    region::Masks,
    spatial::SpatialTransformer,
};
use crate::{
    kernels::{Geometry, GroupNorm, Product, add_to_each, meter::part, silu},
    net::{
        blocks::{Blocks, Layer, Place, Way},
        layers::{conv, group_norm},
        time_embedding::TimeEmbedding,
        transformer::Width,
    },
    pack::{
        hallo::{Branches, HalloConfig},
        weights::Scope,
    },
};

/// Predicts velocities.
pub(crate) struct Denoiser {
    time: TimeEmbedding,
    conv_in: Product,
    blocks: Blocks<Option<Attentions>>,
    norm_out: GroupNorm,
    conv_out: Product,
}

/// The layers after a residual block.
pub(super) struct Attentions {
    /// How often the maps were halved.
    level: usize,
    pub(super) spatial: SpatialTransformer,
    pub(super) audio: AudioLayer,
    pub(super) motion: MotionModule,
}

/// What one side of guidance is told during a whole film.
#[derive(Debug)]
pub(crate) struct Steady {
    /// The Face Locator's map, `[1, s, s, c]`.
    pub(crate) locator: Option<Tensor>,
    /// One for each attention.
    pub(crate) layers: Vec<SteadyLayer>,
}

/// See [`Steady`].
#[derive(Debug)]
pub(crate) struct SteadyLayer {
    /// Keys and values of the reference features, `[m, hw, 2 c]`; frame i sees entry `i mod m`.
    pub(crate) bank: Option<Tensor>,
    /// Attention to the face tokens.
    pub(crate) face: FaceProducts,
    /// The audio branches' regions.
    pub(crate) region: Region,
}

/// What one side of guidance is told during a clip, one for each attention.
#[derive(Clone, Debug)]
pub(crate) struct ClipLayer {
    /// Keys and values of the audio tokens.
    pub(crate) audio: Option<Tensor>,
    /// The motion frames.
    pub(crate) motion: MotionRows,
}

impl Denoiser {
    /// Loads the network.
    pub(crate) fn load(scope: &Scope<'_>, config: &HalloConfig) -> shared::Result<Self> {
        let unet = super::unet_of(config);
        let (width, latent) = (unet.channels[0], config.vae.latent_channels);
        Ok(Self {
            time: TimeEmbedding::load(&scope.at("time_embedding"), width)?,
            conv_in: conv(&scope.at("conv_in"), latent, width, Geometry::SAME)?,
            blocks: Blocks::load(scope, &unet, config.unet.norm_eps, |scope, place| {
                super::attends(config, place).then(|| Attentions::load(scope, place, config)).transpose()
            })?,
            norm_out: group_norm(&scope.at("conv_norm_out"), unet.norm_groups, width, config.unet.norm_eps)?,
            conv_out: conv(&scope.at("conv_out"), width, latent, Geometry::SAME)?,
        })
    }

    /// Whether it is computed on a card.
    pub(crate) fn is_on_card(&self) -> bool {
        self.conv_in.is_on_card()
    }

    /// `x` where the network is computed.
    pub(crate) fn bring(&self, x: &Tensor) -> Result<Tensor> {
        self.conv_in.bring(x)
    }

    pub(super) fn attentions(&self) -> impl Iterator<Item = &Attentions> {
        self.blocks.layers().filter_map(|layer| layer.rest.as_ref())
    }

    /// Pixels and channels of the maps of each attention, for latents of edge `size`.
    pub(crate) fn map_sizes(&self, size: usize) -> impl Iterator<Item = (usize, usize)> {
        let layers = self.blocks.layers().zip(self.blocks.map_sizes(size));
        layers.filter(|(layer, _)| layer.rest.is_some()).map(|(_, size)| size)
    }

    /// The audio branches' regions, one for each attention.
    pub(crate) fn regions(&self, masks: &Masks, branches: Branches) -> Result<Vec<Region>> {
        self.attentions().map(|layer| layer.audio.steady(masks.at(layer.level)?, branches)).collect()
    }

    /// Keys and values of reference features, `[m, hw, c]` for each attention (exact saving 2).
    pub(crate) fn banks(&self, features: &[Tensor]) -> Result<Vec<Tensor>> {
        self.attentions().zip(features).map(|(layer, feature)| layer.spatial.bank(feature)).collect()
    }

    /// The attentions to face tokens `[1, tokens, token]`.
    pub(crate) fn faces(&self, tokens: &Tensor) -> Result<Vec<FaceProducts>> {
        self.attentions().map(|layer| layer.spatial.face(tokens)).collect()
    }

    /// Keys and values of audio tokens `[f, tokens, token]`, one for each attention.
    pub(crate) fn audio(&self, tokens: &Tensor) -> Result<Vec<Tensor>> {
        self.attentions().map(|layer| layer.audio.keys(tokens)).collect()
    }

    /// Motion features, `[n, hw, c]` for each attention, ready for all steps of a clip.
    pub(crate) fn motion(&self, features: &[Tensor]) -> Result<Vec<MotionRows>> {
        self.attentions().zip(features).map(|(layer, feature)| layer.motion.rows(feature)).collect()
    }

    /// The output for noisy latents `[f, s, s, channels]` at diffusion step `t`, for one side of guidance.
    #[cfg(test)]
    pub(crate) fn forward(&self, noisy: &Tensor, t: usize, steady: &Steady, clip: &[ClipLayer]) -> Result<Tensor> {
        self.step(noisy, (t, false), (steady, clip), &mut None)
    }

    /// The output for noisy latents `[f, s, s, channels]` at diffusion step `t`, for one side of guidance. With `reuse`, what an earlier
    /// step left in `deep` stands for all layers but the last; else the whole network is computed and leaves it there.
    pub(crate) fn step(
        &self,
        noisy: &Tensor,
        (t, reuse): (usize, bool),
        (steady, clip): (&Steady, &[ClipLayer]),
        deep: &mut Option<Tensor>,
    ) -> Result<Tensor> {
        let time = silu(&self.time.forward(t)?)?;
        let mut x = part("first and last convolution", || self.conv_in.maps(noisy))?;
        if let Some(map) = &steady.locator {
            x = add_to_each(&x, map)?;
        }
        let run = |layer: &Layer<Option<Attentions>>, x: &Tensor, given: Option<(&SteadyLayer, &ClipLayer)>| {
            let x = part("resnets", || layer.resnet.forward(x, Some(&time)))?;
            match (&layer.rest, given) {
                (None, _) => Ok(x),
                (Some(rest), Some((steady, clip))) => rest.forward(&x, steady, clip),
                (Some(_), None) => candle_core::bail!("a network got conditions for fewer attentions than it has"),
            }
        };
        let mut given = steady.layers.iter().zip(clip);
        let x = part("resampling", || match deep.as_ref() {
            Some(deep) if reuse => self.blocks.forward_last(&x, deep, |_, layer, x| run(layer, x, given.next_back())),
            _ => self.blocks.forward_keeping(x, &time, deep, |_, layer, x| {
                run(layer, x, if layer.rest.is_some() { given.next() } else { None })
            }),
        })?;
        part("first and last convolution", || self.conv_out.maps(&self.norm_out.forward_silu(&x)?))
    }
}

impl Attentions {
    fn load(scope: &Scope<'_>, place: Place, config: &HalloConfig) -> shared::Result<Self> {
        let Place { index, level, width, .. } = place;
        let inner = AudioWidth {
            outer: width.channels,
            inner: Width { channels: audio_width(config, place), ..width },
            token: config.audio.token_dim,
        };
        let span = Span::of(config);
        let along_time = Width { heads: config.motion.heads, ..width };
        let token = config.unet.cross_attention_dim;
        Ok(Self {
            level,
            spatial: SpatialTransformer::load(&scope.at(format!("attentions.{index}")), width, token)?,
            audio: AudioLayer::load(&scope.at(format!("audio_modules.{index}")), inner)?,
            motion: MotionModule::load(&scope.at(format!("motion_modules.{index}")), along_time, span)?,
        })
    }

    fn forward(&self, x: &Tensor, steady: &SteadyLayer, clip: &ClipLayer) -> Result<Tensor> {
        let x = self.spatial.forward(x, steady.bank.as_ref(), &steady.face)?;
        let x = self.audio.forward(&x, clip.audio.as_ref(), &steady.region)?;
        self.motion.forward(&x, &clip.motion)
    }
}

/// The inner width of an audio layer. The published constructor takes it from what enters its level and not from the layer's own
/// width: on the way down the first layer of a level has the width of the level before, on the way up all layers of a level have
/// the width of the next one.
pub(crate) fn audio_width(config: &HalloConfig, place: Place) -> usize {
    let widths = &config.unet.channels;
    match place.way {
        Way::Down if place.index == 0 => widths[place.level.saturating_sub(1)],
        Way::Down | Way::Middle => widths[place.level],
        Way::Up => widths[place.level.saturating_sub(1)],
    }
}
