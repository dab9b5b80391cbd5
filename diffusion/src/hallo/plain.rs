//! The network as the published program runs it, saving nothing: all rows of both sides of guidance in one batch, every
//! projection in every step, the parts that are thrown away included.
//!
//! It is the yardstick of the savings: `model inspect --flops` counts both forms, and the tests compare their numbers.

use candle_core::{Result, Tensor};

use super::{attends, audio::BRANCHES, denoiser::audio_width, unet_of};
use crate::{
    kernels::{
        Form, Geometry, GroupNorm, Heads, LayerNorm, Product, attend,
        meter::{part, shaped},
        silu,
    },
    net::{
        attention::FeedForward,
        blocks::{Blocks, Place},
        layers::{conv, group_norm, layer_norm, linear, linears},
        time_embedding::TimeEmbedding,
        transformer::{EPS, Exit, Opening, Width, tokens},
    },
    pack::{
        hallo::{Branches, HalloConfig},
        weights::Scope,
    },
};

/// Attention with its four projections.
pub(crate) struct Attention {
    heads: Heads,
    q: Product,
    k: Product,
    v: Product,
    out: Product,
}

impl Attention {
    fn load(scope: &Scope<'_>, channels: usize, heads: usize, context: usize) -> shared::Result<Self> {
        let one = |name: &str, inner| linears(&[scope.at(name)], inner, channels, false);
        Ok(Self {
            heads: Heads { count: heads, channels, form: Form::Exact },
            q: one("to_q", channels)?,
            k: one("to_k", context)?,
            v: one("to_v", context)?,
            out: linear(&scope.at("to_out.0"), channels, channels)?,
        })
    }

    /// The attention of `x` `[n, rows, channels]` to `context` `[n, keys, context]`.
    fn forward(&self, x: &Tensor, context: &Tensor) -> Result<Tensor> {
        let kv = cat(&[&self.k.rows(context)?, &self.v.rows(context)?], 2)?;
        self.out.rows(&attend(self.heads, &self.q.rows(x)?, &kv, 0)?)
    }
}

/// Joins tensors, unless only their shapes count.
fn cat(parts: &[&Tensor], axis: usize) -> Result<Tensor> {
    let mut shape = parts[0].dims().to_vec();
    shape[axis] = parts.iter().map(|part| part.dims()[axis]).sum();
    shaped(&shape, || Tensor::cat(parts, axis)?.contiguous())
}

/// Adds tensors, unless only their shapes count.
fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    shaped(x.dims(), || x.broadcast_add(y))
}

/// Entry `i mod m` of `x` `[m, ..]` for each i below `n`.
fn in_turn(x: &Tensor, n: usize) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    shape[0] = n;
    let m = x.dim(0)?;
    shaped(&shape, || {
        let entries: Vec<Tensor> = (0..n).map(|i| x.narrow(0, i % m, 1)).collect::<Result<_>>()?;
        Tensor::cat(&entries, 0)?.contiguous()
    })
}

/// Each entry of `x` `[m, ..]` `times` times.
fn each(x: &Tensor, times: usize) -> Result<Tensor> {
    let parts = (0..x.dim(0)?).map(|i| in_turn(&x.narrow(0, i, 1)?, times)).collect::<Result<Vec<_>>>()?;
    cat(&parts.iter().collect::<Vec<_>>(), 0)
}

/// Spatial transformer of both `UNets`.
pub(crate) struct Spatial {
    opening: Opening,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    exit: Exit,
}

impl Spatial {
    fn load(scope: &Scope<'_>, width: Width, token: usize) -> shared::Result<Self> {
        let block = scope.at("transformer_blocks.0");
        let Width { channels, heads, .. } = width;
        Ok(Self {
            opening: Opening::load(scope, width)?,
            attn1: Attention::load(&block.at("attn1"), channels, heads, channels)?,
            norm2: layer_norm(&block.at("norm2"), channels)?,
            attn2: Attention::load(&block.at("attn2"), channels, heads, token)?,
            exit: Exit::load(scope, width)?,
        })
    }

    /// Maps of both sides `x` `[2 f, h, w, c]`, the blind side first. All rows attend to themselves and, in turn, to the two
    /// portraits of `bank` `[2, hw, c]`; then the blind rows once more to themselves alone. `face` holds blind and seeing
    /// tokens, `[2, tokens, token]`.
    pub(crate) fn forward(&self, x: &Tensor, bank: &Tensor, face: &Tensor) -> Result<Tensor> {
        let (rows, _, _, _) = x.dims4()?;
        let half = rows / 2;
        let (tokens, normed) = part("spatial: projections", || self.opening.forward(x))?;
        let tokens = part("spatial: self-attention", || {
            let seen = cat(&[&normed, &in_turn(bank, rows)?], 1)?;
            let all = self.attn1.forward(&normed, &seen)?;
            let blind = normed.narrow(0, 0, half)?;
            let blind = self.attn1.forward(&blind, &blind)?;
            add(&tokens, &cat(&[&blind, &all.narrow(0, half, half)?], 0)?)
        })?;
        self.rest(&tokens, &each(face, half)?, x)
    }

