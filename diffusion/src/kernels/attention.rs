//! Multi-head attention over rows, without ever writing the scores to memory beyond a few rows.

use candle_core::{Result, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    flash,
    form::Form,
    math, meter, op,
    packed::block_width,
    tile::{rows_of, store, tile},
    wide::wide,
};
use crate::cuda::{self, Queries};

/// Query rows that one task of a thread takes: enough to pay for packing the keys.
const TASK_ROWS: usize = 256;

/// How channels are split into heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Number of heads.
    pub(crate) count: usize,
    /// Channels of all heads together.
    pub(crate) channels: usize,
    /// How scores and sums are computed.
    pub(crate) form: Form,
}

impl Heads {
    pub(super) fn size(self) -> usize {
        self.channels / self.count
    }
}

/// Self-attention of each batch entry: `qkv` is `[n, rows, 3 channels]` (query, key, value), out `[n, rows, channels]`.
pub(crate) fn attend_self(heads: Heads, qkv: &Tensor) -> Result<Tensor> {
    let (n, rows, width) = qkv.dims3()?;
    check(heads, width, 3)?;
    meter::count(2 * n * rows * rows * heads.channels);
    if cuda::takes(qkv) {
        return cuda::attend(heads, Queries { rows: qkv, shared: false }, qkv, None, 0);
    }
    op::run("attend-self", [qkv], (n, rows, heads.channels), |[qkv], out| {
        tasks(heads, rows, out, |batch| {
            let qkv = &qkv[batch * rows * width..][..rows * width];
            (Lines::new(qkv, width, 0), [KeyValues::empty(), KeyValues::new(qkv, width, heads.channels)])
        });
    })
}

/// Attention of `q` `[n, rows, channels]` to `kv` `[m, keys, 2 channels]` (key, value); entry i of `q` sees entry
/// `i * m / n` of `kv`, so that one entry of `kv` may serve many.
///
/// The result has `n + blind` entries; the last `blind` are zeros, which is what attention to a context of zeros
/// gives where keys and values have no bias.
pub(crate) fn attend(heads: Heads, q: &Tensor, kv: &Tensor, blind: usize) -> Result<Tensor> {
    let (n, rows, channels) = q.dims3()?;
    let (m, keys, width) = kv.dims3()?;
    check(heads, width, 2)?;
    if channels != heads.channels || m == 0 || n % m != 0 {
        bail!("attention of {:?} to {:?} with {heads:?}", q.dims(), kv.dims());
    }
    meter::count(2 * n * rows * keys * channels);
    if cuda::takes(q) {
        return cuda::attend(heads, Queries { rows: q, shared: true }, kv, None, blind);
    }
    op::run("attend", [q, kv], (n + blind, rows, channels), |[q, kv], out| {
        let (out, blind) = out.split_at_mut(n * rows * channels);
        blind.fill(0.0);
        tasks(heads, rows, out, |batch| {
            let kv = &kv[batch * m / n * keys * width..][..keys * width];
            let q = &q[batch * rows * channels..][..rows * channels];
            (Lines::new(q, channels, 0), [KeyValues::empty(), KeyValues::new(kv, width, 0)])
        });
    })
}

/// Attention to two sequences as if they were one: entry i of `q` `[n, rows, ..]`, whose first columns are queries, sees the
/// rows of entry `i mod m` of `first` `[m, keys, ..]`, then those of entry `i mod k` of `second` `[k, keys, ..]`; the last
/// `2 channels` columns of both are keys and values. The result is `[n, rows, channels]`.
pub(crate) fn attend_joined(heads: Heads, q: &Tensor, first: &Tensor, second: &Tensor) -> Result<Tensor> {
    let (n, rows, width) = q.dims3()?;
    let channels = heads.channels;
    let sizes = [first.dims3()?, second.dims3()?];
    if width < channels
        || !channels.is_multiple_of(heads.count)
        || sizes.iter().any(|(m, _, width)| *width < 2 * channels || *m == 0 || n % m != 0)
    {
        bail!("attention of {:?} to {:?} and {:?} with {heads:?}", q.dims(), first.dims(), second.dims());
    }
    meter::count(2 * n * rows * channels * (sizes[0].1 + sizes[1].1));
    if cuda::takes(q) {
        return cuda::attend(heads, Queries { rows: q, shared: false }, first, Some(second), 0);
    }
    op::run("attend-joined", [q, first, second], (n, rows, channels), |[q, first, second], out| {
        tasks(heads, rows, out, |batch| {
            let [first, second] = [(first, sizes[0]), (second, sizes[1])].map(|(data, (m, keys, width))| {
                KeyValues::new(&data[batch % m * keys * width..][..keys * width], width, width - 2 * channels)
            });
            (Lines::new(&q[batch * rows * width..][..rows * width], width, 0), [first, second])
        });
    })
}

