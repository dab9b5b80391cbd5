//! Convolutions of 3 x 3 pixels with fewer multiplications: by minimal filtering ([`filter`]) of tiles of 4 x 4 or 2 x 2 outputs.
//!
//! A tile's inputs are 6 x 6 (4 x 4) pixels, which become as many points; so do the taps; products at each point are an ordinary
//! product of rows with columns; outputs come of them. 36 multiplications in place of 144 (16 of 36) for each pair of channels.
//!
//! Taps are turned into points a few inputs at a time just before they are used. That costs less than reading four times as many
//! numbers from memory would where there are few tiles, and hardly anything where there are many, and takes no memory.

use std::{cell::Cell, ops::Range};

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    few,
    filter::{inputs, outputs, points, taps},
    packed::Packed,
    product::{Geometry, Job, shares},
    tile::{load, rows_of, store, tile_onto},
};

/// Inputs whose taps are turned into points at once.
const CHUNK: usize = 64;
/// Numbers between the rows of one point and those of the next: without them they would share the same few places of a cache.
const GAP: usize = 16;
/// Numbers of inputs at points that lie in the shared cache at once.
const GROUP_NUMBERS: usize = 1 << 20;
/// Tiles that are taken together, about at least and at most: enough to pay for turning taps into points, and few enough that a
/// block's products stay in a core's cache.
const GROUP_TILES: [usize; 2] = [32, 96];
/// Channels, in and out, below which the direct form is as fast.
const WORTH: usize = 24;
/// The point of a filter of four outputs at which pixels that were repeated cancel.
const CANCELLED: usize = 2;

thread_local! {
    static SCRATCH: [Cell<Vec<f32>>; 2] = const { [const { Cell::new(Vec::new()) }; 2] };
}

/// Memory that a thread uses again and again, as much as its largest work needed. A task that a waiting thread takes up meanwhile finds none and
/// gets its own.
struct Scratch {
    place: usize,
    numbers: Vec<f32>,
}

impl Scratch {
    /// At least `count` numbers, whose contents do not matter.
    fn take(place: usize, count: usize) -> Self {
        let mut numbers = SCRATCH.with(|scratch| scratch[place].take());
        if numbers.len() < count {
            numbers.resize(count, 0.0);
        }
        Self { place, numbers }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        SCRATCH.with(|scratch| scratch[self.place].set(std::mem::take(&mut self.numbers)));
    }
}

/// How maps are cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Outputs of a tile along both axes: 4 or 2.
    outputs: usize,
    /// Tiles of a map along both axes.
    tiles: [usize; 2],
    /// Whether every second pixel repeats the one before it, so that some points are always zero.
    repeated: bool,
}

/// Whether maps that are not too small are convolved in fewer multiplications by a layer of so many channels, in and out.
pub(super) fn is_worth(geometry: Geometry, [inner, outer]: [usize; 2]) -> bool {
    (geometry == Geometry::SAME || geometry == Geometry::DOUBLE) && inner.min(outer) >= WORTH
}

impl Plan {
    /// The plan of a layer of `inner` and `outer` channels, or nothing where the direct form is better. It is chosen by sizes that do not change
    /// with the number of maps or threads, and neither do the bits of a result.
    pub(super) fn of(geometry: Geometry, [inner, outer]: [usize; 2], [height, width]: [usize; 2]) -> Option<Self> {
        if !is_worth(geometry, [inner, outer]) {
            return None;
        }
        let tiles = |m: usize| [height.div_ceil(m), width.div_ceil(m)];
        // Multiplications at all tiles, and what turning taps into points costs beside them: too much for maps of 4 x 4 pixels.
        let cost = |m: usize| points(m).pow(2) * tiles(m)[0] * tiles(m)[1] + if m == 4 { 110 } else { 80 };
        let outputs = if cost(4) < cost(2) { 4 } else { 2 };
        let repeated = geometry == Geometry::DOUBLE && outputs == 4;
        (cost(outputs) < 9 * height * width).then(|| Self { outputs, tiles: tiles(outputs), repeated })
    }

    fn points(self) -> usize {
        points(self.outputs).pow(2)
    }

    /// Whether products at point (i, j) are always zero.
    #[inline(always)]
    fn is_zero(self, i: usize, j: usize) -> bool {
        self.repeated && (i == CANCELLED || j == CANCELLED)
    }

    /// The first output pixel of a row of tiles, counted over all maps.
    fn start(self, row: usize, [height, width]: [usize; 2]) -> usize {
        let (map, row) = (row / self.tiles[0], row % self.tiles[0]);
        (map * height + row * self.outputs) * width
    }
}

