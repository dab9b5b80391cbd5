//! Minimal filtering where there are few tiles: taps are turned into points in registers, again for each four tiles, and never written.
//!
//! Each number is made by the same operations in the same order as where there are many ([`super::winograd`]), so that its bits do not tell.

use std::ops::Range;

use pulp::Simd;

use super::{
    ahead::{self, Ahead},
    filter::{points, taps},
    packed::Packed,
};

/// Tiles up to which writing points to memory costs more than making them again.
pub(super) const FEW: usize = 8;
/// Tiles that are taken at once: with the six points of a row of taps, as many sums as the registers hold.
pub(super) const TOGETHER: usize = 4;
/// Points along a line.
const POINTS: usize = points(4);
/// Inputs whose taps, a vector of columns of each, stay in the nearest cache while all rows of points are made of them.
const NEAR: usize = 32;

/// The inputs of [`TOGETHER`] tiles at a row of points.
pub(super) type Inputs = [[f32; TOGETHER]; POINTS];

/// Whether registers hold what [`Products`] keeps there.
pub(super) const fn fits<S: Simd>() -> bool {
    S::REGISTER_COUNT >= 32
}

/// A block of columns times the inputs of few tiles.
pub(super) struct Products<'a> {
    pub(super) weights: &'a Packed,
    pub(super) block: usize,
    /// The inputs of the network that are taken now.
    pub(super) inputs: Range<usize>,
    /// What is needed after these: a block and its inputs.
    pub(super) next: Option<(usize, Range<usize>)>,
    /// `[four tiles][row of points][input]`, so many inputs as [`Self::of_row`] says.
    pub(super) seen: &'a [Inputs],
    pub(super) of_row: usize,
}

impl Products<'_> {
    /// Adds to the sums `[point][tile]` of two vectors each, `stride` tiles from point to point; begins them if `begin`.
    #[inline(always)]
    pub(super) fn onto<S: Simd>(
        &self,
        simd: S,
        scratch: &mut [Vec<f32>; 9],
        sums: &mut [[S::f32s; 2]],
        [tiles, stride]: [usize; 2],
        begin: bool,
    ) {
        let pieces = self.weights.pieces(self.block, &self.inputs, scratch);
        let mut columns: [&[[S::f32s; 2]]; 9] = [&[]; 9];
        for (columns, piece) in columns.iter_mut().zip(pieces) {
            *columns = S::as_simd_f32s(piece).0.as_chunks::<2>().0;
        }
        for (group, seen) in self.seen.chunks_exact(POINTS * self.of_row).enumerate().take(tiles.div_ceil(TOGETHER)) {
            let place = Place { first: group * TOGETHER, tiles: TOGETHER.min(tiles - group * TOGETHER), stride, begin };
            for start in (0..self.inputs.len()).step_by(NEAR) {
                let inputs = start..(start + NEAR).min(self.inputs.len());
                let place = Place { begin: begin && start == 0, ..place };
                let mut near: [&[[S::f32s; 2]]; 9] = [&[]; 9];
                for (near, columns) in near.iter_mut().zip(columns) {
                    *near = &columns[inputs.clone()];
                }
                for half in 0..2 {
                    for (i, seen) in seen.chunks_exact(self.of_row).enumerate() {
                        let row = Row { seen: &seen[inputs.clone()], columns: near, place };
                        row.any(simd, [i, half], sums, self.ahead(group, start, [half, i], inputs.len()));
                    }
                }
            }
        }
    }

    /// What to ask for during one of the calls: half of a tap's next inputs, while the first tiles are taken. After few inputs there are fewer
    /// calls than halves, and the last taps are not asked for.
    #[inline(always)]
    fn ahead(&self, group: usize, start: usize, [half, i]: [usize; 2], steps: usize) -> Ahead {
        let call = (start / NEAR * 2 + half) * POINTS + i;
        match &self.next {
            Some((block, inputs)) if group == 0 && call < 18 => {
                self.weights.ahead([*block, call / 2], inputs, [call % 2, 2], steps)
            }
            _ => Ahead::NOTHING,
        }
    }
}

