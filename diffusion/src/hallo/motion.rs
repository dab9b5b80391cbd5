//! Motion module: every pixel attends along time, twice, over motion frames and the clip (layout of `AnimateDiff`).

use std::collections::BTreeMap;

use candle_core::{Result, Tensor};

use crate::{
    kernels::{GroupNorm, LayerNorm, Product, meter::part},
    net::{
        attention::{FeedForward, SelfAttention},
        layers::{group_norm, layer_norm, linear},
        transformer::{EPS, Width},
    },
    pack::{
        hallo::HalloConfig,
        weights::{Scope, Weights},
    },
};

/// How frames lie in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Frames of a clip.
    pub(crate) clip: usize,
    /// Motion frames before it.
    pub(crate) motion: usize,
    /// Longest sequence that the checkpoint holds position codes for.
    pub(crate) longest: usize,
}

impl Span {
    /// The frames that the network of `config` knows.
    pub(crate) fn of(config: &HalloConfig) -> Self {
        Self { clip: config.clip.frames, motion: config.clip.motion_frames, longest: config.motion.positions }
    }
}

/// Group norm of each frame, linear, two temporal attentions, feed-forward, linear, residual.
pub(crate) struct MotionModule {
    span: Span,
    norm: GroupNorm,
    proj_in: Product,
    attentions: Vec<TimeAttention>,
    ff_norm: LayerNorm,
    ff: FeedForward,
    proj_out: Product,
}

/// One attention along time and the norm before it, which also adds the position codes.
struct TimeAttention {
    norm_motion: LayerNorm,
    norm_clip: LayerNorm,
    attention: SelfAttention,
}

/// Names and shapes of the tensors of the motion modules that the release saves and never runs: those of the levels without
/// attention ([`HalloConfig::is_dead`]).
///
/// # Errors
/// When their sizes do not fit together.
pub(crate) fn dead(config: &HalloConfig) -> shared::Result<BTreeMap<String, Vec<usize>>> {
    let (unet, weights) = (&config.unet, Weights::absent("motion modules that never run"));
    let last = unet.channels.len() - 1;
    let width =
        Width { channels: unet.channels[last], heads: config.motion.heads, groups: unet.norm_groups, ff_mult: 4 };
    let span = Span::of(config);
    let levels =
        [(format!("down_blocks.{last}"), unet.layers_per_block), ("up_blocks.0".into(), unet.layers_per_block + 1)];
    for (level, modules) in levels {
        let scope = weights.root().at("denoising_unet").at(level);
        for index in 0..modules {
            MotionModule::load(&scope.at(format!("motion_modules.{index}")), width, span)?;
        }
    }
    Ok(weights.noted())
}

/// Motion frames as the first attention sees them; the same in every step of a clip (exact saving 7).
#[derive(Clone, Debug)]
pub(crate) struct MotionRows {
    /// `[hw, n, c]`.
    tokens: Tensor,
    /// Their queries, keys and values, `[hw, n, 3 c]`.
    qkv: Tensor,
}

impl MotionModule {
    /// Loads a module.
    pub(crate) fn load(scope: &Scope<'_>, width: Width, span: Span) -> shared::Result<Self> {
        let Width { channels, heads, groups, ff_mult } = width;
        let scope = scope.at("temporal_transformer");
        let block = scope.at("transformer_blocks.0");
        let attention = |index: usize| {
            let at = block.at(format!("attention_blocks.{index}"));
            let codes = at.take("pos_encoder.pe", &[1, span.longest, channels])?;
            let norm = layer_norm(&block.at(format!("norms.{index}")), channels)?;
            let (motion, clip) = codes[..(span.motion + span.clip) * channels].split_at(span.motion * channels);
            Ok(TimeAttention {
                norm_motion: norm.with_codes(motion),
                norm_clip: norm.with_codes(clip),
                attention: SelfAttention::load(&at, channels, heads, false)?,
            })
        };
        Ok(Self {
            span,
            norm: group_norm(&scope.at("norm"), groups, channels, EPS)?,
            proj_in: linear(&scope.at("proj_in"), channels, channels)?,
            attentions: (0..2).map(attention).collect::<shared::Result<_>>()?,
            ff_norm: layer_norm(&block.at("ff_norm"), channels)?,
            ff: FeedForward::load(&block.at("ff"), channels, ff_mult)?,
            proj_out: linear(&scope.at("proj_out"), channels, channels)?,
        })
    }

    /// Motion maps `[n, hw, c]`, ready for all steps of a clip.
    pub(crate) fn rows(&self, maps: &Tensor) -> Result<MotionRows> {
        let tokens = self.proj_in.rows(&self.norm.forward_by_pixel(maps, self.span.motion)?.squeeze(0)?)?;
        let first = &self.attentions[0];
        Ok(MotionRows { qkv: first.attention.project(&first.norm_motion.forward(&tokens)?)?, tokens })
    }

    /// Maps `x` `[f, h, w, c]` through the module.
    pub(crate) fn forward(&self, x: &Tensor, motion: &MotionRows) -> Result<Tensor> {
        let mut clip = part("motion: projections", || {
            self.proj_in.rows(&self.norm.forward_by_pixel(x, self.span.clip)?.squeeze(0)?)
        })?;
        part("motion: attention", || {
            let mut before = motion.tokens.clone();
            for (index, TimeAttention { norm_motion, norm_clip, attention }) in self.attentions.iter().enumerate() {
                let last = index + 1 == self.attentions.len();
                let qkv = attention.project(&norm_clip.forward(&clip)?)?;
                let seen = match index {
                    0 => motion.qkv.clone(),
                    // Nobody asks what the motion frames become after the last attention: they need no queries there.
                    _ if last => attention.keys(&norm_motion.forward(&before)?)?,
                    _ => attention.project(&norm_motion.forward(&before)?)?,
                };
                let after = attention.among(&qkv, &seen, &qkv, &clip)?;
                if !last {
                    before = attention.among(&seen, &seen, &qkv, &before)?;
                }
                clip = after;
            }
            Ok::<_, candle_core::Error>(())
        })?;
        let clip = part("motion: feed-forward", || self.ff.forward(&self.ff_norm.forward(&clip)?, &clip))?;
        part("motion: projections", || self.proj_out.pixels_to_frames(&clip.unsqueeze(0)?, x))
    }
}
