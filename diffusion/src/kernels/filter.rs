//! Winograd's minimal filtering along one line: three taps give `M` outputs from `M + 2` inputs with `M + 2` multiplications.
//!
//! Inputs and taps are read as polynomials and multiplied at `M + 1` points and at infinity (Lavin and Gray, arXiv 1509.09308). The
//! points are 0, 1 and -1, and for four outputs 2 and -2 too. Two dimensions are one after the other: the three maps are linear.

use pulp::Simd;

/// Multiplications along a line for `M` outputs.
pub(super) const fn points(m: usize) -> usize {
    m + 2
}

/// The inputs `get(0..M + 2)` at the points, handed to `put` one by one.
#[inline(always)]
pub(super) fn inputs<S: Simd, const M: usize>(
    simd: S,
    get: impl Fn(usize) -> S::f32s,
    mut put: impl FnMut(usize, S::f32s),
) {
    let [zero, one, two, three] = [get(0), get(1), get(2), get(3)];
    if M == 2 {
        put(0, simd.sub_f32s(zero, two));
        put(1, simd.add_f32s(two, one));
        put(2, simd.sub_f32s(two, one));
        put(3, simd.sub_f32s(one, three));
        return;
    }
    let (four, five) = (get(4), get(5));
    let times = |factor: f32, x, y| simd.mul_add_f32s(simd.splat_f32s(factor), x, y);
    put(0, times(4.0, zero, times(-5.0, two, four)));
    let (even, odd) = (times(-4.0, two, four), times(-4.0, one, three));
    put(1, simd.add_f32s(even, odd));
    put(2, simd.sub_f32s(even, odd));
    let (even, odd) = (simd.sub_f32s(four, two), simd.sub_f32s(three, one));
    put(3, times(2.0, odd, even));
    put(4, times(-2.0, odd, even));
    put(5, times(4.0, one, times(-5.0, three, five)));
}

/// The three taps at the points.
#[inline(always)]
pub(super) fn taps<S: Simd, const M: usize>(simd: S, taps: [S::f32s; 3], mut put: impl FnMut(usize, S::f32s)) {
    let [zero, one, two] = taps;
    let scaled = |factor: f32, x| simd.mul_f32s(simd.splat_f32s(factor), x);
    let (even, odd) = (simd.add_f32s(zero, two), one);
    if M == 2 {
        put(0, zero);
        put(1, scaled(0.5, simd.add_f32s(even, odd)));
        put(2, scaled(0.5, simd.sub_f32s(even, odd)));
        put(3, two);
        return;
    }
    put(0, scaled(0.25, zero));
    put(1, scaled(-1.0 / 6.0, simd.add_f32s(even, odd)));
    put(2, scaled(-1.0 / 6.0, simd.sub_f32s(even, odd)));
    let (even, odd) = (simd.mul_add_f32s(simd.splat_f32s(4.0), two, zero), scaled(2.0, odd));
    put(3, scaled(1.0 / 24.0, simd.add_f32s(even, odd)));
    put(4, scaled(1.0 / 24.0, simd.sub_f32s(even, odd)));
    put(5, two);
}

/// The `M` outputs from the products `get(0..M + 2)` at the points.
#[inline(always)]
pub(super) fn outputs<S: Simd, const M: usize>(
    simd: S,
    get: impl Fn(usize) -> S::f32s,
    mut put: impl FnMut(usize, S::f32s),
) {
    let (first, last) = (get(0), get(points(M) - 1));
    let (even, odd) = (simd.add_f32s(get(1), get(2)), simd.sub_f32s(get(1), get(2)));
    if M == 2 {
        put(0, simd.add_f32s(first, even));
        put(1, simd.sub_f32s(odd, last));
        return;
    }
    let (even_two, odd_two) = (simd.add_f32s(get(3), get(4)), simd.sub_f32s(get(3), get(4)));
    let times = |factor: f32, x, y| simd.mul_add_f32s(simd.splat_f32s(factor), x, y);
    put(0, simd.add_f32s(simd.add_f32s(first, even), even_two));
    put(1, times(2.0, odd_two, odd));
    put(2, times(4.0, even_two, even));
    put(3, simd.add_f32s(times(8.0, odd_two, odd), last));
}