impl Job<'_> {
    /// The whole of `out`.
    pub(super) fn winograd(&self, plan: Plan, out: &mut [f32]) {
        let (outer, output) = (self.columns.len(), self.sizes.output);
        let rows = out.len() / outer / (output[0] * output[1]) * plan.tiles[0];
        let most = GROUP_NUMBERS / (plan.points() * self.layer.weights.inner);
        let together = (most.clamp(GROUP_TILES[0], GROUP_TILES[1]) / plan.tiles[1]).max(1);
        let threads = rayon::current_num_threads();
        // As many groups for each thread as for the others, and as many rows of tiles in each, to within one.
        let count = match rows.div_ceil(together) {
            many if many > threads => many.next_multiple_of(threads).min(rows),
            few => few,
        };
        let (mut groups, mut rest) = (Vec::with_capacity(count), out);
        for index in 0..count {
            let rows = index * rows / count..(index + 1) * rows / count;
            let first = rows.start;
            let pixels = plan.start(rows.end, output) - plan.start(first, output);
            let (own, others) = std::mem::take(&mut rest).split_at_mut(pixels * outer);
            rest = others;
            groups.push((Group { job: self, plan, rows }, own));
        }
        // Where there are groups enough, each is the work of one thread.
        if groups.len() >= 2 * threads {
            groups.into_par_iter().with_max_len(1).for_each(|(group, out)| group.go(out, false));
        } else {
            for (group, out) in groups {
                group.go(out, true);
            }
        }
    }
}

/// Some rows of tiles, counted over all maps.
struct Group<'a> {
    job: &'a Job<'a>,
    plan: Plan,
    rows: Range<usize>,
}

impl Group<'_> {
    fn tiles(&self) -> usize {
        self.rows.len() * self.plan.tiles[1]
    }

    /// Numbers from one point of [`CHUNK`] inputs to the next; where there are few tiles, those of all points together lie otherwise
    /// ([`few::Products`]) and need no more.
    fn stride(&self) -> usize {
        self.tiles().next_multiple_of(few::TOGETHER) * CHUNK + GAP
    }

    /// Whether there are so few tiles that the taps' points are never written.
    #[inline(always)]
    fn is_few<S: Simd>(&self) -> bool {
        let two = self.job.layer.weights.width == 2 * S::F32_LANES;
        few::fits::<S>() && two && self.plan.outputs == 4 && !self.plan.repeated && self.tiles() <= few::FEW
    }

    /// The map, and the place in it, of a tile's first output pixel.
    #[inline(always)]
    fn place(&self, tile: usize) -> [usize; 3] {
        let [down, across] = self.plan.tiles;
        let row = self.rows.start + tile / across;
        [row / down, row % down * self.plan.outputs, tile % across * self.plan.outputs]
    }

    fn go(&self, out: &mut [f32], threads: bool) {
        let Packed { inner, outer, width, .. } = self.job.layer.weights;
        let (chunk, chunks) = (self.plan.points() * self.stride(), inner.div_ceil(CHUNK));
        let mut scratch = Scratch::take(0, chunks * chunk);
        let seen = &mut scratch.numbers[..chunks * chunk];
        let transform = |(index, seen): (usize, &mut [f32])| {
            Arch::new().dispatch(Entry { group: self, first: index * CHUNK, seen });
        };
        if threads {
            seen.par_chunks_mut(chunk).enumerate().for_each(transform);
        } else {
            seen.chunks_mut(chunk).enumerate().for_each(transform);
        }
        let seen = &*seen;
        let multiply = |(columns, out): (Range<usize>, Vec<&mut [f32]>)| {
            Arch::new().dispatch(Exit { group: self, seen, columns, out });
        };
        let blocks = outer.div_ceil(width);
        let of_share = if threads { even_share(blocks, rayon::current_num_threads()) } else { blocks };
        let shares = shares(out, outer, of_share * width);
        if threads {
            shares.into_par_iter().with_max_len(1).for_each(multiply);
        } else {
            shares.into_iter().for_each(multiply);
        }
    }
}

/// Blocks of a share of `blocks`: few, and if it can be such that each of the threads gets as many as the others.
fn even_share(blocks: usize, threads: usize) -> usize {
    (1..=blocks / (4 * threads)).rev().find(|share| blocks.is_multiple_of(share * threads)).unwrap_or(1)
}

/// Turns some inputs of all tiles into points: `[point][tile][CHUNK]`, [`GAP`] after each point; where tiles are few, as [`few::Products`] reads
/// them.
struct Entry<'a, 'b> {
    group: &'a Group<'a>,
    first: usize,
    seen: &'b mut [f32],
}