/// Temporal self-attention: `qkv` is `[films, pixels, frames, 3 channels]`; each pixel's frames attend to the
/// `before` rows of that pixel (`[pixels, motion frames, 2 channels]`, the same for all films) and to themselves.
pub(crate) fn attend_through_time(heads: Heads, qkv: &Tensor, before: &Tensor) -> Result<Tensor> {
    let (films, pixels, frames, width) = qkv.dims4()?;
    check(heads, width, 3)?;
    if before.dim(0)? != pixels {
        bail!("motion frames of {:?} pixels for a clip of {pixels}", before.dim(0)?);
    }
    let rows = qkv.reshape((films * pixels, frames, width))?;
    attend_joined(heads, &rows, before, &rows)?.reshape((films, pixels, frames, heads.channels))
}

/// Rows `[.., groups * size]` of scores, each group turned into weights that add up to one.
pub(crate) fn soften_groups(x: &Tensor, size: usize) -> Result<Tensor> {
    let Some(width) = x.dims().last().copied().filter(|width| size > 0 && width % size == 0) else {
        bail!("rows of {:?} are not groups of {size}", x.dims());
    };
    if cuda::takes(x) {
        return cuda::soften(x, size);
    }
    op::run("soften", [x], x.dims(), |[x], out| {
        out.par_chunks_mut(TASK_ROWS * width).zip(x.par_chunks(TASK_ROWS * width)).for_each(|(out, x)| {
            out.copy_from_slice(x);
            wide(
                #[inline(always)]
                || {
                    for group in out.chunks_exact_mut(size) {
                        let weight = soften(group, 1.0);
                        for x in group {
                            *x *= weight;
                        }
                    }
                },
            );
        });
    })
}

fn check(heads: Heads, width: usize, parts: usize) -> Result<()> {
    if width != parts * heads.channels || !heads.channels.is_multiple_of(heads.count) {
        bail!("rows of {width} numbers for {parts} times {heads:?}");
    }
    Ok(())
}

/// Rows at a stride, from a column on.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    data: &'a [f32],
    stride: usize,
    column: usize,
}

impl<'a> Lines<'a> {
    fn new(data: &'a [f32], stride: usize, column: usize) -> Self {
        Self { data, stride, column }
    }

    #[inline(always)]
    pub(super) fn row(&self, row: usize, from: usize, count: usize) -> &'a [f32] {
        &self.data[row * self.stride + self.column + from..][..count]
    }
}

/// Rows of keys, each followed by its value after all heads' keys.
#[derive(Clone, Copy)]
pub(super) struct KeyValues<'a> {
    pub(super) lines: Lines<'a>,
    pub(super) count: usize,
}

impl<'a> KeyValues<'a> {
    fn new(data: &'a [f32], stride: usize, column: usize) -> Self {
        Self { lines: Lines::new(data, stride, column), count: data.len() / stride }
    }

    fn empty() -> Self {
        Self { lines: Lines::new(&[], 1, 0), count: 0 }
    }
}

/// Cuts the output, batches of `rows` rows, into tasks; `inputs` gives the queries and keys of a batch.
fn tasks<'a>(
    heads: Heads,
    rows: usize,
    out: &mut [f32],
    inputs: impl Fn(usize) -> (Lines<'a>, [KeyValues<'a>; 2]) + Sync,
) {
    let channels = heads.channels;
    if let Form::Tiled { parts, engine } = heads.form
        && !out.is_empty()
        && flash::is_worth(rows, inputs(0).1.iter().map(|seen| seen.count).sum(), heads.size())
    {
        return flash::attend(heads, (engine, parts), rows, out, inputs);
    }
    // Long batches are cut into equal pieces, short ones go several to a task.
    let piece = rows.div_ceil(rows.div_ceil(TASK_ROWS));
    let batches_per_task = (TASK_ROWS / rows).max(1);
    out.par_chunks_mut(rows * batches_per_task * channels).enumerate().for_each(|(task, out)| {
        out.par_chunks_mut(piece * channels).enumerate().with_min_len(batches_per_task).for_each_init(
            Scratch::default,
            |scratch, (index, out)| {
                let start = index * piece;
                let (queries, seen) = inputs(task * batches_per_task + start / rows);
                let piece = Piece { heads, queries, first: start % rows, seen, out, scratch };
                Arch::new().dispatch(piece);
            },
        );
    });
}

/// Memory that a thread uses again and again.
#[derive(Default)]
struct Scratch {
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
}

/// Some query rows of one batch.
struct Piece<'a, 'b> {
    heads: Heads,
    queries: Lines<'a>,
    first: usize,
    seen: [KeyValues<'a>; 2],
    out: &'b mut [f32],
    scratch: &'b mut Scratch,
}

impl WithSimd for Piece<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if rows_of::<S>() == 8 { self.heads::<S, 8>(simd) } else { self.heads::<S, 6>(simd) }
    }
}

