//! Faces in a portrait: what a detector finds, which face is meant, and the portrait as a model takes it.

use crate::{Error, FaceBox, Picture, Result, job::Settings};

/// Key points are kept in steps of this part of a pixel. They become part of an order, whose digest is the job's id; rounding
/// them keeps the last bits of a processor's arithmetic out of it.
const STEPS_PER_PIXEL: f32 = 16.0;

/// Overlap of a chosen box and a found face, as a share of the smaller of both, from which on they mean the same face.
const SAME_FACE: f64 = 0.5;

/// The five points of a face that detectors give, `[x, y]` in pixels; left and right as the picture shows them.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPoints {
    /// Middle of the eye on the picture's left.
    pub left_eye: [f32; 2],
    /// Middle of the eye on the picture's right.
    pub right_eye: [f32; 2],
    /// Tip of the nose.
    pub nose: [f32; 2],
    /// Corner of the mouth on the picture's left.
    pub left_mouth: [f32; 2],
    /// Corner of the mouth on the picture's right.
    pub right_mouth: [f32; 2],
}

impl KeyPoints {
    /// From the order in which SCRFD, `YuNet` and `ArcFace`'s template list them.
    pub fn new([left_eye, right_eye, nose, left_mouth, right_mouth]: [[f32; 2]; 5]) -> Self {
        Self { left_eye, right_eye, nose, left_mouth, right_mouth }
    }

    /// In the order of [`KeyPoints::new`].
    pub fn all(&self) -> [[f32; 2]; 5] {
        [self.left_eye, self.right_eye, self.nose, self.left_mouth, self.right_mouth]
    }

    /// The same points elsewhere.
    #[must_use]
    pub fn map(&self, to: impl FnMut([f32; 2]) -> [f32; 2]) -> Self {
        Self::new(self.all().map(to))
    }

    /// Rounded to a sixteenth of a pixel.
    #[must_use]
    pub fn rounded(&self) -> Self {
        self.map(|point| point.map(|x| (x * STEPS_PER_PIXEL).round() / STEPS_PER_PIXEL))
    }

    /// Where they lie in an upright frontal face that fills `face`.
    ///
    /// The shares of the box are those of `MediaPipe`'s canonical face model (Apache-2.0): middles of the eyes (landmarks 33 to 133 and
    /// 362 to 263), tip of the nose (1) and corners of the mouth (61, 291) in the box around its silhouette.
    pub fn assumed_in(face: FaceBox) -> Self {
        let at =
            |across: f32, down: f32| [face.x as f32 + across * face.w as f32, face.y as f32 + down * face.h as f32];
        Self::new([at(0.297, 0.319), at(0.703, 0.319), at(0.5, 0.531), at(0.341, 0.713), at(0.659, 0.713)])
    }

    fn finite(&self) -> bool {
        self.all().iter().flatten().all(|x| x.is_finite())
    }
}

/// A face that a detector found.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct FaceFinding {
    /// The rectangle around it, inside of the picture.
    #[serde(rename = "box")]
    pub face: FaceBox,
    /// Its key points, in pixels of the same picture.
    pub key_points: KeyPoints,
    /// How sure the detector is, 0 to 1.
    pub score: f32,
}

impl FaceFinding {
    /// A finding in a picture of `width` x `height`, from the edges `[left, top, right, bottom]` of its box, which is cut to the picture.
    ///
    /// Nothing when no pixel of it is in the picture or a number is not finite.
    pub fn new(
        [left, top, right, bottom]: [f32; 4],
        key_points: &KeyPoints,
        score: f32,
        size: (u32, u32),
    ) -> Option<Self> {
        let edge = |x: f32, length: u32| (x.round().max(0.0) as u32).min(length);
        let finite = [left, top, right, bottom, score].iter().all(|x| x.is_finite()) && key_points.finite();
        let ((x, y), (x_end, y_end)) =
            ((edge(left, size.0), edge(top, size.1)), (edge(right, size.0), edge(bottom, size.1)));
        (finite && x < x_end && y < y_end).then(|| Self {
            face: FaceBox { x, y, w: x_end - x, h: y_end - y },
            key_points: key_points.rounded(),
            score,
        })
    }
}

/// What looking for faces came to.
#[derive(Clone, Debug, PartialEq)]
pub enum FaceSearch {
    /// The model pack has no detector.
    NoDetector,
    /// The faces found, the largest first; perhaps none.
    Found(Vec<FaceFinding>),
}