/// Three taps at all points of a line; those that nobody reads are not computed.
#[inline(always)]
fn at_points<S: Simd>(simd: S, line: [S::f32s; 3]) -> [S::f32s; POINTS] {
    let mut made = [simd.splat_f32s(0.0); POINTS];
    taps::<S, 4>(
        simd,
        line,
        #[inline(always)]
        |i, x| made[i] = x,
    );
    made
}

/// Where the sums of some tiles are.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    tiles: usize,
    stride: usize,
    begin: bool,
}

/// A row of points of some tiles: inputs, and the nine taps of each.
struct Row<'a, S: Simd> {
    seen: &'a [Inputs],
    columns: [&'a [[S::f32s; 2]]; 9],
    place: Place,
}

impl<S: Simd> Row<'_, S> {
    /// Row `i` of the points, one of the two vectors of columns.
    #[inline(always)]
    fn any(&self, simd: S, [i, half]: [usize; 2], sums: &mut [[S::f32s; 2]], ahead: Ahead) {
        match (i, half) {
            (0, 0) => self.go::<0, 0>(simd, sums, ahead),
            (0, _) => self.go::<0, 1>(simd, sums, ahead),
            (1, 0) => self.go::<1, 0>(simd, sums, ahead),
            (1, _) => self.go::<1, 1>(simd, sums, ahead),
            (2, 0) => self.go::<2, 0>(simd, sums, ahead),
            (2, _) => self.go::<2, 1>(simd, sums, ahead),
            (3, 0) => self.go::<3, 0>(simd, sums, ahead),
            (3, _) => self.go::<3, 1>(simd, sums, ahead),
            (4, 0) => self.go::<4, 0>(simd, sums, ahead),
            (4, _) => self.go::<4, 1>(simd, sums, ahead),
            (_, 0) => self.go::<5, 0>(simd, sums, ahead),
            (_, _) => self.go::<5, 1>(simd, sums, ahead),
        }
    }

    #[inline(always)]
    fn go<const I: usize, const H: usize>(&self, simd: S, all: &mut [[S::f32s; 2]], ahead: Ahead) {
        let Place { first, tiles, stride, begin } = self.place;
        let mut sums = [[simd.splat_f32s(0.0); TOGETHER]; POINTS];
        if !begin {
            for (j, sums) in sums.iter_mut().enumerate() {
                for (sum, all) in sums.iter_mut().zip(&all[(I * POINTS + j) * stride + first..][..tiles]) {
                    *sum = all[H];
                }
            }
        }
        let sums = self.onto::<I, H>(simd, sums, ahead);
        for (j, sums) in sums.iter().enumerate() {
            for (sum, all) in sums.iter().zip(&mut all[(I * POINTS + j) * stride + first..][..tiles]) {
                all[H] = *sum;
            }
        }
    }

    /// What stays in registers: no sum is taken by a number that is not known here.
    #[inline(always)]
    fn onto<const I: usize, const H: usize>(
        &self,
        simd: S,
        mut sums: [[S::f32s; TOGETHER]; POINTS],
        mut ahead: Ahead,
    ) -> [[S::f32s; TOGETHER]; POINTS] {
        let count = self.seen.len();
        let mut columns: [&[[S::f32s; 2]]; 9] = [&[]; 9];
        for (columns, all) in columns.iter_mut().zip(self.columns) {
            *columns = &all[..count];
        }
        for (step, seen) in self.seen.chunks(ahead::STEPS).enumerate() {
            ahead.go_on();
            for (i, seen) in seen.iter().enumerate() {
                let at = step * ahead::STEPS + i;
                let mut half = [simd.splat_f32s(0.0); 3];
                for j in 0..3 {
                    let line = [columns[j][at][H], columns[3 + j][at][H], columns[6 + j][at][H]];
                    half[j] = at_points(simd, line)[I];
                }
                let made = at_points(simd, half);
                for j in 0..POINTS {
                    for t in 0..TOGETHER {
                        sums[j][t] = simd.mul_add_f32s(simd.splat_f32s(seen[j][t]), made[j], sums[j][t]);
                    }
                }
            }
        }
        sums
    }
}
