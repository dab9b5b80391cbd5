//! What is weighted by regions of the picture.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::op;
use crate::cuda;

/// Numbers that one task of a thread computes.
const TASK: usize = 65_536;

/// Rows `x` `[n, rows, branches * channels]`, each branch times its weight at that row, `weights` `[rows, branches]`.
pub(crate) fn weigh_branches(x: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let ((_, rows, width), (weight_rows, branches)) = (x.dims3()?, weights.dims2()?);
    if rows != weight_rows || branches == 0 || width % branches != 0 {
        bail!("weights {:?} of the branches of {:?}", weights.dims(), x.dims());
    }
    if cuda::takes(x) {
        return cuda::weigh(x, weights);
    }
    let per_task = TASK.div_ceil(width);
    op::run("weigh-branches", [x, weights], x.dims(), |[x, weights], out| {
        let tasks = out.par_chunks_mut(per_task * width).zip(x.par_chunks(per_task * width));
        tasks.enumerate().for_each(|(task, (out, x))| {
            for (index, (out, x)) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)).enumerate() {
                let row = (task * per_task + index) % rows;
                let branch = out.chunks_exact_mut(width / branches).zip(x.chunks_exact(width / branches));
                for ((out, x), weight) in branch.zip(&weights[row * branches..][..branches]) {
                    out.iter_mut().zip(x).for_each(|(out, x)| *out = *x * weight);
                }
            }
        });
    })
}

/// Maps or rows `x` `[n, ..]`, `y` `[1, ..]` or `[..]` added to every entry.
pub(crate) fn add_to_each(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let size = y.elem_count();
    if x.elem_count() != x.dim(0)? * size {
        bail!("{:?} cannot be added to each of {:?}", y.dims(), x.dims());
    }
    if cuda::takes(x) {
        return cuda::add_to_each(x, y);
    }
    op::run("add-to-each", [x, y], x.dims(), |[x, y], out| {
        out.par_chunks_mut(size).zip(x.par_chunks(size)).for_each(|(out, x)| {
            for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
                *out = x + y;
            }
        });
    })
}
