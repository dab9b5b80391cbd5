//! Measures of one picture.

use crate::{FaceBox, Picture};

/// Mean luma, 0 to 1, under which a picture is black.
const BLACK: f32 = 0.02;

/// Luma of a pixel, 0 to 1, with the weights of Rec. ITU-R BT.709-6, section 3.
fn luma(picture: &Picture, x: u32, y: u32) -> f32 {
    let [r, g, b] = picture.pixel(x, y).unwrap_or_default().map(f32::from);
    (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255.0
}

/// The pixels of `region` that lie in the picture.
fn pixels(picture: &Picture, region: FaceBox) -> impl Iterator<Item = (u32, u32)> + use<> {
    let (right, bottom) = ((region.x + region.w).min(picture.width()), (region.y + region.h).min(picture.height()));
    (region.y..bottom).flat_map(move |y| (region.x..right).map(move |x| (x, y)))
}

/// How sharp a region is: the standard deviation of the Laplacian of luma in it (Pech-Pacheco et al., "Diatom autofocusing in
/// brightfield microscopy", ICPR 2000, whose measure is its square, so that half the contrast is half as sharp here). 0 where all is even.
pub fn sharpness(picture: &Picture, region: FaceBox) -> f32 {
    sharpness_but(picture, region, FaceBox { x: 0, y: 0, w: 0, h: 0 })
}

/// How sharp a region is where it does not lie in `but`.
pub fn sharpness_but(picture: &Picture, region: FaceBox, but: FaceBox) -> f32 {
    let inner = |&(x, y): &(u32, u32)| {
        let left_out = (but.x..but.x + but.w).contains(&x) && (but.y..but.y + but.h).contains(&y);
        !left_out && x > 0 && y > 0 && x + 1 < picture.width() && y + 1 < picture.height()
    };
    let (mut sum, mut squares, mut count) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (x, y) in pixels(picture, region).filter(inner) {
        let around =
            luma(picture, x - 1, y) + luma(picture, x + 1, y) + luma(picture, x, y - 1) + luma(picture, x, y + 1);
        let bend = f64::from(around - 4.0 * luma(picture, x, y));
        (sum, squares, count) = (sum + bend, squares + bend * bend, count + 1.0);
    }
    spread(sum, squares, count)
}

/// The standard deviation of numbers from their sum, the sum of their squares and their count.
fn spread(sum: f64, squares: f64, count: f64) -> f32 {
    if count == 0.0 {
        return 0.0;
    }
    let mean = sum / count;
    (squares / count - mean * mean).max(0.0).sqrt() as f32
}

/// The colour of a region, red, green and blue.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Colour {
    /// Mean of each channel, 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, 0 to 1.
    pub spread: [f32; 3],
}

impl Colour {
    /// The colour of a region.
    pub fn of(picture: &Picture, region: FaceBox) -> Self {
        let (mut sums, mut squares, mut count) = ([0.0_f64; 3], [0.0_f64; 3], 0.0_f64);
        for (x, y) in pixels(picture, region) {
            let rgb = picture.pixel(x, y).unwrap_or_default().map(|channel| f64::from(channel) / 255.0);
            for (channel, value) in rgb.into_iter().enumerate() {
                sums[channel] += value;
                squares[channel] += value * value;
            }
            count += 1.0;
        }
        let mut colour = Self::default();
        for channel in 0..3 {
            colour.mean[channel] = if count == 0.0 { 0.0 } else { (sums[channel] / count) as f32 };
            colour.spread[channel] = spread(sums[channel], squares[channel], count);
        }
        colour
    }

    /// How far it lies from another: the largest difference of a mean or a spread, as a share of the whole range.
    pub fn distance(&self, other: &Self) -> f32 {
        let far = |a: &[f32; 3], b: &[f32; 3]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        far(&self.mean, &other.mean).max(far(&self.spread, &other.spread))
    }
}

