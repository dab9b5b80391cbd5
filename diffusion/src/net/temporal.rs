//! Temporal module: every pixel attends along time, over motion frames and the clip, then to the head's speed
//! (EMO, section 3.2; layout of `AnimateDiff`).

use candle_core::{Result, Tensor};

use super::{
    attention::{CrossAttention, FeedForward, SelfAttention, sinusoid},
    layers::{group_norm, layer_norm, linear},
    transformer::{EPS, Width},
};
use crate::{
    cuda::bring,
    kernels::{GroupNorm, LayerNorm, Product},
    pack::{manifest::Temporal, weights::Scope},
};

/// Group norm of each frame, linear, temporal attention, speed attention, feed-forward, linear, residual.
pub(crate) struct TemporalModule {
    frames: Temporal,
    norm: GroupNorm,
    proj_in: Product,
    /// The norm before temporal attention with the position code of motion frames, 0 .. n-1.
    norm_motion: LayerNorm,
    /// The same with the code of the clip's frames, n .. n+f-1.
    norm_clip: LayerNorm,
    time: SelfAttention,
    norm_speed: LayerNorm,
    speed: CrossAttention,
    /// Position code of the speed tokens, `[f, speed]`.
    speed_code: Vec<f32>,
    ff_norm: LayerNorm,
    ff: FeedForward,
    proj_out: Product,
}

impl TemporalModule {
    /// Loads a module for speed tokens of `token` numbers.
    pub(crate) fn load(scope: &Scope<'_>, width: Width, frames: Temporal, token: usize) -> shared::Result<Self> {
        let Width { channels, heads, groups, ff_mult } = width;
        let scope = scope.at("temporal_transformer");
        let block = scope.at("transformer_blocks.0");
        let Temporal { clip_frames, motion_frames } = frames;
        let norm_time = layer_norm(&block.at("norms.0"), channels)?;
        let clip_code = sinusoid(motion_frames, clip_frames, channels);
        Ok(Self {
            frames,
            norm: group_norm(&scope.at("norm"), groups, channels, EPS)?,
            proj_in: linear(&scope.at("proj_in"), channels, channels)?,
            norm_motion: norm_time.with_codes(&sinusoid(0, motion_frames, channels)),
            norm_clip: norm_time.with_codes(&clip_code),
            time: SelfAttention::load(&block.at("attention_blocks.0"), channels, heads, false)?,
            norm_speed: layer_norm(&block.at("norms.1"), channels)?.with_codes(&clip_code),
            speed: CrossAttention::load(&block.at("attention_blocks.1"), channels, heads, token)?,
            speed_code: sinusoid(motion_frames, clip_frames, token),
            ff_norm: layer_norm(&block.at("ff_norm"), channels)?,
            ff: FeedForward::load(&block.at("ff"), channels, ff_mult)?,
            proj_out: linear(&scope.at("proj_out"), channels, channels)?,
        })
    }

    /// Keys and values of motion maps `[n, hw, c]`: `[hw, n, 2 c]`.
    pub(crate) fn motion_keys(&self, motion: &Tensor) -> Result<Tensor> {
        let tokens = self.proj_in.rows(&self.norm.forward_by_pixel(motion, self.frames.motion_frames)?)?;
        self.time.keys(&self.norm_motion.forward(&tokens)?)?.squeeze(0)
    }

    /// Keys and values of speed tokens `[1, f, token]`.
    pub(crate) fn speed_keys(&self, tokens: &Tensor) -> Result<Tensor> {
        let code = Tensor::from_slice(&self.speed_code, tokens.shape(), &candle_core::Device::Cpu)?;
        self.speed.keys(&tokens.add(&bring(&code, tokens)?)?)
    }

    /// Maps `x` `[films * f, h, w, c]` through the module; without `speed` the speed attention is left out.
    pub(crate) fn forward(&self, x: &Tensor, motion: &Tensor, speed: Option<&Tensor>) -> Result<Tensor> {
        let tokens = self.proj_in.rows(&self.norm.forward_by_pixel(x, self.frames.clip_frames)?)?;
        let mut tokens = self.time.forward_through_time(&self.norm_clip.forward(&tokens)?, motion, &tokens)?;
        let (films, pixels, frames, channels) = tokens.dims4()?;
        if let Some(speed) = speed {
            let sequence = (films, pixels * frames, channels);
            let query = self.norm_speed.forward(&tokens)?.reshape(sequence)?;
            tokens = self.speed.forward(&query, speed, &tokens.reshape(sequence)?)?;
        }
        let tokens = self.ff.forward(&self.ff_norm.forward(&tokens)?, &tokens)?;
        self.proj_out.pixels_to_frames(&tokens.reshape((films, pixels, frames, channels))?, x)
    }
}
