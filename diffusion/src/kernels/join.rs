//! Maps side by side.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::op;
use crate::cuda;

/// Numbers that one task of a thread copies.
const TASK: usize = 65_536;

/// Maps `x` `[n, h, w, a]` and `y` `[m, h, w, b]` joined along channels, `[n, h, w, a + b]`; where n is a multiple of
/// m, the maps of `y` come again from the first.
pub(crate) fn join(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let ((n, h, w, a), (m, h2, w2, b)) = (x.dims4()?, y.dims4()?);
    if (h, w) != (h2, w2) || m == 0 || n % m != 0 {
        bail!("maps {:?} cannot be joined to {:?}", y.dims(), x.dims());
    }
    if cuda::takes(x) {
        return cuda::join(x, y);
    }
    let per_task = TASK.div_ceil(a + b);
    op::run("join", [x, y], (n, h, w, a + b), |[x, y], out| {
        out.par_chunks_mut(per_task * (a + b)).enumerate().for_each(|(task, out)| {
            for (index, out) in out.chunks_exact_mut(a + b).enumerate() {
                let row = task * per_task + index;
                let (left, right) = out.split_at_mut(a);
                left.copy_from_slice(&x[row * a..][..a]);
                right.copy_from_slice(&y[row % (m * h * w) * b..][..b]);
            }
        });
    })
}