/// The contrast in both eyes, the mean of their standard deviations of luma: white, iris and pupil have much of it, a lid has little.
pub fn eye_contrast(picture: &Picture, eyes: &[FaceBox; 2]) -> f32 {
    let contrast = |eye: &FaceBox| {
        let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
        for (x, y) in pixels(picture, *eye) {
            let luma = f64::from(luma(picture, x, y));
            (sum, squares, count) = (sum + luma, squares + luma * luma, count + 1.0);
        }
        spread(sum, squares, count)
    };
    f32::midpoint(contrast(&eyes[0]), contrast(&eyes[1]))
}

/// The share of a region that is darker than half of `skin`, the luma of the face around it: how far a mouth is open.
pub fn dark_share(picture: &Picture, region: FaceBox, skin: f32) -> f32 {
    let (mut dark, mut count) = (0_u32, 0_u32);
    for (x, y) in pixels(picture, region) {
        dark += u32::from(luma(picture, x, y) < 0.5 * skin);
        count += 1;
    }
    dark as f32 / count.max(1) as f32
}

/// Mean luma of a region, 0 to 1.
pub(super) fn mean_luma(picture: &Picture, region: FaceBox) -> f32 {
    let [r, g, b] = Colour::of(picture, region).mean;
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Whether nothing is to be seen.
pub fn is_black(picture: &Picture) -> bool {
    mean_luma(picture, FaceBox { x: 0, y: 0, w: picture.width(), h: picture.height() }) < BLACK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::drawn::{Face, REGIONS, blurred, tinted};

    #[test]
    fn a_blurred_face_is_less_sharp_and_an_even_one_not_at_all() {
        let face = Face::default().draw();
        let sharp = sharpness(&face, REGIONS.face);
        let (once, twice) = (sharpness(&blurred(&face, 1), REGIONS.face), sharpness(&blurred(&face, 4), REGIONS.face));
        assert!(once < 0.6 * sharp && twice < 0.5 * once, "{sharp} {once} {twice}");
        assert!(sharpness(&Picture::black(64, 64), REGIONS.face) < 1e-6);
        // The background does not count.
        let elsewhere = Face { background: 200, ..Face::default() }.draw();
        assert!((sharpness(&elsewhere, REGIONS.face) - sharp).abs() < 1e-6);
        // Nor does a mouth that is left out.
        let [shut, wide] = [1, 9].map(|mouth| Face { mouth, ..Face::default() }.draw());
        assert!((sharpness(&wide, REGIONS.face) - sharpness(&shut, REGIONS.face)).abs() > 1e-4);
        let around = |picture: &Picture| sharpness_but(picture, REGIONS.face, REGIONS.mouth);
        assert!((around(&wide) - around(&shut)).abs() < 1e-6 && around(&blurred(&wide, 2)) < 0.5 * around(&wide));
    }

    #[test]
    fn a_tint_is_as_far_as_it_was_made() {
        let face = Face::default().draw();
        let colour = Colour::of(&face, REGIONS.face);
        let redder = Colour::of(&tinted(&face, [20, 0, 0]), REGIONS.face);
        assert!((colour.distance(&redder) - 20.0 / 255.0).abs() < 0.004, "{}", colour.distance(&redder));
        assert!(colour.distance(&colour) < 1e-6);
        // The same mean with less contrast is another colour too.
        let flat = Colour { spread: [0.0; 3], ..colour };
        assert!(colour.distance(&flat) > 0.05, "{colour:?}");
    }

    #[test]
    fn closed_eyes_have_less_contrast_and_open_mouths_more_dark() {
        let (open, shut) = (Face::default().draw(), Face { eyes: 0, ..Face::default() }.draw());
        let (wide, none) = (eye_contrast(&open, &REGIONS.eyes), eye_contrast(&shut, &REGIONS.eyes));
        assert!(none < 0.3 * wide, "{wide} {none}");
        let skin = mean_luma(&open, REGIONS.face);
        let shares: Vec<f32> =
            [0, 3, 6].map(|mouth| dark_share(&Face { mouth, ..Face::default() }.draw(), REGIONS.mouth, skin)).into();
        assert!(shares[0] < shares[1] && shares[1] < shares[2], "{shares:?}");
    }

    #[test]
    fn black_is_black() {
        assert!(is_black(&Picture::black(8, 8)));
        assert!(!is_black(&Face::default().draw()));
    }
}
