//! Group and layer normalisation, statistics and affine pass in one kernel.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::{math, op, wide::wide};
use crate::cuda::{self, GroupNormSizes, Resident};

/// Rows whose sums are kept in single precision before they are added to double precision.
const PARTIAL: usize = 32;
/// Rows of a map whose mean its distances are taken from.
const SAMPLES: usize = 16;
/// Numbers that one task of a thread computes.
const TASK: usize = 16_384;

/// In which order the rows of normalised maps come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Frame after frame, as they came.
    ByFrame,
    /// Pixel after pixel, each with its frames in a row, for films of this many frames.
    ByPixel(usize),
}

/// Group normalisation of each frame, over pixels and the channels of a group.
#[derive(Debug)]
pub(crate) struct GroupNorm {
    groups: usize,
    eps: f64,
    scale: Vec<f32>,
    shift: Vec<f32>,
    /// Scale and shift on a card.
    placed: [Resident; 2],
}

impl GroupNorm {
    /// A layer with a scale and a shift for each channel.
    pub(crate) fn new(groups: usize, eps: f64, scale: Vec<f32>, shift: Vec<f32>) -> Self {
        Self { groups, eps, scale, shift, placed: Default::default() }
    }

    /// Maps `[n, .., channels]`, normalised.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, false, Rows::ByFrame)
    }

    /// Maps, normalised, through `SiLU`.
    pub(crate) fn forward_silu(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, true, Rows::ByFrame)
    }

    /// Maps `[films * frames, .., channels]`, normalised, to `[films, pixels, frames, channels]`.
    pub(crate) fn forward_by_pixel(&self, x: &Tensor, frames: usize) -> Result<Tensor> {
        self.run(x, false, Rows::ByPixel(frames))
    }

    fn run(&self, x: &Tensor, silu: bool, order: Rows) -> Result<Tensor> {
        let channels = self.scale.len();
        let n = x.dim(0)?;
        if x.dims().last() != Some(&channels) || n == 0 || !channels.is_multiple_of(self.groups) {
            bail!("a group norm over {channels} channels in {} groups got {:?}", self.groups, x.dims());
        }
        let pixels = x.elem_count() / channels / n;
        let (shape, frames) = match order {
            Rows::ByFrame => (x.dims().to_vec(), 1),
            Rows::ByPixel(frames) if frames > 0 && n % frames == 0 => {
                (vec![n / frames, pixels, frames, channels], frames)
            }
            Rows::ByPixel(frames) => bail!("{n} maps are not films of {frames} frames"),
        };
        if cuda::takes(x) {
            let affine = [self.placed[0].get(&self.scale, x)?, self.placed[1].get(&self.shift, x)?];
            let sizes = GroupNormSizes { n, pixels, groups: self.groups, frames };
            return cuda::group_norm(x, sizes, [&affine[0], &affine[1]], (self.eps as f32, silu), shape);
        }
        op::run("group-norm", [x], shape, |[x], out| {
            let affine: Vec<(Vec<f32>, Vec<f32>)> =
                x.par_chunks_exact(pixels * channels).map(|map| self.affine(map, pixels)).collect();
            let per_task = TASK.div_ceil(channels);
            out.par_chunks_mut(per_task * channels).enumerate().for_each(|(task, out)| {
                wide(
                    #[inline(always)]
                    || {
                        for (index, out) in out.chunks_exact_mut(channels).enumerate() {
                            let row = task * per_task + index;
                            let (map, pixel) = match order {
                                Rows::ByFrame => (row / pixels, row % pixels),
                                Rows::ByPixel(_) => {
                                    (row / (pixels * frames) * frames + row % frames, row / frames % pixels)
                                }
                            };
                            let (scale, shift) = &affine[map];
                            let x = &x[(map * pixels + pixel) * channels..][..channels];
                            let numbers = out.iter_mut().zip(x).zip(scale).zip(shift);
                            if silu {
                                for (((out, x), scale), shift) in numbers {
                                    *out = math::silu(x.mul_add(*scale, *shift));
                                }
                            } else {
                                for (((out, x), scale), shift) in numbers {
                                    *out = x.mul_add(*scale, *shift);
                                }
                            }
                        }
                    },
                );
            });
        })
    }

    /// Scale and shift of each channel of one map, its statistics folded in.
    fn affine(&self, map: &[f32], pixels: usize) -> (Vec<f32>, Vec<f32>) {
        let channels = self.scale.len();
        let size = channels / self.groups;
        let count = (pixels * size) as f64;
        let pivot = pivot(map, channels);
        let [sums, squares] = column_sums(map, &pivot);
        let (mut scale, mut shift) = (Vec::with_capacity(channels), Vec::with_capacity(channels));
        for group in (0..self.groups).map(|group| group * size..(group + 1) * size) {
            let total: f64 = group.clone().map(|c| sums[c] + pixels as f64 * f64::from(pivot[c])).sum();
            let mean = total / count;
            let around = |c: usize| {
                let off = f64::from(pivot[c]) - mean;
                squares[c] + 2.0 * off * sums[c] + pixels as f64 * off * off
            };
            let variance = group.clone().map(around).sum::<f64>() / count;
            // What is rounded may fall below nothing; what is no number stays none.
            let variance = if variance < 0.0 { 0.0 } else { variance };
            for c in group {
                let factor = (f64::from(self.scale[c]) / (variance + self.eps).sqrt()) as f32;
                scale.push(factor);
                shift.push((-mean * f64::from(factor) + f64::from(self.shift[c])) as f32);
            }
        }
        (scale, shift)
    }
}

