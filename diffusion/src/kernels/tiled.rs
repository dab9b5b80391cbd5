//! Convolutions and linear layers in tile registers: rows of pixels as lines of `bfloat16` numbers times packed columns.

use std::{cell::RefCell, ops::Range};

use rayon::prelude::*;

use super::{
    engine::{Block, Factor},
    lines::{LINE, Line, split_row},
    product::{Job, Order, Sizes, WORTH_THREADS, shares},
    tiles::{Chunk, Tiles},
    wide::wide,
};

/// Rows in a group: those of a tile register.
const GROUP: usize = 16;
/// Output rows that one task computes at most, and at most where it splits the weights for itself.
const TASK_ROWS: [usize; 2] = [256, 512];
/// Bytes of a task's rows as lines: less than the cache of a core.
const TASK_BYTES: usize = 1 << 20;

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { lines: Vec::new(), columns: Vec::new(), blocks: Vec::new() }) };
}

/// Memory that a thread uses again and again; as much as its largest task needed.
struct Scratch {
    lines: Vec<Line>,
    columns: Vec<Line>,
    blocks: Vec<Block>,
}

/// How the rows of a task become lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lowering {
    /// Lines of the padded map, this many of its rows a task: all taps see the same lines. Groups lie within a row of the map.
    Map(usize),
    /// Lines for each tap of each output row, this many rows a task.
    Rows(usize),
}

impl Lowering {
    fn of(job: &Job<'_>, tiles: &Tiles) -> Self {
        let (geometry, Sizes { output: [height, width], order, .. }) = (&job.layer.geometry, job.sizes);
        let line = tiles.steps * tiles.parts.count() * size_of::<Line>();
        let most = TASK_ROWS[usize::from(tiles.splits())];
        let taps = geometry.taps();
        if taps > 1 && order == Order::ByRow && geometry.stride == 1 && geometry.dilation == 1 && width % GROUP == 0 {
            let bytes = |rows: usize| (rows + geometry.kernel[0] - 1) * (width + geometry.kernel[1] - 1) * line;
            let fits = |rows: usize| rows * width <= most || (rows * width <= 4 * most && bytes(rows) <= TASK_BYTES);
            let rows = (1..=height).rev().find(|rows| height.is_multiple_of(*rows) && fits(*rows));
            return Self::Map(rows.unwrap_or(1));
        }
        Self::Rows((TASK_BYTES / (taps * line).max(1) / LINE * LINE).clamp(LINE, most))
    }

    /// Output rows of a task.
    fn rows(self, sizes: Sizes) -> usize {
        match self {
            Self::Map(rows) => rows * sizes.output[1],
            Self::Rows(rows) => rows,
        }
    }
}

impl Job<'_> {
    /// The whole of `out`.
    pub(super) fn tiled(&self, tiles: &Tiles, out: &mut [f32]) {
        let width = self.columns.len();
        let lowering = Lowering::of(self, tiles);
        let (rows, all) = (lowering.rows(self.sizes), out.len() / width.max(1));
        let run = |first: usize, (columns, out): (Range<usize>, Vec<&mut [f32]>)| {
            let task = Task { job: self, tiles, lowering, first, columns };
            SCRATCH.with_borrow_mut(|scratch| task.go(scratch, out));
        };
        if out.len() * tiles.steps * LINE * self.layer.geometry.taps() < WORTH_THREADS {
            for (task, out) in out.chunks_mut(rows * width).enumerate() {
                for share in shares(out, width, width) {
                    run(task * rows, share);
                }
            }
            return;
        }
        // Few rows: the columns are shared out too.
        let shared = (2 * rayon::current_num_threads()).div_ceil(all.div_ceil(rows));
        let share = width.div_ceil(shared).next_multiple_of(LINE);
        out.par_chunks_mut(rows * width).enumerate().for_each(|(task, out)| {
            shares(out, width, share).into_par_iter().for_each(|share| run(task * rows, share));
        });
    }
}

/// Some columns of the output rows from `first` on.
struct Task<'a> {
    job: &'a Job<'a>,
    tiles: &'a Tiles,
    lowering: Lowering,
    first: usize,
    /// Counted from the first that is computed.
    columns: Range<usize>,
}

/// Where the lines of a task lie.
struct Lowered {
    /// Of the first row of each group.
    groups: Vec<usize>,
    /// Of each tap behind that.
    taps: Vec<usize>,
    /// From row to row of a group.
    stride: usize,
}