impl FaceSearch {
    /// The findings of a detector, ordered by the area of their boxes, then by score, then from left to right.
    pub fn found(mut findings: Vec<FaceFinding>) -> Self {
        let area = |finding: &FaceFinding| u64::from(finding.face.w) * u64::from(finding.face.h);
        findings.sort_by(|a, b| {
            let sizes = area(b).cmp(&area(a));
            sizes.then(b.score.total_cmp(&a.score)).then((a.face.x, a.face.y).cmp(&(b.face.x, b.face.y)))
        });
        Self::Found(findings)
    }

    /// The faces; none when nobody looked.
    pub fn faces(&self) -> &[FaceFinding] {
        match self {
            Self::NoDetector => &[],
            Self::Found(faces) => faces,
        }
    }

    /// Settles which face of the picture `name` is meant: writes face box and key points into `settings`.
    ///
    /// A box that the order gives stays as it is, and the finding that overlaps it most lends its key points. Without one,
    /// the largest face is taken. Where nobody looked, the settings stay as they are.
    ///
    /// # Errors
    /// When a detector looked and found no face, and the order names none either.
    pub fn settle(&self, settings: &mut Settings, name: &str) -> Result<()> {
        let Self::Found(faces) = self else { return Ok(()) };
        match (settings.face, faces.first()) {
            (Some(given), _) => {
                let overlapping = faces.iter().filter(|finding| overlap(finding.face, given) >= SAME_FACE);
                let best = overlapping.max_by(|a, b| overlap(a.face, given).total_cmp(&overlap(b.face, given)));
                settings.key_points = settings.key_points.or(best.map(|finding| finding.key_points));
            }
            (None, Some(largest)) => {
                settings.face = Some(largest.face);
                settings.key_points = Some(largest.key_points);
            }
            (None, None) => {
                return Err(Error::order(format!("no face was found in {name}"))
                    .mend("give a portrait that shows a face from the front, or say with --face x,y,w,h where it is"));
            }
        }
        Ok(())
    }
}

/// The common area of two boxes as a share of the smaller one.
fn overlap(a: FaceBox, b: FaceBox) -> f64 {
    let common = |a: (u32, u32), b: (u32, u32)| {
        let end = (u64::from(a.0) + u64::from(a.1)).min(u64::from(b.0) + u64::from(b.1));
        end.saturating_sub(u64::from(a.0.max(b.0))) as f64
    };
    let area = |face: FaceBox| f64::from(face.w) * f64::from(face.h);
    common((a.x, a.w), (b.x, b.w)) * common((a.y, a.h), (b.y, b.h)) / area(a).min(area(b))
}

/// A portrait as a model takes it: cropped to a square of its size, everything else in pixels of that crop.
#[derive(Clone, Debug, PartialEq)]
pub struct Portrait {
    /// The crop.
    pub picture: Picture,
    /// The face in it; nothing when nobody said where it is, and then a model assumes what it was trained with.
    pub face: Option<FaceBox>,
    /// The face's key points, where a detector found them; they may lie outside of the crop.
    pub key_points: Option<KeyPoints>,
    /// The region of the face that the order gives in place of the expanded face box.
    pub face_region: Option<FaceBox>,
    /// The region of the lips that the order gives in place of the one around the corners of the mouth.
    pub lip_region: Option<FaceBox>,
}

impl Portrait {
    /// A crop of which nothing else is known.
    pub fn unknown(picture: Picture) -> Self {
        Self { picture, face: None, key_points: None, face_region: None, lip_region: None }
    }

    /// A crop with a face box and nothing else.
    pub fn with_face(picture: Picture, face: FaceBox) -> Self {
        Self { face: Some(face), ..Self::unknown(picture) }
    }

    /// Checks that the crop is square and has `size` pixels an edge, and that the face lies in it.
    ///
    /// # Errors
    /// [`Cause::World`](crate::error::Cause::World) when it is not, since the crop is made by the house.
    pub fn check(&self, size: u32) -> Result<()> {
        let (width, height) = (self.picture.width(), self.picture.height());
        if (width, height) != (size, size) {
            return Err(Error::world(format!(
                "the portrait crop has {width}x{height} pixels where the model takes {size}x{size}"
            )));
        }
        for region in [self.face, self.face_region, self.lip_region].into_iter().flatten() {
            region.inside(size, size)?;
        }
        Ok(())
    }

