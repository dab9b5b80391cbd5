//! Rows of pixels times packed weights by fused multiply-add, tap by tap and input by input.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    ahead::Ahead,
    packed::Packed,
    product::{Job, WORTH_THREADS, shares},
    tile::{load, rows_of, store, tile_ahead, tile_rows},
};

/// Output rows that one task of a thread computes at most: enough to use each piece of the weights many times, and few enough that their
/// inputs stay in a core's cache. A multiple of the rows that a tile takes.
const TASK_ROWS: usize = 96;
/// Inputs after which the sums go to memory and the next rows take their turn, so that the weights of these inputs stay in the nearest cache
/// meanwhile.
const CHUNK: usize = 256;

impl Job<'_> {
    /// The whole of `out`.
    pub(super) fn direct(&self, out: &mut [f32]) {
        let Packed { inner, taps, width, .. } = self.layer.weights;
        let outer = self.columns.len();
        let run = |first: usize, (columns, out): (Range<usize>, Vec<&mut [f32]>)| {
            let blocks = columns.start / width..columns.end.div_ceil(width);
            Arch::new().dispatch(Task { job: self, first, blocks, out });
        };
        if out.len() * inner * taps < WORTH_THREADS {
            for share in shares(out, outer, outer) {
                run(0, share);
            }
            return;
        }
        let (rows, threads) = (out.len() / outer, rayon::current_num_threads());
        // As many tasks for each thread as for the others, unless there are so few that more would only read the weights more often.
        let tasks = match rows.div_ceil(TASK_ROWS) {
            few if few <= threads => few,
            many => many.next_multiple_of(threads),
        };
        let of_task = rows.div_ceil(tasks).next_multiple_of(tile_rows()).min(TASK_ROWS);
        // Few rows: the columns are shared out too.
        let share = outer.div_ceil((4 * threads).div_ceil(tasks)).next_multiple_of(width);
        out.par_chunks_mut(of_task * outer).enumerate().with_max_len(1).for_each(|(task, out)| {
            shares(out, outer, share).into_par_iter().with_max_len(1).for_each(|share| run(task * of_task, share));
        });
    }
}

/// Some columns of the output rows from `first` on.
struct Task<'a, 'b> {
    job: &'a Job<'a>,
    first: usize,
    /// Blocks of columns, counted from the first that is computed.
    blocks: Range<usize>,
    /// These columns of each row.
    out: Vec<&'b mut [f32]>,
}

impl WithSimd for Task<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let one = self.job.layer.weights.width == S::F32_LANES;
        match (rows_of::<S>(), one) {
            (8, false) => self.go::<S, 8, 4, 2>(simd),
            (8, true) => self.go::<S, 8, 4, 1>(simd),
            (_, false) => self.go::<S, 6, 4, 2>(simd),
            (_, true) => self.go::<S, 6, 4, 1>(simd),
        }
    }
}

impl Task<'_, '_> {
    #[inline(always)]
    fn go<S: Simd, const P: usize, const H: usize, const V: usize>(mut self, simd: S) {
        let weights = &self.job.layer.weights;
        let Packed { inner, taps, width, .. } = *weights;
        let (first_block, rows) = (self.job.columns.start / width, self.out.len());
        let mut seen: Vec<[&[f32]; P]> = vec![[self.job.zeros; P]; taps * rows.div_ceil(P)];
        for row in 0..rows {
            let group = &mut seen[row / P * taps..][..taps];
            self.job.rows_seen(self.first + row, |tap, pixels| group[tap][row % P] = pixels);
        }
        let mut scratch = Vec::new();
        let mut sums = vec![[[simd.splat_f32s(0.0); V]; P]; rows.div_ceil(P)];
        // Pieces of equal length.
        let piece = inner.div_ceil(inner.div_ceil(CHUNK));
        let blocks = self.blocks.clone();
        let pieces = || (0..taps).flat_map(|tap| (0..inner).step_by(piece).map(move |start| (tap, start)));
        // The piece that comes after: of this block, or of the next.
        let mut next = blocks.clone().flat_map(|block| pieces().map(move |(tap, start)| (block, tap, start))).skip(1);
        for block in blocks {
            sums.fill([[simd.splat_f32s(0.0); V]; P]);
            for (tap, start) in pieces() {
                let inputs = start..(start + piece).min(inner);
                let columns = weights.piece(first_block + block, tap, inputs.clone(), &mut scratch);
                let columns = S::as_simd_f32s(columns).0;
                let (next, groups) = (next.next(), sums.len());
                for (group, (sums, seen)) in sums.iter_mut().zip(seen.chunks_exact(taps)).enumerate() {
                    let ahead = match next {
                        Some((block, tap, start)) => {
                            let next = start..(start + piece).min(inner);
                            weights.ahead([first_block + block, tap], &next, [group, groups], inputs.len())
                        }
                        None => Ahead::NOTHING,
                    };
                    let mut pieces: [&[f32]; P] = [&[]; P];
                    for (piece, row) in pieces.iter_mut().zip(seen[tap]) {
                        *piece = &row[inputs.clone()];
                    }
                    if rows - group * P > H {
                        *sums = tile_ahead::<S, P, V>(simd, *sums, pieces, columns, ahead);
                    } else if let (Some(sums), Some(pieces)) = (sums.first_chunk_mut::<H>(), pieces.first_chunk::<H>())
                    {
                        *sums = tile_ahead::<S, H, V>(simd, *sums, *pieces, columns, ahead);
                    }
                }
            }
            self.finish::<S, P, V>(simd, block, &sums);
        }
    }

    /// Adds bias and residual and writes a block's columns.
    #[inline(always)]
    fn finish<S: Simd, const P: usize, const V: usize>(&mut self, simd: S, block: usize, sums: &[[[S::f32s; V]; P]]) {
        let (width, outer) = (V * S::F32_LANES, self.job.columns.len());
        let before = self.blocks.start * width;
        for (v, column) in (block * width..).step_by(S::F32_LANES).take(V).enumerate() {
            if column >= outer {
                continue;
            }
            let end = (column + S::F32_LANES).min(outer);
            let bias = match self.job.bias {
                Some(bias) => load(simd, &bias[column..end]),
                None => simd.splat_f32s(0.0),
            };
            for (row, out) in self.out.iter_mut().enumerate() {
                let sum = simd.add_f32s(sums[row / P][row % P][v], bias);
                let sum = match self.job.residual {
                    Some(all) => simd.add_f32s(load(simd, &all[(self.first + row) * outer..][column..end]), sum),
                    None => sum,
                };
                store(simd, &mut out[column - before..end - before], sum);
            }
        }
    }
}