impl Task<'_> {
    /// `out`: these columns of each row.
    fn go(&self, scratch: &mut Scratch, mut out: Vec<&mut [f32]>) {
        let (rows, first) = (out.len(), self.job.columns.start / LINE);
        let Scratch { lines, columns: split, blocks } = scratch;
        let lowered = self.lower(rows, lines);
        let pairs = lowered.groups.len().div_ceil(2);
        blocks.resize(pairs, Block::ZERO);
        let session = self.tiles.engine.enter();
        for block in self.columns.start / LINE..self.columns.end.div_ceil(LINE) {
            for (index, chunk) in self.tiles.chunks().enumerate() {
                let weights = self.tiles.columns(first + block, chunk, split);
                for (pair, sums) in blocks.iter_mut().enumerate() {
                    let (segments, count) = lowered.segments(pair, chunk, self.tiles.parts.count());
                    let factor = Factor {
                        lines,
                        stride: lowered.stride,
                        segments: &segments[..count],
                        steps: chunk.steps[1],
                        parts: self.tiles.parts,
                    };
                    session.multiply(&factor, weights, sums, index > 0);
                }
            }
            self.finish(block, &blocks[..pairs], &mut out);
        }
    }

    /// Turns what the output rows see into lines.
    fn lower(&self, rows: usize, lines: &mut Vec<Line>) -> Lowered {
        match self.lowering {
            Lowering::Map(_) => self.lower_map(rows, lines),
            Lowering::Rows(_) => self.lower_rows(rows, lines),
        }
    }

    fn lower_rows(&self, rows: usize, lines: &mut Vec<Line>) -> Lowered {
        let parts = self.tiles.parts;
        let (tap_lines, taps) = (self.tiles.steps * parts.count(), self.job.layer.geometry.taps());
        let stride = taps * tap_lines;
        let groups = rows.div_ceil(GROUP);
        resize(lines, groups * GROUP * stride);
        lines[rows * stride..].fill(Line::ZERO);
        wide(
            #[inline(always)]
            || {
                for (row, lines) in lines.chunks_exact_mut(stride).enumerate().take(rows) {
                    self.job.rows_seen(
                        self.first + row,
                        #[inline(always)]
                        |tap, pixels| split_row(pixels, parts, &mut lines[tap * tap_lines..][..tap_lines]),
                    );
                }
            },
        );
        let groups = (0..groups).map(|group| group * GROUP * stride).collect();
        Lowered { groups, taps: (0..taps).map(|tap| tap * tap_lines).collect(), stride }
    }

    fn lower_map(&self, rows: usize, lines: &mut Vec<Line>) -> Lowered {
        let parts = self.tiles.parts;
        let (geometry, sizes) = (&self.job.layer.geometry, self.job.sizes);
        let [kernel_y, kernel_x] = geometry.kernel;
        let [height, width] = sizes.output;
        let stride = self.tiles.steps * parts.count();
        let padded = width + kernel_x - 1;
        let (map, top) = (self.first / (height * width), self.first / width % height);
        resize(lines, (rows / width + kernel_y - 1) * padded * stride);
        wide(
            #[inline(always)]
            || {
                for (place, lines) in lines.chunks_exact_mut(stride).enumerate() {
                    match self.job.pixel(map, top + place / padded, place % padded) {
                        Some(pixel) => split_row(pixel, parts, lines),
                        None => lines.fill(Line::ZERO),
                    }
                }
            },
        );
        let groups = (0..rows).step_by(GROUP).map(|row| (row / width * padded + row % width) * stride).collect();
        let taps = (0..kernel_y * kernel_x).map(|tap| (tap / kernel_x * padded + tap % kernel_x) * stride).collect();
        Lowered { groups, taps, stride }
    }

    /// Adds bias and residual and writes a block's columns.
    fn finish(&self, block: usize, blocks: &[Block], out: &mut [&mut [f32]]) {
        let (job, all, first) = (self.job, self.job.columns.len(), block * LINE);
        let columns = first..(first + LINE).min(self.columns.end);
        let own = columns.start - self.columns.start..columns.end - self.columns.start;
        let bias = job.bias.map(|bias| &bias[columns.clone()]);
        wide(
            #[inline(always)]
            || {
                for (row, out) in out.iter_mut().enumerate() {
                    let sums = &blocks[row / LINE].0[row % LINE][..columns.len()];
                    let residual = job.residual.map(|residual| &residual[(self.first + row) * all..][columns.clone()]);
                    finish_row(sums, bias, residual, &mut out[own.clone()]);
                }
            },
        );
    }
}

#[inline(always)]
fn finish_row(sums: &[f32], bias: Option<&[f32]>, residual: Option<&[f32]>, out: &mut [f32]) {
    match (bias, residual) {
        (None, None) => out.copy_from_slice(sums),
        (Some(bias), None) => {
            for ((out, sum), bias) in out.iter_mut().zip(sums).zip(bias) {
                *out = sum + bias;
            }
        }
        (None, Some(residual)) => {
            for ((out, sum), residual) in out.iter_mut().zip(sums).zip(residual) {
                *out = residual + sum;
            }
        }
        (Some(bias), Some(residual)) => {
            for (((out, sum), bias), residual) in out.iter_mut().zip(sums).zip(bias).zip(residual) {
                *out = residual + (sum + bias);
            }
        }
    }
}

impl Lowered {
    /// Where the rows of a pair of groups lie for each tap of a chunk; a group that has no other stands in for it.
    fn segments(&self, pair: usize, chunk: Chunk, parts: usize) -> ([[usize; 2]; Factor::MOST], usize) {
        let mut segments = [[0; 2]; Factor::MOST];
        let [first, count] = chunk.taps;
        let groups = [2 * pair, (2 * pair + 1).min(self.groups.len() - 1)].map(|group| self.groups[group]);
        for (segment, tap) in segments.iter_mut().zip(&self.taps[first..][..count]) {
            *segment = groups.map(|group| group + tap + chunk.steps[0] * parts);
        }
        (segments, count)
    }
}

/// Makes room for `count` lines, whose contents do not matter.
fn resize(lines: &mut Vec<Line>, count: usize) {
    lines.truncate(count);
    lines.resize(count, Line::ZERO);
}