impl WithSimd for Entry<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.group.plan.outputs == 4 { self.go::<S, 4>(simd) } else { self.go::<S, 2>(simd) }
    }
}

impl Entry<'_, '_> {
    #[inline(always)]
    fn go<S: Simd, const M: usize>(mut self, simd: S) {
        let (job, plan, stride) = (self.group.job, self.group.plan, self.group.stride());
        let end = (self.first + CHUNK).min(job.layer.weights.inner);
        let mut half = [[simd.splat_f32s(0.0); 6]; 6];
        let few = self.group.is_few::<S>();
        if few {
            self.seen.fill(0.0);
        }
        for tile in 0..self.group.tiles() {
            let [map, y, x] = self.group.place(tile);
            let mut pixels = [[job.zeros; 6]; 6];
            for (i, row) in pixels.iter_mut().enumerate().take(points(M)) {
                for (j, pixel) in row.iter_mut().enumerate().take(points(M)) {
                    *pixel = job.pixel(map, y + i, x + j).unwrap_or(job.zeros);
                }
            }
            for (index, k) in (self.first..end).step_by(S::F32_LANES).enumerate() {
                for j in 0..points(M) {
                    inputs::<S, M>(
                        simd,
                        #[inline(always)]
                        |i| load(simd, &pixels[i][j][k..]),
                        #[inline(always)]
                        |i, x| half[i][j] = x,
                    );
                }
                if few {
                    self.put_few::<S>(simd, &half, tile, index * S::F32_LANES);
                    continue;
                }
                for (i, half) in half.iter().enumerate().take(points(M)) {
                    let seen = &mut self.seen[i * points(M) * stride + tile * CHUNK + index * S::F32_LANES..];
                    inputs::<S, M>(
                        simd,
                        #[inline(always)]
                        |j| half[j],
                        #[inline(always)]
                        |j, x| {
                            if !plan.is_zero(i, j) {
                                store(simd, &mut seen[j * stride..], x);
                            }
                        },
                    );
                }
            }
        }
    }
}

impl Entry<'_, '_> {
    /// The points of a vector of inputs of one tile, in the order of [`few::Products`].
    #[inline(always)]
    fn put_few<S: Simd>(&mut self, simd: S, half: &[[S::f32s; 6]; 6], tile: usize, first: usize) {
        let tiles = self.seen.as_chunks_mut::<{ few::TOGETHER }>().0.as_chunks_mut::<6>().0;
        for (i, half) in half.iter().enumerate() {
            let row: &mut [few::Inputs] = &mut tiles[(tile / few::TOGETHER * 6 + i) * CHUNK + first..];
            inputs::<S, 4>(
                simd,
                #[inline(always)]
                |j| half[j],
                #[inline(always)]
                |j, x| {
                    let mut numbers = [0.0; 16];
                    store(simd, &mut numbers, x);
                    for (inputs, x) in row.iter_mut().zip(numbers).take(S::F32_LANES) {
                        inputs[j][tile % few::TOGETHER] = x;
                    }
                },
            );
        }
    }
}

/// Some output columns of all tiles.
struct Exit<'a, 'b> {
    group: &'a Group<'a>,
    seen: &'a [f32],
    columns: Range<usize>,
    /// These columns of each output pixel of the group.
    out: Vec<&'b mut [f32]>,
}

impl WithSimd for Exit<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (self.group.plan.outputs, rows_of::<S>()) {
            (4, 8) => self.go::<S, 4, 8, 4>(simd),
            (4, _) => self.go::<S, 4, 6, 4>(simd),
            (_, 8) => self.go::<S, 2, 8, 4>(simd),
            (..) => self.go::<S, 2, 6, 4>(simd),
        }
    }
}

impl Exit<'_, '_> {
    #[inline(always)]
    fn go<S: Simd, const M: usize, const P: usize, const H: usize>(mut self, simd: S) {
        let width = self.group.job.layer.weights.width;
        // A block more than there are tiles, or two: never a power of two that is large.
        let gap = if (self.group.tiles() + 1).is_multiple_of(32) { 2 } else { 1 };
        let (taps, sums) = (CHUNK * width + GAP, (self.group.tiles() + gap) * width);
        let points = points(M).pow(2);
        let mut scratch = Scratch::take(1, points * (taps + sums));
        let (taps, sums) = scratch.numbers[..points * (taps + sums)].split_at_mut(points * taps);
        // Points that are always zero are read as the others are.
        sums.fill(0.0);
        let blocks = self.columns.start / width..self.columns.end.div_ceil(width);
        for block in blocks.clone() {
            self.multiply::<S, M, P, H>(simd, [block, blocks.end], taps, sums);
            self.finish::<S, M>(simd, block, sums);
        }
    }

