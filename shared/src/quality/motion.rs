//! Measures of pictures in a row.

use crate::{FaceBox, Picture};

/// Frame differences are not told apart below this, half a step of eight bits: in a still picture, rounding is all that moves.
pub const STILL: f32 = 0.5 / 255.0;

/// A frame that differs less than this from the one before it, of the whole range and over all pixels, repeats it.
pub const FROZEN: f32 = 0.005 / 255.0;

/// Room around the face box, as a share of its edges, in which hair and chin move with the head: no background.
const AROUND: f32 = 0.15;

/// Mean absolute difference of two pictures of one size over all channels, 0 to 1.
pub fn difference(a: &Picture, b: &Picture) -> f32 {
    let sum: u64 = a.data().iter().zip(b.data()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f32 / (255.0 * a.data().len().max(1) as f32)
}

/// How the background flickers: the mean absolute second difference in time, `before - 2 now + after`, of what lies outside of the face
/// box and a margin around it, 0 to 2. Steady motion of a light has none, a light that goes on and off has much.
pub fn flicker(before: &Picture, now: &Picture, after: &Picture, face: FaceBox) -> f32 {
    let margin = |edge: u32| (edge as f32 * AROUND).round() as u32;
    let (left, top) = (face.x.saturating_sub(margin(face.w)), face.y.saturating_sub(margin(face.h)));
    let (right, bottom) = (face.x + face.w + margin(face.w), face.y + face.h + margin(face.h));
    let width = now.width() as usize;
    let (mut sum, mut count) = (0_u64, 0_u64);
    for (y, rows) in now.data().chunks_exact(width * 3).enumerate() {
        let at = y * width * 3;
        let inside = (top..bottom).contains(&(y as u32));
        for (x, byte) in rows.iter().enumerate() {
            if inside && (left..right).contains(&((x / 3) as u32)) {
                continue;
            }
            let [past, next] = [before, after].map(|picture| i32::from(picture.data()[at + x]));
            sum += u64::from((past - 2 * i32::from(*byte) + next).unsigned_abs());
            count += 1;
        }
    }
    sum as f32 / (255.0 * count.max(1) as f32)
}

/// How a seam stands out: the difference over it against the median of the differences on both sides, neither taken as less than
/// [`STILL`]. 1 is as any frame, 2 a step twice as large. Nothing when there is nothing to compare with.
pub fn seam_score(over: f32, inside: &[f32]) -> Option<f32> {
    let mut sorted = inside.to_vec();
    sorted.sort_by(f32::total_cmp);
    let half = sorted.len() / 2;
    let median = match sorted.len() {
        0 => return None,
        even if even % 2 == 0 => f32::midpoint(sorted[half - 1], sorted[half]),
        _ => sorted[half],
    };
    Some(over.max(STILL) / median.max(STILL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::drawn::{Face, REGIONS, tinted};

    #[test]
    fn a_shift_differs_as_far_as_it_goes_and_a_tint_by_its_amount() {
        let face = Face::default().draw();
        assert!(difference(&face, &face) < 1e-9);
        let grey = tinted(&face, [10, 10, 10]);
        // White stays white.
        assert!((difference(&face, &grey) - 10.0 / 255.0).abs() < 0.001);
        let [one, two] = [1, 2].map(|shift| difference(&face, &Face { shift, ..Face::default() }.draw()));
        assert!(two > 1.5 * one && one > FROZEN, "{one} {two}");
    }

    #[test]
    fn a_background_that_goes_on_and_off_flickers_and_one_that_brightens_does_not() {
        let lit = |background| Face { background, ..Face::default() }.draw();
        let steady = flicker(&lit(80), &lit(90), &lit(100), REGIONS.face);
        let flashing = flicker(&lit(80), &lit(90), &lit(80), REGIONS.face);
        assert!(steady < 1e-6 && flashing > 0.04, "{steady} {flashing}");
        let mouth = |mouth| Face { mouth, ..Face::default() }.draw();
        assert!(flicker(&mouth(1), &mouth(9), &mouth(1), REGIONS.face) < 1e-6, "the face is no background");
    }

    #[test]
    fn seams_are_scored_against_the_frames_around_them() {
        assert_eq!(seam_score(0.02, &[0.01, 0.01, 0.5]), Some(2.0));
        assert_eq!(seam_score(0.02, &[0.01, 0.03]), Some(1.0));
        assert_eq!(seam_score(0.0, &[0.0, 0.0]), Some(1.0), "a still picture has no seams");
        assert_eq!(seam_score(1.0, &[]), None);
    }
}