/// About the mean of each channel: that of some rows from everywhere in the map. Sums of distances from it lose no digits.
fn pivot(map: &[f32], channels: usize) -> Vec<f32> {
    let rows = map.len() / channels;
    let few = rows.min(SAMPLES);
    let mut pivot = vec![0.0; channels];
    // From the first to the last, across all columns of a map, whatever its width: its edges alone would not be like the rest.
    for row in (0..few).map(|sample| sample * (rows - 1) / (few - 1).max(1)) {
        pivot.iter_mut().zip(&map[row * channels..]).for_each(|(sum, x)| *sum += *x);
    }
    for sum in &mut pivot {
        *sum /= few as f32;
    }
    pivot
}

/// Sums over rows of each column's distances from `pivot`, and of their squares: of [`PARTIAL`] rows each in single precision, by all
/// threads, and of these in double precision one after the other, so that the order is always the same.
fn column_sums(map: &[f32], pivot: &[f32]) -> [Vec<f64>; 2] {
    let channels = pivot.len();
    let mut partials = vec![0.0; map.len().div_ceil(PARTIAL * channels) * 2 * channels];
    let several = TASK.div_ceil(PARTIAL * channels);
    let tasks = partials.par_chunks_mut(several * 2 * channels).zip(map.par_chunks(several * PARTIAL * channels));
    tasks.for_each(|(partials, rows)| {
        wide(
            #[inline(always)]
            || {
                for (partial, rows) in partials.chunks_exact_mut(2 * channels).zip(rows.chunks(PARTIAL * channels)) {
                    partial_sums(partial, rows, pivot);
                }
            },
        );
    });
    let mut all = [vec![0.0; channels], vec![0.0; channels]];
    for partial in partials.chunks_exact(2 * channels) {
        for (sums, partial) in all.iter_mut().zip(partial.chunks_exact(channels)) {
            sums.iter_mut().zip(partial).for_each(|(sum, x)| *sum += f64::from(*x));
        }
    }
    all
}

#[inline(always)]
fn partial_sums(partial: &mut [f32], rows: &[f32], pivot: &[f32]) {
    let (sums, squares) = partial.split_at_mut(pivot.len());
    for row in rows.chunks_exact(pivot.len()) {
        for (((sum, square), x), pivot) in sums.iter_mut().zip(&mut *squares).zip(row).zip(pivot) {
            let distance = *x - *pivot;
            *sum += distance;
            *square = distance.mul_add(distance, *square);
        }
    }
}

/// Layer normalisation along rows.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    scale: Vec<f32>,
    /// One shift, or one for each place of a cycle of rows.
    shift: Vec<f32>,
    /// Both on a card.
    placed: [Resident; 2],
}

impl LayerNorm {
    /// The epsilon that every layer norm of this family uses.
    pub(crate) const EPS: f32 = 1e-5;

    /// A layer with a scale and a shift for each channel.
    pub(crate) fn new(scale: Vec<f32>, shift: Vec<f32>) -> Self {
        Self { scale, shift, placed: Default::default() }
    }

    /// The same layer that also adds `codes` (`[cycle, channels]`) to rows in turn: row r gets code r mod cycle.
    pub(crate) fn with_codes(&self, codes: &[f32]) -> Self {
        let shift = codes.iter().zip(self.shift.iter().cycle()).map(|(code, shift)| code + shift).collect();
        Self::new(self.scale.clone(), shift)
    }

    /// Rows `[.., channels]`, normalised.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let channels = self.scale.len();
        if x.dims().last() != Some(&channels) {
            bail!("a layer norm over {channels} channels got {:?}", x.dims());
        }
        if cuda::takes(x) {
            let (scale, shift) = (self.placed[0].get(&self.scale, x)?, self.placed[1].get(&self.shift, x)?);
            return cuda::layer_norm(x, &scale, &shift, Self::EPS);
        }
        let cycle = self.shift.len() / channels;
        let per_task = TASK.div_ceil(channels);
        op::run("layer-norm", [x], x.dims(), |[x], out| {
            let tasks = out.par_chunks_mut(per_task * channels).zip(x.par_chunks(per_task * channels));
            tasks.enumerate().for_each(|(task, (out, x))| {
                wide(
                    #[inline(always)]
                    || {
                        let rows = out.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
                        for (index, (out, x)) in rows.enumerate() {
                            let place = (task * per_task + index) % cycle;
                            self.row(x, &self.shift[place * channels..][..channels], out);
                        }
                    },
                );
            });
        })
    }

    #[inline(always)]
    fn row(&self, x: &[f32], shift: &[f32], out: &mut [f32]) {
        let count = x.len() as f32;
        let mean = math::sum(x, |x| x) / count;
        let variance = math::sum(x, |x| (x - mean) * (x - mean)) / count;
        let factor = 1.0 / (variance + Self::EPS).sqrt();
        for (((out, x), scale), shift) in out.iter_mut().zip(x).zip(&self.scale).zip(shift) {
            *out = ((*x - mean) * factor).mul_add(*scale, *shift);
        }
    }
}
