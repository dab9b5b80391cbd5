//! A face turned and scaled so that its key points lie where the recogniser learnt them.

use shared::Picture;

/// Edge of an aligned face in pixels.
pub const EDGE: usize = 112;

/// Where eyes, tip of the nose and corners of the mouth lie in an aligned face, `[x, y]` in pixels: the template of ArcFace (arXiv
/// 1801.07698; `python-package/insightface/utils/face_align.py` of InsightFace).
pub const TEMPLATE: [[f32; 2]; 5] =
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];

/// A turn, a scale and a shift: `x' = a x - b y + shift[0]`, `y' = b x + a y + shift[1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// Scale times cosine.
    pub a: f64,
    /// Scale times sine.
    pub b: f64,
    /// What is added.
    pub shift: [f64; 2],
}

impl Similarity {
    /// The similarity without mirroring that brings the points `from` nearest to `to` in the sense of least squares; nothing when `from`
    /// is a single place.
    ///
    /// In the plane Umeyama's solution ("Least-squares estimation of transformation parameters between two point patterns", 1991)
    /// needs no singular values: with the points as complex numbers about their means it is one quotient.
    pub fn between(from: &[[f32; 2]; 5], to: &[[f32; 2]; 5]) -> Option<Self> {
        let mean = |points: &[[f32; 2]; 5]| {
            let sum = points.iter().fold([0.0, 0.0], |sum, [x, y]| [sum[0] + f64::from(*x), sum[1] + f64::from(*y)]);
            sum.map(|x| x / points.len() as f64)
        };
        let (middle, target) = (mean(from), mean(to));
        let (mut spread, mut along, mut across) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let [px, py] = [f64::from(p[0]) - middle[0], f64::from(p[1]) - middle[1]];
            let [qx, qy] = [f64::from(q[0]) - target[0], f64::from(q[1]) - target[1]];
            spread += px * px + py * py;
            along += px * qx + py * qy;
            across += px * qy - py * qx;
        }
        let (a, b) = (along / spread, across / spread);
        let shift = [target[0] - a * middle[0] + b * middle[1], target[1] - b * middle[0] - a * middle[1]];
        (a.is_finite() && b.is_finite() && a.hypot(b) > 1e-6).then_some(Self { a, b, shift })
    }

    /// Where a point of the aligned face came from.
    pub fn back(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let (square, x, y) = (self.a * self.a + self.b * self.b, x - self.shift[0], y - self.shift[1]);
        [(self.a * x + self.b * y) / square, (self.a * y - self.b * x) / square]
    }
}

/// The face as `EDGE` x `EDGE` RGB pixels, each sampled bilinearly at the place it comes from; black beyond the picture.
pub fn aligned(picture: &Picture, onto: &Similarity) -> Vec<u8> {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let sample = |x: i64, y: i64| -> [f64; 3] {
        let inside = (0..width).contains(&x) && (0..height).contains(&y);
        let pixel = inside.then(|| picture.pixel(x as u32, y as u32)).flatten();
        pixel.map_or([0.0; 3], |pixel| pixel.map(f64::from))
    };
    let mut face = Vec::with_capacity(EDGE * EDGE * 3);
    for place in 0..EDGE * EDGE {
        let [x, y] = onto.back([(place % EDGE) as f64, (place / EDGE) as f64]);
        let (left, top) = (x.floor() as i64, y.floor() as i64);
        let (across, down) = (x - x.floor(), y - y.floor());
        let corners = [sample(left, top), sample(left + 1, top), sample(left, top + 1), sample(left + 1, top + 1)];
        let shares = [(1.0 - across) * (1.0 - down), across * (1.0 - down), (1.0 - across) * down, across * down];
        for channel in 0..3 {
            let mixed: f64 = corners.iter().zip(shares).map(|(corner, share)| corner[channel] * share).sum();
            face.push(mixed.round() as u8);
        }
    }
    face
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns by `degrees`, scales and shifts.
    fn moved(points: &[[f32; 2]; 5], degrees: f64, scale: f64, shift: [f64; 2]) -> [[f32; 2]; 5] {
        let (sin, cos) = degrees.to_radians().sin_cos();
        points.map(|[x, y]| {
            let (x, y) = (f64::from(x) * scale, f64::from(y) * scale);
            [(cos * x - sin * y + shift[0]) as f32, (sin * x + cos * y + shift[1]) as f32]
        })
    }

    #[test]
    fn a_similarity_is_found_again() {
        for (degrees, scale, shift) in
            [(0.0, 1.0, [0.0, 0.0]), (30.0, 2.5, [100.0, -40.0]), (-170.0, 0.3, [5.0, 900.0])]
        {
            let from = moved(&TEMPLATE, degrees, scale, shift);
            let onto = Similarity::between(&from, &TEMPLATE).unwrap();
            assert!((onto.a.hypot(onto.b) * scale - 1.0).abs() < 1e-5, "{onto:?}");
            for (p, q) in from.iter().zip(TEMPLATE) {
                let back = onto.back(q.map(f64::from));
                assert!(
                    (back[0] - f64::from(p[0])).abs() < 1e-3 && (back[1] - f64::from(p[1])).abs() < 1e-3,
                    "{back:?} {p:?}"
                );
            }
        }
        assert!(Similarity::between(&[[3.0, 4.0]; 5], &TEMPLATE).is_none());
    }

    #[test]
    fn an_aligned_face_is_the_picture_where_nothing_moves() {
        let data = (0..112 * 112 * 3).map(|i| (i * 7 % 256) as u8).collect();
        let picture = Picture::new(112, 112, data).unwrap();
        let still = Similarity { a: 1.0, b: 0.0, shift: [0.0, 0.0] };
        assert_eq!(aligned(&picture, &still), picture.data());
        let aside = Similarity { shift: [200.0, 0.0], ..still };
        assert!(aligned(&picture, &aside).iter().all(|x| *x == 0), "black beyond the picture");
        let half = Similarity { shift: [0.5, 0.0], ..still };
        assert_eq!(aligned(&picture, &half)[0], 0, "half of black and half of 0");
        assert_eq!(aligned(&picture, &half)[3], 11, "between 0 and 21");
    }
}