    /// The face, or the middle of the crop where nobody knows it, as large as the house's crop shows a face.
    pub fn face_or_middle(&self) -> FaceBox {
        let size = self.picture.width();
        let middle = || {
            let edge = ((f64::from(size) * FACE_SHARE).round() as u32).max(1);
            FaceBox { x: (size - edge) / 2, y: (size - edge) / 2, w: edge, h: edge }
        };
        self.face.unwrap_or_else(middle)
    }
}

/// The longer edge of the face box as a share of the edge of the house's crop.
pub const FACE_SHARE: f64 = 0.6;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: u32, y: u32, w: u32, h: u32) -> FaceBox {
        FaceBox { x, y, w, h }
    }

    fn finding(face: FaceBox, score: f32) -> FaceFinding {
        FaceFinding { face, key_points: KeyPoints::assumed_in(face), score }
    }

    #[test]
    fn findings_are_cut_to_the_picture_and_rounded() {
        let points = KeyPoints::new([[1.03, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]]);
        let found = FaceFinding::new([-3.2, 4.4, 20.6, 90.0], &points, 0.8, (100, 80)).unwrap();
        assert_eq!(found.face, at(0, 4, 21, 76));
        assert_eq!(found.key_points, points.map(|[x, y]| [x.floor(), y]), "a sixteenth of a pixel is the finest step");
        assert!(FaceFinding::new([120.0, 0.0, 140.0, 20.0], &points, 0.8, (100, 80)).is_none());
        assert!(FaceFinding::new([f32::NAN, 0.0, 140.0, 20.0], &points, 0.8, (100, 80)).is_none());
        let lost = points.map(|_| [f32::INFINITY, 0.0]);
        assert!(FaceFinding::new([0.0, 0.0, 9.0, 9.0], &lost, 0.8, (100, 80)).is_none());
    }

    #[test]
    fn the_largest_face_is_meant_unless_the_order_names_another() {
        let (small, large) = (finding(at(200, 10, 40, 50), 0.99), finding(at(10, 20, 80, 90), 0.7));
        let search = FaceSearch::found(vec![small, large]);
        assert_eq!(search.faces(), [large, small]);
        let settled = |face| {
            let mut settings = Settings { face, ..Settings::default() };
            search.settle(&mut settings, "two.png").unwrap();
            (settings.face, settings.key_points)
        };
        assert_eq!(settled(None), (Some(large.face), Some(large.key_points)));
        let near = at(195, 5, 60, 60);
        assert_eq!(settled(Some(near)), (Some(near), Some(small.key_points)), "the box of the order stays");
        let elsewhere = at(120, 200, 30, 30);
        assert_eq!(settled(Some(elsewhere)), (Some(elsewhere), None), "no finding is near");
    }

    #[test]
    fn a_search_without_a_face_is_refused_and_no_search_is_not() {
        let none = FaceSearch::found(vec![]);
        let error = none.settle(&mut Settings::default(), "landscape.png").unwrap_err();
        assert!(error.message().contains("landscape.png") && error.mending().unwrap().contains("--face"), "{error}");
        let mut given = Settings { face: Some(at(1, 2, 3, 4)), ..Settings::default() };
        none.settle(&mut given, "landscape.png").unwrap();
        assert_eq!((given.face, given.key_points), (Some(at(1, 2, 3, 4)), None));
        let mut settings = Settings::default();
        FaceSearch::NoDetector.settle(&mut settings, "landscape.png").unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn key_points_are_assumed_where_a_face_has_them() {
        let points = KeyPoints::assumed_in(at(100, 200, 1000, 1000));
        assert_eq!((points.left_eye, points.right_mouth), ([397.0, 519.0], [759.0, 913.0]));
        assert!(points.left_eye[0] < points.nose[0] && points.nose[1] < points.left_mouth[1]);
    }

    #[test]
    fn portraits_are_checked_and_unknown_faces_are_in_the_middle() {
        let portrait = Portrait::unknown(Picture::black(100, 100));
        assert_eq!(portrait.face_or_middle(), at(20, 20, 60, 60));
        portrait.check(100).unwrap();
        assert!(portrait.check(64).is_err());
        let outside = Portrait { lip_region: Some(at(90, 0, 20, 5)), ..portrait.clone() };
        assert!(outside.check(100).is_err());
        assert_eq!(Portrait::with_face(Picture::black(100, 100), at(1, 2, 3, 4)).face_or_middle(), at(1, 2, 3, 4));
    }
}