impl Piece<'_, '_> {
    #[inline(always)]
    fn heads<S: Simd, const P: usize>(mut self, simd: S) {
        let size = self.heads.size();
        let keys: usize = self.seen.iter().map(|seen| seen.count).sum();
        let key_width = block_width(keys);
        // Three vectors at once where the registers hold their sums and the head's are a multiple of three: of 40 numbers, none is padding then
        // that two would ask for.
        let vectors = match size.div_ceil(S::F32_LANES) {
            1 => 1,
            count if count.is_multiple_of(3) && P == 8 => 3,
            _ => 2,
        };
        for head in 0..self.heads.count {
            self.pack(head * size, keys, key_width, vectors * S::F32_LANES);
            match (key_width == S::F32_LANES, vectors) {
                (true, 1) => self.head::<S, P, 1, 1>(simd, head, keys),
                (true, 2) => self.head::<S, P, 1, 2>(simd, head, keys),
                (true, _) => self.head::<S, P, 1, 3>(simd, head, keys),
                (false, 1) => self.head::<S, P, 2, 1>(simd, head, keys),
                (false, 2) => self.head::<S, P, 2, 2>(simd, head, keys),
                (false, _) => self.head::<S, P, 2, 3>(simd, head, keys),
            }
        }
    }

    /// Packs keys as columns `[block][size][width]` and values as rows `[block][keys][width]` of one head.
    #[inline(always)]
    fn pack(&mut self, column: usize, keys: usize, key_width: usize, value_width: usize) {
        let (size, channels) = (self.heads.size(), self.heads.channels);
        let Scratch { keys: packed, values, .. } = &mut *self.scratch;
        packed.clear();
        packed.resize(keys.div_ceil(key_width) * size * key_width, 0.0);
        values.clear();
        values.resize(size.div_ceil(value_width) * keys * value_width, 0.0);
        let mut at = 0;
        for seen in self.seen {
            for row in 0..seen.count {
                let (block, lane) = (at / key_width, at % key_width);
                let block = &mut packed[block * size * key_width..][..size * key_width];
                let key = seen.lines.row(row, column, size);
                for (place, x) in block[lane..].iter_mut().step_by(key_width).zip(key) {
                    *place = *x;
                }
                let value = seen.lines.row(row, channels + column, size);
                for (block, x) in value.chunks(value_width).enumerate() {
                    values[(block * keys + at) * value_width..][..x.len()].copy_from_slice(x);
                }
                at += 1;
            }
        }
    }

    #[inline(always)]
    fn head<S: Simd, const P: usize, const K: usize, const V: usize>(&mut self, simd: S, head: usize, keys: usize) {
        let (size, channels) = (self.heads.size(), self.heads.channels);
        let (key_width, value_width) = (K * S::F32_LANES, V * S::F32_LANES);
        let rows = self.out.len() / channels;
        let scale = 1.0 / (size as f32).sqrt();
        let Scratch { keys: packed, values, scores } = &mut *self.scratch;
        let padded = keys.div_ceil(key_width) * key_width;
        scores.clear();
        scores.resize(P * padded, 0.0);
        for start in (0..rows).step_by(P) {
            let queries: [&[f32]; P] =
                std::array::from_fn(|p| self.queries.row(self.first + (start + p).min(rows - 1), head * size, size));
            for (block, columns) in packed.chunks_exact(size * key_width).enumerate() {
                let sums = tile::<S, P, K>(simd, &[queries], S::as_simd_f32s(columns).0, size);
                for (p, sums) in sums.into_iter().enumerate() {
                    let row = &mut scores[p * padded + block * key_width..][..key_width];
                    S::as_mut_simd_f32s(row).0.copy_from_slice(&sums);
                }
            }
            let mut weights = [0.0; P];
            for (row, weight) in scores.chunks_exact_mut(padded).zip(&mut weights) {
                *weight = soften(&mut row[..keys], scale);
            }
            let soft: [&[f32]; P] = std::array::from_fn(|p| &scores[p * padded..][..keys]);
            for (block, columns) in values.chunks_exact(keys * value_width).enumerate() {
                let sums = tile::<S, P, V>(simd, &[soft], S::as_simd_f32s(columns).0, keys);
                for (p, sums) in sums.into_iter().enumerate().take(rows - start) {
                    for (v, sum) in sums.into_iter().enumerate() {
                        let column = block * value_width + v * S::F32_LANES;
                        if column < size {
                            let at = (start + p) * channels + head * size + column;
                            let count = S::F32_LANES.min(size - column);
                            let sum = simd.mul_f32s(sum, simd.splat_f32s(weights[p]));
                            store(simd, &mut self.out[at..][..count], sum);
                        }
                    }
                }
            }
        }
    }
}

/// Turns scores into e^(scale * (score - largest)); gives one over their sum.
#[inline(always)]
fn soften(row: &mut [f32], scale: f32) -> f32 {
    let largest = math::largest(row);
    1.0 / math::exponentials(row, largest, scale)
}
