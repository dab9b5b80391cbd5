//! Weights in the order in which the inner loop reads them.

use pulp::{Arch, Simd, WithSimd};

/// Numbers of one column block: two vectors of the widest registers that this machine has.
///
/// A narrow matrix gets blocks of one vector, so that less of the block is padding.
pub(super) fn block_width(outer: usize) -> usize {
    let lanes = lanes();
    if outer <= lanes { lanes } else { 2 * lanes }
}

/// How many `f32` a vector register of this machine holds.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// A matrix, or the matrices of a convolution's taps: `outer` columns in blocks, padded with zeros.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(super) taps: usize,
    pub(super) inner: usize,
    pub(super) outer: usize,
    pub(super) width: usize,
    /// `[block][tap][inner][width]`.
    pub(super) data: Vec<f32>,
}

impl Packed {
    /// Packs weights in `PyTorch`'s order, `[outer, inner, taps]` (a linear layer has one tap).
    pub(crate) fn new(weights: &[f32], outer: usize, inner: usize, taps: usize) -> Self {
        let width = block_width(outer);
        let mut data = vec![0.0; outer.div_ceil(width) * taps * inner * width];
        for (row, weights) in weights.chunks_exact(inner * taps).enumerate() {
            let (block, lane) = (row / width, row % width);
            for (i, taps_of) in weights.chunks_exact(taps).enumerate() {
                for (tap, weight) in taps_of.iter().enumerate() {
                    data[((block * taps + tap) * inner + i) * width + lane] = *weight;
                }
            }
        }
        Self { taps, inner, outer, width, data }
    }
}
