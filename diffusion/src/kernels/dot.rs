//! AVX-512's dot products of `bfloat16` pairs, summed in single precision.

// The intrinsics may be called where the CPU has them only, which the compiler cannot see; each use says why it is sound.
#![allow(unsafe_code)]

use std::arch::x86_64::{__m512, __m512bh, _mm512_dpbf16_ps, _mm512_set1_epi32, _mm512_setzero_ps};

use super::{
    engine::{Block, Factor, products},
    lines::{LINE, Line},
};

/// Proof that this CPU has the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dot(());

impl Dot {
    /// The proof, where there is one.
    pub(super) fn find() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")).then_some(Self(()))
    }

    /// See `Session::multiply`.
    #[expect(clippy::unused_self, reason = "who has one may use the instructions; there is nothing else in it")]
    pub(super) fn multiply(self, factor: &Factor<'_>, columns: &[Line], block: &mut Block, add: bool) {
        factor.check(columns);
        // A group that stands in for one that is not there makes sums that nobody reads.
        let groups = if factor.segments.iter().all(|[first, second]| first == second) { 1 } else { 2 };
        let parts = block.0.as_chunks_mut::<ROWS>().0.iter_mut().take(groups * GROUP / ROWS);
        for (part, rows) in parts.enumerate() {
            // SAFETY: a `Dot` is only made where the CPU has both features that the function is compiled for.
            unsafe { rows_onto(factor, columns, rows, [part * ROWS / GROUP, part * ROWS % GROUP], add) };
        }
    }
}

/// Rows of a group.
const GROUP: usize = 16;
/// Rows that are taken at once, times both tiles of columns: what is loaded for a row then serves twice, and sums, a pair of every row and
/// both tiles fit the registers.
const ROWS: usize = 8;

/// Some rows, from `first` of a group on, times 32 columns.
#[target_feature(enable = "avx512f,avx512bf16")]
fn rows_onto(
    factor: &Factor<'_>,
    columns: &[Line],
    rows: &mut [[f32; LINE]; ROWS],
    [group, first]: [usize; 2],
    add: bool,
) {
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    if add {
        for (sums, row) in sums.iter_mut().zip(rows.iter()) {
            for (sum, x) in sums.iter_mut().zip(row.as_chunks::<16>().0) {
                *sum = floats(*x);
            }
        }
    }
    let parts = factor.parts.count();
    let mut steps = columns.chunks_exact(Factor::step_lines(factor.parts));
    for starts in factor.segments {
        for (step, columns) in (&mut steps).take(factor.steps).enumerate() {
            for (of_row, of_column) in products(factor.parts) {
                let (left, right) = columns[of_column * LINE..][..LINE].split_at(LINE / 2);
                let start = starts[group] + first * factor.stride + step * parts + of_row;
                let lines: [&[u16; LINE]; ROWS] =
                    std::array::from_fn(|row| &factor.lines[start + row * factor.stride].0);
                for (pair, (left, right)) in left.iter().zip(right).enumerate() {
                    let (left, right) = (numbers(left.0), numbers(right.0));
                    for (sums, line) in sums.iter_mut().zip(lines) {
                        let both = spread(u32::from(line[2 * pair]) | u32::from(line[2 * pair + 1]) << 16);
                        sums[0] = _mm512_dpbf16_ps(sums[0], both, left);
                        sums[1] = _mm512_dpbf16_ps(sums[1], both, right);
                    }
                }
            }
        }
    }
    for (sums, row) in sums.into_iter().zip(rows) {
        for (sum, x) in sums.into_iter().zip(row.as_chunks_mut::<16>().0) {
            *x = stored(sum);
        }
    }
}

/// The same pair 16 times.
#[inline]
#[target_feature(enable = "avx512f")]
fn spread(both: u32) -> __m512bh {
    // SAFETY: both types are 512 bits, of which every pattern is valid.
    unsafe { std::mem::transmute(_mm512_set1_epi32(both.cast_signed())) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn numbers(x: [u16; LINE]) -> __m512bh {
    // SAFETY: both types are 512 bits, of which every pattern is valid.
    unsafe { std::mem::transmute(x) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn floats(x: [f32; 16]) -> __m512 {
    // SAFETY: both types are 512 bits, of which every pattern is valid.
    unsafe { std::mem::transmute(x) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn stored(x: __m512) -> [f32; 16] {
    // SAFETY: both types are 512 bits, of which every pattern is valid.
    unsafe { std::mem::transmute(x) }
}