    /// Maps `x` `[n, h, w, c]` with the face tokens of each, `[n, tokens, token]`; also what self-attention sees.
    pub(crate) fn with_feature(&self, x: &Tensor, face: &Tensor) -> Result<(Tensor, Tensor)> {
        let (tokens, normed) = self.opening.forward(x)?;
        let tokens = add(&tokens, &self.attn1.forward(&normed, &normed)?)?;
        Ok((normed, self.rest(&tokens, face, x)?))
    }

    fn rest(&self, tokens: &Tensor, face: &Tensor, x: &Tensor) -> Result<Tensor> {
        let tokens =
            part("spatial: face tokens", || add(tokens, &self.attn2.forward(&self.norm2.forward(tokens)?, face)?))?;
        part("spatial: feed-forward", || self.exit.forward(&tokens, x))
    }
}

/// Audio layer.
pub(crate) struct Audio {
    inner: usize,
    norm: GroupNorm,
    proj_in: Product,
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    branches: Vec<(Attention, Product)>,
    norm3: LayerNorm,
    ff: FeedForward,
    proj_out: Product,
}

impl Audio {
    fn load(scope: &Scope<'_>, outer: usize, width: Width, token: usize) -> shared::Result<Self> {
        let Width { channels, heads, groups, ff_mult } = width;
        let block = scope.at("transformer_blocks.0");
        let branch = |(i, name): (usize, &str)| {
            let attention = Attention::load(&block.at(format!("attn2_{i}")), channels, heads, token)?;
            let zero = conv(&block.at(format!("zero_conv_{name}")), channels, channels, Geometry::POINT)?;
            Ok((attention, zero))
        };
        Ok(Self {
            inner: channels,
            norm: group_norm(&scope.at("norm"), groups, outer, EPS)?,
            proj_in: conv(&scope.at("proj_in"), outer, channels, Geometry::POINT)?,
            norm1: layer_norm(&block.at("norm1"), channels)?,
            attn1: Attention::load(&block.at("attn1"), channels, heads, channels)?,
            norm2: layer_norm(&block.at("norm2"), channels)?,
            branches: BRANCHES.into_iter().enumerate().map(branch).collect::<shared::Result<_>>()?,
            norm3: layer_norm(&block.at("norm3"), channels)?,
            ff: FeedForward::load(&block.at("ff"), channels, ff_mult)?,
            proj_out: conv(&scope.at("proj_out"), channels, outer, Geometry::POINT)?,
        })
    }

    /// Maps `x` `[n, h, w, c]` with the audio tokens of each frame `[n, tokens, token]`, masks `[hw, 3]`.
    pub(crate) fn forward(&self, x: &Tensor, audio: &Tensor, masks: &Tensor, weights: Branches) -> Result<Tensor> {
        let all = part("audio: projections", || tokens(&self.proj_in.rows(&self.norm.forward(x)?)?))?;
        let all = part("audio: self-attention", || {
            let normed = self.norm1.forward(&all)?;
            add(&all, &self.attn1.forward(&normed, &normed)?)
        })?;
        let all = part("audio: branches", || {
            let normed = self.norm2.forward(&all)?;
            let mut sum = all.clone();
            for (i, ((attention, zero), weight)) in
                self.branches.iter().zip([weights.pose, weights.face, weights.lip]).enumerate()
            {
                let y = attention.forward(&normed, audio)?;
                let y = shaped(y.dims(), || y.broadcast_mul(&masks.narrow(1, i, 1)?.unsqueeze(0)?))?;
                let y = zero.rows(&y)?;
                sum = add(&sum, &shaped(y.dims(), || y.affine(f64::from(weight), 0.0))?)?;
            }
            Ok::<_, candle_core::Error>(sum)
        })?;
        let all = part("audio: feed-forward", || self.ff.forward(&self.norm3.forward(&all)?, &all))?;
        let (n, height, width, _) = x.dims4()?;
        let all = all.reshape((n, height, width, self.inner))?;
        part("audio: projections", || self.proj_out.rows_onto(&all, Some(x)))
    }
}

/// Motion module.
pub(crate) struct Motion {
    norm: GroupNorm,
    proj_in: Product,
    attentions: Vec<(LayerNorm, Attention)>,
    ff_norm: LayerNorm,
    ff: FeedForward,
    proj_out: Product,
}