    /// The products of a block of columns at all points, `[point][tile][width]`; the share's blocks end before `last`.
    #[inline(always)]
    fn multiply<S: Simd, const M: usize, const P: usize, const H: usize>(
        &self,
        simd: S,
        [block, last]: [usize; 2],
        taps: &mut [f32],
        sums: &mut [f32],
    ) {
        let weights = &self.group.job.layer.weights;
        let Packed { inner, width, .. } = *weights;
        let (tiles, stride, count) = (self.group.tiles(), self.group.stride(), points(M).pow(2));
        let (taps_stride, sums_stride) = (taps.len() / count, sums.len() / count);
        let mut scratch: [Vec<f32>; 9] = Default::default();
        let few = self.group.is_few::<S>();
        for (first, seen) in (0..inner).step_by(CHUNK).zip(self.seen.chunks_exact(count * stride)) {
            let length = CHUNK.min(inner - first);
            if M == 4 && few {
                self.multiply_few(simd, [block, last], (first, seen), &mut scratch, sums);
                continue;
            }
            let pieces = weights.pieces(block, &(first..first + length), &mut scratch);
            transform::<S, M>(simd, pieces, taps, taps_stride);
            // What is turned into points after these: the next inputs, or the first of the next block.
            let (next, after) = if first + length < inner { (block, first + length) } else { (block + 1, 0) };
            let inputs = after..(after + CHUNK).min(inner);
            for point in 0..count {
                for tap in (0..9).filter(|_| next < last) {
                    weights.ahead([next, tap], &inputs, [point, count], 1).go_on();
                }
                if self.group.plan.is_zero(point / points(M), point % points(M)) {
                    continue;
                }
                let columns = S::as_simd_f32s(&taps[point * taps_stride..][..length * width]).0;
                let rows = &seen[point * stride..][..tiles * CHUNK];
                let sums =
                    S::as_mut_simd_f32s(&mut sums[point * sums_stride..][..tiles * width]).0.as_chunks_mut::<2>().0;
                for (rows, sums) in rows.chunks(P * CHUNK).zip(sums.chunks_mut(P)) {
                    if sums.len() > H {
                        onto::<S, P>(simd, rows, columns, sums, first == 0);
                    } else {
                        onto::<S, H>(simd, rows, columns, sums, first == 0);
                    }
                }
            }
        }
    }

    /// The products of some inputs with a block of columns, where tiles are few.
    #[inline(always)]
    fn multiply_few<S: Simd>(
        &self,
        simd: S,
        [block, last]: [usize; 2],
        (first, seen): (usize, &[f32]),
        scratch: &mut [Vec<f32>; 9],
        sums: &mut [f32],
    ) {
        let weights = &self.group.job.layer.weights;
        let inputs = |first: usize| first..(first + CHUNK).min(weights.inner);
        let (next, after) = if first + CHUNK < weights.inner { (block, first + CHUNK) } else { (block + 1, 0) };
        let products = few::Products {
            weights,
            block,
            inputs: inputs(first),
            next: (next < last).then(|| (next, inputs(after))),
            seen: seen.as_chunks::<{ few::TOGETHER }>().0.as_chunks::<6>().0,
            of_row: CHUNK,
        };
        let stride = sums.len() / points(4).pow(2) / weights.width;
        let sums = S::as_mut_simd_f32s(sums).0.as_chunks_mut::<2>().0;
        products.onto(simd, scratch, sums, [self.group.tiles(), stride], first == 0);
    }

