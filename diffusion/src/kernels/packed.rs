//! Weights in the order in which the inner loop reads them.

use std::ops::Range;

use half::{f16, slice::HalfFloatSliceExt as _};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{ahead::Ahead, form::Form, lines::LINE, tiles::Tiles};
use crate::cuda;

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

/// Weights as a checkpoint stores them, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    /// 32 bits.
    Single(Vec<f32>),
    /// 16 bits, IEEE half. Every one of them is a 32-bit number too, so that nothing is lost by widening it on the way.
    Half(Vec<f16>),
    /// No numbers, only their count is known: for walks that measure and compute nothing.
    Absent(usize),
}

impl Numbers {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Single(data) => data.len(),
            Self::Half(data) => data.len(),
            Self::Absent(count) => *count,
        }
    }

    /// The numbers, widened; zeros where they are absent.
    pub(crate) fn widened(&self) -> Vec<f32> {
        match self {
            Self::Single(data) => data.clone(),
            Self::Half(data) => data.to_f32_vec(),
            Self::Absent(count) => vec![0.0; *count],
        }
    }

    /// The rows of all `parts` one after the other; of half precision only if all are.
    pub(crate) fn join(parts: &[Self]) -> Self {
        if parts.iter().any(|part| matches!(part, Self::Absent(_))) {
            return Self::Absent(parts.iter().map(Self::len).sum());
        }
        let half = |part: &Self| match part {
            Self::Half(data) => Some(data.clone()),
            _ => None,
        };
        match parts.iter().map(half).collect::<Option<Vec<_>>>() {
            Some(parts) => Self::Half(parts.concat()),
            None => Self::Single(parts.iter().flat_map(Self::widened).collect()),
        }
    }
}

/// A matrix, or the matrices of a convolution's taps: `outer` columns in blocks, padded with zeros.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(super) taps: usize,
    pub(super) inner: usize,
    pub(super) outer: usize,
    pub(super) width: usize,
    /// Whether convolutions of 3 x 3 pixels may go by minimal filtering.
    pub(super) minimal: bool,
    pub(super) data: Data,
}

/// The numbers of a matrix, in the order of the form in which it is multiplied.
#[derive(Debug)]
pub(super) enum Data {
    /// `[block][tap][inner][width]`.
    Numbers(Numbers),
    /// For tile registers.
    Tiles(Tiles),
    /// On a card.
    Card(cuda::Placed),
}

impl Packed {
    /// Packs weights in `PyTorch`'s order, `[outer, inner, taps]` (a linear layer has one tap), to be multiplied in `form`.
    ///
    /// Weights of half precision keep it, unless the form's own precision is as short.
    pub(crate) fn new(form: Form, weights: &Numbers, outer: usize, inner: usize, taps: usize) -> Self {
        Self::placed(form, weights, [outer, inner, taps], by_rows(inner, taps))
    }

    /// Packs the transpose of a linear layer's weights `[inner, outer]`.
    pub(crate) fn transposed(form: Form, weights: &Numbers, outer: usize, inner: usize) -> Self {
        Self::placed(form, weights, [outer, inner, 1], move |row, i, _| i * outer + row)
    }

    fn placed(
        form: Form,
        weights: &Numbers,
        [outer, inner, taps]: [usize; 3],
        from: impl Fn(usize, usize, usize) -> usize + Sync,
    ) -> Self {
        if let Form::Tiled { parts, engine } = form
            && let Some(tiles) = Tiles::new((engine, parts), weights, [outer, inner, taps], &from)
        {
            return Self { taps, inner, outer, width: LINE, minimal: false, data: Data::Tiles(tiles) };
        }
        if let Form::Card(card) = form
            && !matches!(weights, Numbers::Absent(_))
        {
            let data = Data::Card(cuda::place(card, weights, [outer, inner, taps], &from));
            return Self { taps, inner, outer, width: 1, minimal: false, data };
        }
        let width = block_width(outer);
        let sizes = [outer, inner, taps, width];
        let data = match weights {
            Numbers::Single(weights) => Numbers::Single(blocks(weights, sizes, from)),
            Numbers::Half(weights) => Numbers::Half(blocks(weights, sizes, from)),
            Numbers::Absent(count) => Numbers::Absent(*count),
        };
        Self { taps, inner, outer, width, minimal: form == Form::Minimal, data: Data::Numbers(data) }
    }

