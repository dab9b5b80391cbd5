//! Attention with its projections, the gated feed-forward layer, and the sinusoidal code of positions.

use candle_core::{Result, Tensor};

use super::layers::{linear, linears};
use crate::{
    kernels::{Heads, Product, attend, attend_joined, attend_self, attend_through_time, geglu},
    pack::weights::Scope,
};

/// Attention of rows to rows of the same sequence.
pub(crate) struct SelfAttention {
    heads: Heads,
    /// Query, key and value side by side.
    qkv: Product,
    out: Product,
}

impl SelfAttention {
    /// Loads `to_q`, `to_k`, `to_v`, which have a bias in the VAE only, and `to_out.0`.
    pub(crate) fn load(scope: &Scope<'_>, channels: usize, heads: usize, with_bias: bool) -> shared::Result<Self> {
        let projections = [scope.at("to_q"), scope.at("to_k"), scope.at("to_v")];
        Ok(Self {
            heads: Heads { count: heads, channels, form: scope.form() },
            qkv: linears(&projections, channels, channels, with_bias)?,
            out: linear(&scope.at("to_out.0"), channels, channels)?,
        })
    }

    /// `residual` plus the attention of each entry of `x` `[n, rows, channels]` to itself.
    pub(crate) fn forward(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let y = attend_self(self.heads, &self.qkv.rows(x)?)?;
        self.out.rows_onto(&y, Some(residual))
    }

    /// `residual` plus the attention of each pixel of `x` `[films, pixels, frames, channels]` to its frames and to
    /// those in `before` (from [`Self::keys`]).
    pub(crate) fn forward_through_time(&self, x: &Tensor, before: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let y = attend_through_time(self.heads, &self.qkv.rows(x)?, before)?;
        self.out.rows_onto(&y, Some(residual))
    }

    /// Keys and values of rows `[.., channels]`: `[.., 2 channels]`.
    pub(crate) fn keys(&self, x: &Tensor) -> Result<Tensor> {
        let channels = self.heads.channels;
        self.qkv.rows_of(x, channels..3 * channels)
    }

    /// Queries, keys and values of rows `[.., channels]`: `[.., 3 channels]`.
    pub(crate) fn project(&self, x: &Tensor) -> Result<Tensor> {
        self.qkv.rows(x)
    }

    /// `residual` plus the attention of the queries in `q` (from [`Self::project`]), entry by entry, to the rows of `first`
    /// and of `second` (from [`Self::project`] or [`Self::keys`]), whose entries come again in turn where they are fewer.
    pub(crate) fn among(&self, q: &Tensor, first: &Tensor, second: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.out.rows_onto(&attend_joined(self.heads, q, first, second)?, Some(residual))
    }
}

/// Attention of rows to rows of another sequence, whose keys and values are made beforehand.
pub(crate) struct CrossAttention {
    heads: Heads,
    q: Product,
    kv: Product,
    out: Product,
}

impl CrossAttention {
    /// Loads `to_q`, `to_k`, `to_v` (no bias) and `to_out.0`.
    pub(crate) fn load(scope: &Scope<'_>, channels: usize, heads: usize, context: usize) -> shared::Result<Self> {
        Ok(Self {
            heads: Heads { count: heads, channels, form: scope.form() },
            q: linears(&[scope.at("to_q")], channels, channels, false)?,
            kv: linears(&[scope.at("to_k"), scope.at("to_v")], context, channels, false)?,
            out: linear(&scope.at("to_out.0"), channels, channels)?,
        })
    }

    /// Keys and values of a context `[m, rows, context]`: `[m, rows, 2 channels]`.
    pub(crate) fn keys(&self, context: &Tensor) -> Result<Tensor> {
        self.kv.rows(context)
    }

    /// `residual` plus the attention of `x` `[n, rows, channels]` to `keys` `[m, rows, 2 channels]`.
    ///
    /// `residual` may have more entries than `x`. Those at its end are blind: they attend to a context of zeros, so
    /// that, since keys and values have no bias, only the output layer's bias is left, whatever the queries.
    pub(crate) fn forward(&self, x: &Tensor, keys: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let blind = residual.dim(0)? - x.dim(0)?;
        let y = attend(self.heads, &self.q.rows(x)?, keys, blind)?;
        self.out.rows_onto(&y, Some(residual))
    }
}

/// GEGLU, then linear.
pub(crate) struct FeedForward {
    gate: Product,
    out: Product,
}

impl FeedForward {
    /// Loads `net.0.proj` and `net.2`.
    pub(crate) fn load(scope: &Scope<'_>, channels: usize, mult: usize) -> shared::Result<Self> {
        let inner = channels * mult;
        Ok(Self {
            gate: linear(&scope.at("net.0.proj"), channels, 2 * inner)?,
            out: linear(&scope.at("net.2"), inner, channels)?,
        })
    }

    /// `residual` plus the layer's output.
    pub(crate) fn forward(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.out.rows_onto(&geglu(&self.gate.rows(x)?)?, Some(residual))
    }
}

/// Sinusoidal code of `AnimateDiff` for positions from `first` on, `[count, width]` row by row:
/// even columns `sin(p * 10000^(-2i/width))`, odd ones `cos`.
pub(crate) fn sinusoid(first: usize, count: usize, width: usize) -> Vec<f32> {
    let code = |position: usize, i: usize| {
        // In f32 like the training; its angles are part of what the weights learnt.
        let rate = libm::expf(i as f32 * (-(libm::logf(10_000.0) as f64) / width as f64) as f32);
        let angle = position as f32 * rate;
        [libm::sinf(angle), libm::cosf(angle)]
    };
    (first..first + count).flat_map(|p| (0..width).step_by(2).flat_map(move |i| code(p, i))).collect()
}
