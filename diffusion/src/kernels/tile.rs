//! The one inner loop: a few rows times a few packed columns, held in vector registers.

use pulp::{Arch, Simd, WithSimd};

use super::ahead::{self, Ahead};

/// `rows[tap][p]` times the packed columns of each tap, summed over taps and along the rows:
/// `sum_tap sum_i rows[tap][p][i] * columns[tap][i]`, for `P` rows and `V` vectors of columns.
///
/// `columns` holds, tap by tap and input by input, `V` vectors. Each sum runs in that order from zero, with fused
/// multiply-add, so that its bits depend neither on `P` nor on the width of the registers.
#[inline(always)]
pub(super) fn tile<S: Simd, const P: usize, const V: usize>(
    simd: S,
    rows: &[[&[f32]; P]],
    columns: &[S::f32s],
    inner: usize,
) -> [[S::f32s; V]; P] {
    let mut sums = [[simd.splat_f32s(0.0); V]; P];
    for (rows, columns) in rows.iter().zip(columns.chunks_exact(inner * V)) {
        sums = tile_onto::<S, P, V>(simd, sums, *rows, columns);
    }
    sums
}

/// `sums` plus `rows` times `columns`, input by input: what [`tile`] does for each tap.
#[inline(always)]
pub(super) fn tile_onto<S: Simd, const P: usize, const V: usize>(
    simd: S,
    mut sums: [[S::f32s; V]; P],
    rows: [&[f32]; P],
    columns: &[S::f32s],
) -> [[S::f32s; V]; P] {
    let columns = columns.as_chunks::<V>().0;
    let mut heads: [&[f32]; P] = [&[]; P];
    for p in 0..P {
        heads[p] = &rows[p][..columns.len()];
    }
    for (i, columns) in columns.iter().enumerate() {
        for p in 0..P {
            let x = simd.splat_f32s(heads[p][i]);
            for v in 0..V {
                sums[p][v] = simd.mul_add_f32s(x, columns[v], sums[p][v]);
            }
        }
    }
    sums
}

/// As [`tile_onto`], asking for what comes after meanwhile.
#[inline(always)]
pub(super) fn tile_ahead<S: Simd, const P: usize, const V: usize>(
    simd: S,
    mut sums: [[S::f32s; V]; P],
    rows: [&[f32]; P],
    columns: &[S::f32s],
    mut ahead: Ahead,
) -> [[S::f32s; V]; P] {
    let inputs = columns.len() / V;
    for (first, columns) in (0..inputs).step_by(ahead::STEPS).zip(columns.chunks(ahead::STEPS * V)) {
        ahead.go_on();
        let mut now: [&[f32]; P] = [&[]; P];
        for p in 0..P {
            now[p] = &rows[p][first..];
        }
        sums = tile_onto::<S, P, V>(simd, sums, now, columns);
    }
    sums
}

/// Rows that a tile takes at once: as many as the registers hold beside the columns.
pub(super) const fn rows_of<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 8 } else { 6 }
}

/// The same for this machine.
pub(super) fn tile_rows() -> usize {
    struct Rows;
    impl WithSimd for Rows {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            rows_of::<S>()
        }
    }
    Arch::new().dispatch(Rows)
}

/// Stores a vector at the head of `out`; only as much of it as fits.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, out: &mut [f32], sum: S::f32s) {
    match S::as_mut_simd_f32s(out).0.first_mut() {
        Some(whole) => *whole = sum,
        None => simd.partial_store_f32s(out, sum),
    }
}

/// Loads a vector from the head of `row`, zeros after its end.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, row: &[f32]) -> S::f32s {
    match S::as_simd_f32s(row).0.first() {
        Some(whole) => *whole,
        None => simd.partial_load_f32s(row),
    }
}