    /// Writes the outputs of a block of columns.
    #[inline(always)]
    fn finish<S: Simd, const M: usize>(&mut self, simd: S, block: usize, sums: &[f32]) {
        let (group, job) = (self.group, self.group.job);
        let Packed { outer, width, .. } = job.layer.weights;
        let [height, map_width] = job.sizes.output;
        let stride = sums.len() / points(M).pow(2);
        let start = group.plan.start(group.rows.start, job.sizes.output);
        let mut half = [[simd.splat_f32s(0.0); 6]; M];
        for tile in 0..group.tiles() {
            let [map, y, x] = group.place(tile);
            for column in (0..width).step_by(S::F32_LANES) {
                let first = block * width + column;
                if first >= outer {
                    break;
                }
                let end = (first + S::F32_LANES).min(outer);
                let bias = match job.bias {
                    Some(bias) => load(simd, &bias[first..end]),
                    None => simd.splat_f32s(0.0),
                };
                let sums = &sums[tile * width + column..];
                for j in 0..points(M) {
                    outputs::<S, M>(
                        simd,
                        #[inline(always)]
                        |i| load(simd, &sums[(i * points(M) + j) * stride..]),
                        #[inline(always)]
                        |i, x| half[i][j] = x,
                    );
                }
                for (i, half) in half.iter().enumerate().take(height - y) {
                    let pixel = (map * height + y + i) * map_width + x;
                    outputs::<S, M>(
                        simd,
                        #[inline(always)]
                        |j| half[j],
                        #[inline(always)]
                        |j, sum| {
                            if x + j < map_width {
                                let sum = simd.add_f32s(sum, bias);
                                let sum = match job.residual {
                                    Some(all) => {
                                        simd.add_f32s(load(simd, &all[(pixel + j) * outer..][first..end]), sum)
                                    }
                                    None => sum,
                                };
                                let out = &mut self.out[pixel + j - start];
                                store(simd, &mut out[first - self.columns.start..end - self.columns.start], sum);
                            }
                        },
                    );
                }
            }
        }
    }
}

/// The taps of some inputs of a block of columns at all points: `[point][input][width]`, at `stride` from point to point.
#[inline(always)]
fn transform<S: Simd, const M: usize>(simd: S, pieces: [&[f32]; 9], out: &mut [f32], stride: usize) {
    let mut half = [[simd.splat_f32s(0.0); 3]; 6];
    let mut vectors: [&[S::f32s]; 9] = [&[]; 9];
    for (vectors, piece) in vectors.iter_mut().zip(pieces) {
        *vectors = S::as_simd_f32s(piece).0;
    }
    let count = vectors[0].len();
    for vectors in &mut vectors {
        *vectors = &vectors[..count];
    }
    for at in 0..count {
        for j in 0..3 {
            let line = [vectors[j][at], vectors[3 + j][at], vectors[6 + j][at]];
            taps::<S, M>(
                simd,
                line,
                #[inline(always)]
                |i, x| half[i][j] = x,
            );
        }
        for (i, half) in half.iter().enumerate().take(points(M)) {
            let out = &mut out[i * points(M) * stride + at * S::F32_LANES..];
            taps::<S, M>(
                simd,
                *half,
                #[inline(always)]
                |j, x| store(simd, &mut out[j * stride..], x),
            );
        }
    }
}

/// Adds to the sums of at most `P` tiles, or begins them.
#[inline(always)]
fn onto<S: Simd, const P: usize>(simd: S, rows: &[f32], columns: &[S::f32s], sums: &mut [[S::f32s; 2]], begin: bool) {
    // Written as loops: closures given to arrays may be compiled without the wide instructions.
    let last = sums.len() - 1;
    let length = columns.len() / 2;
    let mut seen: [&[f32]; P] = [&[]; P];
    let mut made = [[simd.splat_f32s(0.0); 2]; P];
    for p in 0..P {
        seen[p] = &rows[p.min(last) * CHUNK..][..length];
        if !begin {
            made[p] = sums[p.min(last)];
        }
    }
    let made = tile_onto::<S, P, 2>(simd, made, seen, columns);
    for (sums, made) in sums.iter_mut().zip(made) {
        *sums = made;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_chosen_by_the_size_of_maps() {
        let outputs = |size| Plan::of(Geometry::SAME, [320, 320], [size, size]).map(|plan| plan.outputs);
        assert_eq!([4, 6, 8, 16, 64].map(outputs), [None, Some(2), Some(4), Some(4), Some(4)]);
        for (geometry, channels) in
            [(Geometry::HALVE, [320, 320]), (Geometry::SAME, [4, 320]), (Geometry::SAME, [320, 4])]
        {
            assert_eq!(Plan::of(geometry, channels, [16, 16]), None);
        }
    }

    #[test]
    fn shares_are_even_where_they_can_be() {
        assert_eq!([5, 10, 20, 40, 60, 7].map(|blocks| even_share(blocks, 2)), [1, 1, 2, 5, 6, 1]);
        assert_eq!(even_share(40, 64), 1);
    }

    #[test]
    fn groups_follow_one_another_over_maps() {
        let plan = Plan::of(Geometry::SAME, [64, 64], [10, 9]).unwrap();
        let starts: Vec<usize> = (0..=6).map(|row| plan.start(row, [10, 9])).collect();
        assert_eq!((plan.tiles, starts), ([3, 3], vec![0, 36, 72, 90, 126, 162, 180]));
    }
}