impl Motion {
    fn load(scope: &Scope<'_>, width: Width, frames: usize, longest: usize) -> shared::Result<Self> {
        let Width { channels, heads, groups, ff_mult } = width;
        let scope = scope.at("temporal_transformer");
        let block = scope.at("transformer_blocks.0");
        let attention = |index: usize| {
            let at = block.at(format!("attention_blocks.{index}"));
            let codes = at.take("pos_encoder.pe", &[1, longest, channels])?;
            let norm = layer_norm(&block.at(format!("norms.{index}")), channels)?;
            Ok((norm.with_codes(&codes[..frames * channels]), Attention::load(&at, channels, heads, channels)?))
        };
        Ok(Self {
            norm: group_norm(&scope.at("norm"), groups, channels, EPS)?,
            proj_in: linear(&scope.at("proj_in"), channels, channels)?,
            attentions: (0..2).map(attention).collect::<shared::Result<_>>()?,
            ff_norm: layer_norm(&block.at("ff_norm"), channels)?,
            ff: FeedForward::load(&block.at("ff"), channels, ff_mult)?,
            proj_out: linear(&scope.at("proj_out"), channels, channels)?,
        })
    }

    /// Maps `x` `[f, h, w, c]` of one side with its motion maps `[n, hw, c]`, which run through everything and are dropped.
    pub(crate) fn forward(&self, x: &Tensor, motion: &Tensor) -> Result<Tensor> {
        let (frames, height, width, channels) = x.dims4()?;
        let n = motion.dim(0)?;
        let all = cat(&[&motion.reshape((n, height, width, channels))?, x], 0)?;
        let mut rows = part("motion: projections", || {
            self.proj_in.rows(&self.norm.forward_by_pixel(&all, n + frames)?.squeeze(0)?)
        })?;
        part("motion: attention", || {
            for (norm, attention) in &self.attentions {
                let normed = norm.forward(&rows)?;
                rows = add(&rows, &attention.forward(&normed, &normed)?)?;
            }
            Ok::<_, candle_core::Error>(())
        })?;
        let rows = part("motion: feed-forward", || self.ff.forward(&self.ff_norm.forward(&rows)?, &rows))?;
        let all = part("motion: projections", || self.proj_out.pixels_to_frames(&rows.unsqueeze(0)?, &all))?;
        all.narrow(0, n, frames)
    }
}

/// The layers after a residual block of the denoiser.
pub(crate) struct Attentions {
    pub(crate) level: usize,
    pub(crate) spatial: Spatial,
    pub(crate) audio: Audio,
    pub(crate) motion: Motion,
}

/// The denoising `UNet`.
pub(crate) struct Denoiser {
    time: TimeEmbedding,
    conv_in: Product,
    blocks: Blocks<Option<Attentions>>,
    norm_out: GroupNorm,
    conv_out: Product,
}

/// What the plain denoiser is told, for both sides, the blind one first.
pub(crate) struct Conditions {
    /// The two portraits that rows read in turn, `[2, hw, c]`, one for each attention.
    pub(crate) bank: Vec<Tensor>,
    /// Motion maps of each side, `[n, hw, c]`, one for each attention.
    pub(crate) motion: Vec<[Tensor; 2]>,
    /// Face tokens of each side, `[2, tokens, token]`.
    pub(crate) face: Tensor,
    /// Audio tokens of the seeing side, `[f, tokens, token]`.
    pub(crate) audio: Tensor,
    /// Masks `[hw, 3]` of each level.
    pub(crate) masks: Vec<Tensor>,
    /// Strengths of the audio branches.
    pub(crate) branches: Branches,
    /// The Face Locator's maps of the seeing side, `[f, s, s, c]`.
    pub(crate) locator: Tensor,
}

impl Denoiser {
    /// Loads the network.
    pub(crate) fn load(scope: &Scope<'_>, config: &HalloConfig) -> shared::Result<Self> {
        let unet = unet_of(config);
        let (width, latent) = (unet.channels[0], config.vae.latent_channels);
        Ok(Self {
            time: TimeEmbedding::load(&scope.at("time_embedding"), width)?,
            conv_in: conv(&scope.at("conv_in"), latent, width, Geometry::SAME)?,
            blocks: Blocks::load(scope, &unet, config.unet.norm_eps, |scope, place| {
                attends(config, place).then(|| Attentions::load(scope, place, config)).transpose()
            })?,
            norm_out: group_norm(&scope.at("conv_norm_out"), unet.norm_groups, width, config.unet.norm_eps)?,
            conv_out: conv(&scope.at("conv_out"), width, latent, Geometry::SAME)?,
        })
    }

