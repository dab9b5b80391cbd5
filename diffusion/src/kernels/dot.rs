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
        let (rows, _) = block.0.as_chunks_mut::<16>();
        for (group, rows) in rows.iter_mut().enumerate() {
            for tile in 0..2 {
                // SAFETY: a `Dot` is only made where the CPU has both features that the function is compiled for.
                unsafe { half(factor, columns, rows, [group, tile], add) };
            }
        }
    }
}

/// One group of 16 rows times one tile of 16 columns.
#[target_feature(enable = "avx512f,avx512bf16")]
fn half(factor: &Factor<'_>, columns: &[Line], rows: &mut [[f32; LINE]; 16], [group, tile]: [usize; 2], add: bool) {
    let mut sums = [_mm512_setzero_ps(); 16];
    if add {
        for (sum, row) in sums.iter_mut().zip(rows.iter()) {
            *sum = floats(row.as_chunks::<16>().0[tile]);
        }
    }
    let parts = factor.parts.count();
    let mut steps = columns.chunks_exact(Factor::step_lines(factor.parts));
    for starts in factor.segments {
        for (step, columns) in (&mut steps).take(factor.steps).enumerate() {
            for (of_row, of_column) in products(factor.parts) {
                let tile = &columns[of_column * LINE + tile * 16..][..16];
                let start = starts[group] + step * parts + of_row;
                let lines: [&[u16; LINE]; 16] = std::array::from_fn(|row| &factor.lines[start + row * factor.stride].0);
                for (pair, column) in tile.iter().enumerate() {
                    let column = numbers(column.0);
                    for (sum, line) in sums.iter_mut().zip(lines) {
                        let both = u32::from(line[2 * pair]) | u32::from(line[2 * pair + 1]) << 16;
                        *sum = _mm512_dpbf16_ps(*sum, spread(both), column);
                    }
                }
            }
        }
    }
    for (sum, row) in sums.into_iter().zip(rows) {
        row.as_chunks_mut::<16>().0[tile] = stored(sum);
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