    /// Whether there are no weights, only their count.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.data, Data::Numbers(Numbers::Absent(_)))
    }

    /// The weights on a card, if they belong there.
    pub(super) fn on_card(&self) -> Option<&cuda::Placed> {
        match &self.data {
            Data::Card(placed) => Some(placed),
            _ => None,
        }
    }

    /// The numbers of one block of columns that belong to some inputs of a tap, `[inputs][width]`; those of half precision are widened
    /// into `scratch`.
    pub(super) fn piece<'a>(
        &'a self,
        block: usize,
        tap: usize,
        inputs: Range<usize>,
        scratch: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let count = inputs.len() * self.width;
        let from = ((block * self.taps + tap) * self.inner + inputs.start) * self.width;
        match &self.data {
            Data::Numbers(Numbers::Single(data)) => &data[from..][..count],
            Data::Numbers(Numbers::Half(data)) => {
                scratch.resize(count, 0.0);
                data[from..][..count].convert_to_f32_slice(scratch);
                scratch
            }
            Data::Numbers(Numbers::Absent(_)) | Data::Tiles(_) | Data::Card(_) => {
                scratch.resize(count, 0.0);
                scratch
            }
        }
    }

    /// Has part `share` of `shares` of what [`Self::piece`] gives asked for during so many `steps`; nothing behind the last block.
    #[inline(always)]
    pub(super) fn ahead(
        &self,
        [block, tap]: [usize; 2],
        inputs: &Range<usize>,
        [share, shares]: [usize; 2],
        steps: usize,
    ) -> Ahead {
        let from = ((block * self.taps + tap) * self.inner + inputs.start) * self.width;
        let part = |at: usize| from + inputs.len() * self.width * at / shares;
        let part = part(share)..part(share + 1);
        match &self.data {
            Data::Numbers(Numbers::Single(data)) => Ahead::new(data.get(part).unwrap_or_default(), steps),
            Data::Numbers(Numbers::Half(data)) => Ahead::new(data.get(part).unwrap_or_default(), steps),
            Data::Numbers(Numbers::Absent(_)) | Data::Tiles(_) | Data::Card(_) => Ahead::NOTHING,
        }
    }

    /// As [`Self::piece`], for each of nine taps.
    pub(super) fn pieces<'a>(
        &'a self,
        block: usize,
        inputs: &Range<usize>,
        scratch: &'a mut [Vec<f32>; 9],
    ) -> [&'a [f32]; 9] {
        let mut pieces: [&[f32]; 9] = [&[]; 9];
        for (tap, (piece, scratch)) in pieces.iter_mut().zip(scratch).enumerate() {
            *piece = self.piece(block, tap, inputs.clone(), scratch);
        }
        pieces
    }
}

/// Where the weight of row, input and tap lies in `PyTorch`'s order.
fn by_rows(inner: usize, taps: usize) -> impl Fn(usize, usize, usize) -> usize + Sync {
    move |row, i, tap| (row * inner + i) * taps + tap
}

/// Weights as blocks of columns; `from` says where the one of row, input and tap lies.
fn blocks<T: Copy + Default + Send + Sync>(
    weights: &[T],
    [outer, inner, taps, width]: [usize; 4],
    from: impl Fn(usize, usize, usize) -> usize + Sync,
) -> Vec<T> {
    let size = taps * inner * width;
    let mut data = vec![T::default(); outer.div_ceil(width) * size];
    data.par_chunks_mut(size.max(1)).enumerate().for_each(|(block, data)| {
        for (at, columns) in data.chunks_exact_mut(width).enumerate() {
            let (tap, i) = (at / inner, at % inner);
            for (lane, column) in columns.iter_mut().enumerate().take(outer - block * width) {
                *column = weights[from(block * width + lane, i, tap)];
            }
        }
    });
    data
}
