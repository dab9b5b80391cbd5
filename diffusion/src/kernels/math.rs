//! Exponential and error function by polynomials that vectorise and give the same bits everywhere.

/// Lanes of sums along rows; fixed, so that the order of additions does not depend on the machine.
pub(super) const LANES: usize = 16;

/// e^x, relative error below 2e-7 where the result is normal; 0 below -87, NaN stays NaN.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to a whole number that then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has few bits, so that its product with n is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Written as comparisons, which let NaN through.
    let x = if x > 88.0 { 88.0 } else { x };
    let under = x < -87.0;
    let x = if under { -87.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    // Taylor's series to r^7; |r| <= ln 2 / 2.
    let p = r.mul_add(1.0 / 5040.0, 1.0 / 720.0);
    let p = r.mul_add(p, 1.0 / 120.0);
    let p = r.mul_add(p, 1.0 / 24.0);
    let p = r.mul_add(p, 1.0 / 6.0);
    let p = r.mul_add(p, 0.5);
    let p = (r * r).mul_add(p, r) + 1.0;
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23);
    if under { 0.0 } else { p * power }
}

/// The error function, absolute error below 4e-7: x P(x^2) / Q(x^2), fitted to have the least greatest error on
/// -3.925..3.925, outside of which erf is 1 to single precision.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    const P: [f32; 6] =
        [std::f32::consts::FRAC_2_SQRT_PI, 0.190_591_95, 0.052_769_072, 0.003_772_476_7, 2.848_426e-4, 2.046_05e-6];
    const Q: [f32; 6] = [1.0, 0.502_240_4, 0.114_181_98, 0.014_983_05, 0.001_163_841_3, 3.804_796_6e-5];
    let x = if x > 3.925 { 3.925 } else { x };
    let x = if x < -3.925 { -3.925 } else { x };
    let u = x * x;
    let horner = |c: [f32; 6]| c[..5].iter().rev().fold(c[5], |sum, c| sum.mul_add(u, *c));
    x * horner(P) / horner(Q)
}

/// x times the logistic function of x.
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// The exact GELU, x (1 + erf(x / sqrt 2)) / 2.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The sum of `f` over `row`, in [`LANES`] partial sums that are then added in a fixed order.
#[inline(always)]
pub(super) fn sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f(*x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += f(*x);
    }
    together(lanes)
}

/// Each number x of `row` becomes e^(`scale` (x - `shift`)); gives their sum, which is that of [`sum`].
#[inline(always)]
pub(super) fn exponentials(row: &mut [f32], shift: f32, scale: f32) -> f32 {
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *x = exp((*x - shift) * scale);
            *lane += *x;
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *x = exp((*x - shift) * scale);
        *lane += *x;
    }
    together(lanes)
}

/// Halves are added to halves, which vectors can do.
#[inline(always)]
fn together(mut lanes: [f32; LANES]) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

/// The largest number of `row`; a NaN may be passed over.
#[inline(always)]
pub(super) fn largest(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    rest.iter().chain(&lanes).fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_accurate() {
        for i in -87_000..88_000 {
            let x = i as f32 / 1000.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 2e-7, "{x}: {} {exact}", exp(x));
        }
        assert_eq!(
            [exp(-100.0), exp(f32::NEG_INFINITY), exp(0.0)].map(f32::to_bits),
            [0.0, 0.0, 1.0f32].map(f32::to_bits)
        );
        assert!(exp(f32::NAN).is_nan() && silu(f32::NAN).is_nan() && gelu(f32::NAN).is_nan());
    }

    #[test]
    fn the_error_function_is_accurate() {
        for i in -6000..6000 {
            let x = i as f32 / 1000.0;
            let exact = libm::erf(f64::from(x));
            assert!((f64::from(erf(x)) - exact).abs() < 4e-7, "{x}: {} {exact}", erf(x));
        }
    }

    #[test]
    fn exponentials_of_a_row_are_those_of_its_numbers() {
        let row: Vec<f32> = (0..37).map(|i| i as f32 / 7.0).collect();
        let each: Vec<f32> = row.iter().map(|x| exp((x - 5.0) * 0.5)).collect();
        let mut made = row.clone();
        let total = exponentials(&mut made, 5.0, 0.5);
        assert_eq!((made, total.to_bits()), (each.clone(), sum(&each, |x| x).to_bits()));
    }

    #[test]
    fn rows_are_summed_to_the_end() {
        let row: Vec<f32> = (1..=37).map(|i| i as f32).collect();
        assert!((sum(&row, |x| x) - 703.0).abs() < 1e-3);
        assert!((largest(&row) - 37.0).abs() < 1e-6);
        assert!((largest(&row[..5]) - 5.0).abs() < 1e-6);
    }
}
