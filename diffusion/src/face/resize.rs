//! The two ways in which Hallo's preparation scales 8-bit pictures: OpenCV's bilinear samples and Pillow's bilinear filter.

/// Fractional bits of a weight in OpenCV's bilinear scaling.
const SAMPLE_BITS: u32 = 11;

/// Fractional bits of a weight in Pillow's scaling of 8-bit pictures.
const FILTER_BITS: u32 = 22;

/// Two neighbouring samples and their weights, which add up to 2048.
struct Pair {
    at: [usize; 2],
    weights: [u32; 2],
}

/// Where each of `to` places along an edge lies among `from` samples, pixel centres aligned.
fn pairs(from: usize, to: usize) -> Vec<Pair> {
    let one = f32::from(1_u16 << SAMPLE_BITS);
    let scale = from as f64 / to as f64;
    let pair = |place: usize| {
        let x = ((place as f64 + 0.5) * scale - 0.5) as f32;
        let (first, share) = if x < 0.0 {
            (0, 0.0)
        } else if x >= (from - 1) as f32 {
            (from - 1, 0.0)
        } else {
            (x.floor() as usize, x - x.floor())
        };
        let weights = [(1.0 - share) * one, share * one].map(|weight| weight.round_ties_even() as u32);
        Pair { at: [first, (first + 1).min(from - 1)], weights }
    };
    (0..to).map(pair).collect()
}

/// Scales interleaved 8-bit samples of `channels` channels from `from` to `to` (width, height), each new pixel from the four around
/// it, to the last bit as OpenCV's `resize` with `INTER_LINEAR`. Nothing is averaged when shrinking.
pub(super) fn sampled(data: &[u8], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
    let (columns, rows) = (pairs(from.0, to.0), pairs(from.1, to.1));
    let mut scaled = Vec::with_capacity(to.0 * to.1 * channels);
    for row in &rows {
        let lines = row.at.map(|y| &data[y * from.0 * channels..(y + 1) * from.0 * channels]);
        for column in &columns {
            for channel in 0..channels {
                let across = lines.map(|line| {
                    let [a, b] = column.at.map(|x| u32::from(line[x * channels + channel]));
                    a * column.weights[0] + b * column.weights[1]
                });
                let sum = across[0] * row.weights[0] + across[1] * row.weights[1];
                scaled.push(((sum + (1 << (2 * SAMPLE_BITS - 1))) >> (2 * SAMPLE_BITS)) as u8);
            }
        }
    }
    scaled
}

/// The samples that make a place, from `first` on, and their weights.
struct Window {
    first: usize,
    weights: Vec<i64>,
}

/// The triangle filter over `from` samples for each of `to` places, widened by the scale when shrinking.
fn windows(from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let window = |place: usize| {
        let centre = (place as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(from);
        let triangle = |x: usize| (1.0 - ((x as f64 - centre + 0.5) / support).abs()).max(0.0);
        let total: f64 = (first..end).map(triangle).sum();
        let fixed = |x| (0.5 + triangle(x) / total * f64::from(1 << FILTER_BITS)) as i64;
        Window { first, weights: (first..end).map(fixed).collect() }
    };
    (0..to).map(window).collect()
}

/// Scales a square 8-bit mask from `from` to `to` an edge with Pillow's bilinear filter, to the last bit as torchvision's
/// `Resize` scales a picture of Pillow.
pub(super) fn filtered(mask: &[u8], from: usize, to: usize) -> Vec<u8> {
    if from == to {
        return mask.to_vec();
    }
    let windows = windows(from, to);
    let taken = |window: &Window, sample: &dyn Fn(usize) -> u8| -> u8 {
        let weighted =
            window.weights.iter().enumerate().map(|(i, weight)| weight * i64::from(sample(window.first + i)));
        ((weighted.sum::<i64>() + (1 << (FILTER_BITS - 1))) >> FILTER_BITS).clamp(0, 255) as u8
    };
    let across: Vec<u8> = (0..from * to).map(|i| taken(&windows[i % to], &|x| mask[i / to * from + x])).collect();
    (0..to * to).map(|i| taken(&windows[i / to], &|y| across[y * to + i % to])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_lie_between_pixel_centres() {
        // Halving reads the two in the middle of each pair; doubling repeats the border.
        assert_eq!(sampled(&[0, 100, 200, 40], 1, (4, 1), (2, 1)), [50, 120]);
        assert_eq!(sampled(&[0, 100], 1, (2, 1), (4, 1)), [0, 25, 75, 100]);
        assert_eq!(sampled(&[1, 2, 3, 4, 5, 6], 3, (2, 1), (2, 1)), [1, 2, 3, 4, 5, 6]);
        // A quarter: of eight samples the fourth and the fifth.
        assert_eq!(sampled(&[9, 9, 9, 10, 20, 9, 9, 9], 1, (8, 1), (1, 1)), [15]);
    }

    #[test]
    fn the_filter_averages_when_shrinking() {
        let mask = [0, 0, 255, 255, 0, 0, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0];
        // Weights 1, 3, 3, 1 over eight, cut to 3, 3, 1 over seven at the border.
        assert_eq!(filtered(&mask, 4, 2)[0], 62);
        assert_eq!(filtered(&mask, 4, 4), mask);
        assert_eq!(filtered(&[7; 64 * 64], 64, 8), [7; 64]);
        assert_eq!(filtered(&[7; 64 * 64], 64, 128), [7; 128 * 128]);
    }
}
