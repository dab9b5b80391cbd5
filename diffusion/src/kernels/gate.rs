//! Activations, number by number.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::{math, op, wide::wide};
use crate::cuda::{self, Activation};

/// Numbers that one task of a thread computes.
const TASK: usize = 16_384;

/// GEGLU of rows `[.., 2 n]`: the first half of each times the exact GELU of the second, `[.., n]`.
pub(crate) fn geglu(x: &Tensor) -> Result<Tensor> {
    if cuda::takes(x) {
        return cuda::geglu(x);
    }
    let mut shape = x.dims().to_vec();
    let Some(last) = shape.last_mut().filter(|last| **last % 2 == 0) else { bail!("GEGLU needs even rows") };
    *last /= 2;
    let n = *last;
    let rows = TASK.div_ceil(n);
    op::run("geglu", [x], shape, |[x], out| {
        out.par_chunks_mut(rows * n).zip(x.par_chunks(rows * 2 * n)).for_each(|(out, x)| {
            wide(
                #[inline(always)]
                || {
                    for (out, x) in out.chunks_exact_mut(n).zip(x.chunks_exact(2 * n)) {
                        let (value, gate) = x.split_at(n);
                        for ((out, value), gate) in out.iter_mut().zip(value).zip(gate) {
                            *out = *value * math::gelu(*gate);
                        }
                    }
                },
            );
        });
    })
}

/// x times the logistic function of x.
pub(crate) fn silu(x: &Tensor) -> Result<Tensor> {
    each(x, ("silu", Activation::Silu), math::silu)
}

/// The exact GELU.
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    each(x, ("gelu", Activation::Gelu), math::gelu)
}

/// The larger of x and 0; NaN stays NaN.
pub(crate) fn relu(x: &Tensor) -> Result<Tensor> {
    each(x, ("relu", Activation::Relu), |x| if x < 0.0 { 0.0 } else { x })
}

fn each(
    x: &Tensor,
    (name, on_card): (&'static str, Activation),
    f: impl Fn(f32) -> f32 + Sync + Copy,
) -> Result<Tensor> {
    if cuda::takes(x) {
        return cuda::activate(x, on_card);
    }
    op::run(name, [x], x.dims(), |[x], out| {
        out.par_chunks_mut(TASK).zip(x.par_chunks(TASK)).for_each(|(out, x)| {
            wide(
                #[inline(always)]
                || {
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = f(*x);
                    }
                },
            );
        });
    })
}