    /// The attentions in the order in which they run.
    #[cfg(test)]
    pub(crate) fn attentions(&self) -> impl Iterator<Item = &Attentions> {
        self.blocks.layers().filter_map(|layer| layer.rest.as_ref())
    }

    /// The outputs `[2 f, s, s, channels]` of both sides, the blind one first, for noisy latents `[f, s, s, channels]`.
    pub(crate) fn forward(&self, noisy: &Tensor, step: usize, given: &Conditions) -> Result<Tensor> {
        let time = silu(&self.time.forward(step)?)?;
        let noisy = cat(&[noisy, noisy], 0)?;
        let x = part("first and last convolution", || self.conv_in.maps(&noisy))?;
        let zeros = shaped(given.locator.dims(), || given.locator.zeros_like())?;
        let x = add(&x, &cat(&[&zeros, &given.locator], 0)?)?;
        let silence = shaped(given.audio.dims(), || given.audio.zeros_like())?;
        let audio = cat(&[&silence, &given.audio], 0)?;
        let mut places = given.bank.iter().zip(&given.motion);
        let x = part("resampling", || {
            self.blocks.forward(x, &time, |_, layer, x| {
                let x = part("resnets", || layer.resnet.forward(x, Some(&time)))?;
                let Some(rest) = &layer.rest else { return Ok(x) };
                let Some((bank, [blind, seeing])) = places.next() else {
                    candle_core::bail!("a network got conditions for fewer attentions than it has");
                };
                let x = rest.spatial.forward(&x, bank, &given.face)?;
                let x = rest.audio.forward(&x, &audio, &given.masks[rest.level], given.branches)?;
                let half = x.dim(0)? / 2;
                let blind = rest.motion.forward(&x.narrow(0, 0, half)?, blind)?;
                cat(&[&blind, &rest.motion.forward(&x.narrow(0, half, half)?, seeing)?], 0)
            })
        })?;
        part("first and last convolution", || self.conv_out.maps(&self.norm_out.forward_silu(&x)?))
    }
}

impl Attentions {
    fn load(scope: &Scope<'_>, place: Place, config: &HalloConfig) -> shared::Result<Self> {
        let Place { index, level, width, .. } = place;
        let inner = Width { channels: audio_width(config, place), ..width };
        let along_time = Width { heads: config.motion.heads, ..width };
        let frames = config.clip.frames + config.clip.motion_frames;
        let [spatial, audio, motion] =
            ["attentions", "audio_modules", "motion_modules"].map(|kind| scope.at(format!("{kind}.{index}")));
        Ok(Self {
            level,
            spatial: Spatial::load(&spatial, width, config.unet.cross_attention_dim)?,
            audio: Audio::load(&audio, width.channels, inner, config.audio.token_dim)?,
            motion: Motion::load(&motion, along_time, frames, config.motion.positions)?,
        })
    }
}

/// The whole `ReferenceNet`, its unread end included.
pub(crate) struct ReferenceNet {
    time: TimeEmbedding,
    conv_in: Product,
    blocks: Blocks<Option<Spatial>>,
}

impl ReferenceNet {
    /// Loads the network.
    pub(crate) fn load(scope: &Scope<'_>, config: &HalloConfig) -> shared::Result<Self> {
        let width = config.unet.channels[0];
        let token = config.unet.cross_attention_dim;
        Ok(Self {
            time: TimeEmbedding::load(&scope.at("time_embedding"), width)?,
            conv_in: conv(&scope.at("conv_in"), config.vae.latent_channels, width, Geometry::SAME)?,
            blocks: Blocks::load(scope, &unet_of(config), config.unet.norm_eps, |scope, place| {
                let load = || Spatial::load(&scope.at(format!("attentions.{}", place.index)), place.width, token);
                attends(config, place).then(load).transpose()
            })?,
        })
    }

    /// The attentions in the order in which they run.
    #[cfg(test)]
    pub(crate) fn attentions(&self) -> impl Iterator<Item = &Spatial> {
        self.blocks.layers().filter_map(|layer| layer.rest.as_ref())
    }

    /// One feature `[n, hw, c]` for each attention of samples `[n, s, s, channels]` with face tokens `[n, tokens, token]`.
    pub(crate) fn forward(&self, samples: &Tensor, face: &Tensor) -> Result<Vec<Tensor>> {
        let time = silu(&self.time.forward(0)?)?;
        let mut features = Vec::new();
        self.blocks.forward(self.conv_in.maps(samples)?, &time, |_, layer, x| {
            let x = layer.resnet.forward(x, Some(&time))?;
            let Some(attention) = &layer.rest else { return Ok(x) };
            let (feature, out) = attention.with_feature(&x, face)?;
            features.push(feature);
            Ok(out)
        })?;
        Ok(features)
    }
}
