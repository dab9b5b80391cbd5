//! The Gaussian blur of masks, to the last bit as OpenCV blurs pictures of 8 bits.
//!
//! Hallo's preparation blurs with `GaussianBlur` of OpenCV and derives the deviation from the window. For 8-bit pictures OpenCV
//! works with weights of 8 fractional bits (`modules/imgproc/src/smooth.dispatch.cpp`), which moves values by up to two levels
//! against the real bell curve.

/// Fractional bits of a weight.
const BITS: u32 = 8;

/// The deviation that OpenCV derives from a window of `window` pixels: 8.0 for 51, 5.0 for 31.
fn deviation(window: usize) -> f64 {
    0.3 * ((window as f64 - 1.0) * 0.5 - 1.0) + 0.8
}

/// The weights of a window, an odd number of them that add up to 256: rounded from the outside in, each passing its rounding error
/// on to the next, and the middle takes what is left.
fn weights(window: usize) -> Vec<u32> {
    let (half, sigma) = (window / 2, deviation(window));
    let curve: Vec<f64> = (0..window)
        .map(|i| {
            let x = i as f64 - half as f64;
            libm::exp(-x * x / (2.0 * sigma * sigma))
        })
        .collect();
    let total: f64 = curve.iter().sum();
    let mut weights = vec![0; window];
    let (mut carried, mut given) = (0.0, 0);
    for i in 0..half {
        let wanted = curve[i] / total * f64::from(1 << BITS) + carried;
        let weight = wanted.round_ties_even();
        carried = wanted - weight;
        weights[i] = weight as u32;
        weights[window - 1 - i] = weights[i];
        given += 2 * weights[i];
    }
    weights[half] = (1 << BITS) - given;
    weights
}

/// Blurs a square mask of `edge` x `edge` values with a window of `window` x `window`, an odd number of at most `2 * edge - 1`.
///
/// Beyond the border the mask is mirrored about its outermost values, which are not repeated (OpenCV's `BORDER_REFLECT_101`).
pub(super) fn blurred(mask: &[u8], edge: usize, window: usize) -> Vec<u8> {
    let (weights, half) = (weights(window), window / 2);
    let mirrored = |at: usize, offset: usize| -> usize {
        let place = (at + offset) as isize - half as isize;
        let last = edge as isize - 1;
        (if place > last { 2 * last - place } else { place.abs() }) as usize
    };
    let along = |line: &dyn Fn(usize) -> u32, at: usize| -> u32 {
        weights.iter().enumerate().map(|(offset, weight)| weight * line(mirrored(at, offset))).sum()
    };
    let rows: Vec<u32> = (0..edge * edge).map(|i| along(&|x| u32::from(mask[i / edge * edge + x]), i % edge)).collect();
    let half_unit = 1 << (2 * BITS - 1);
    (0..edge * edge)
        .map(|i| ((along(&|y| rows[y * edge + i % edge], i / edge) + half_unit) >> (2 * BITS)) as u8)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_whole_symmetrical_and_complete() {
        assert!((deviation(51) - 8.0).abs() < 1e-12 && (deviation(31) - 5.0).abs() < 1e-12);
        for window in [3, 31, 51] {
            let weights = weights(window);
            assert_eq!(weights.iter().sum::<u32>(), 256);
            assert!(weights.iter().eq(weights.iter().rev()));
        }
        // 256 * 0.0498 = 12.76 is the middle of the real curve.
        assert!((12..=14).contains(&weights(51)[25]));
    }

    #[test]
    fn a_constant_mask_stays_and_a_border_is_mirrored() {
        assert_eq!(blurred(&[77; 64 * 64], 64, 51), vec![77; 64 * 64]);
        // Mirrored about its first column, a stripe at the border counts once and not twice.
        let stripe: Vec<u8> = (0..64 * 64).map(|i| if i % 64 == 0 { 255 } else { 0 }).collect();
        let middle = weights(31)[15];
        assert_eq!(u32::from(blurred(&stripe, 64, 31)[0]), (255 * middle + 128) / 256);
    }
}
