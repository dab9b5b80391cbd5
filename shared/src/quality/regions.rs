//! Where in a picture to look: face, eyes and mouth.

use crate::{FaceBox, Portrait, face::KeyPoints};

/// Boxes in pixels of the pictures that a network draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Regions {
    /// The face.
    pub face: FaceBox,
    /// Both eyes, with the lids.
    pub eyes: [FaceBox; 2],
    /// The mouth, with room for it to open.
    pub mouth: FaceBox,
}

impl Regions {
    /// Those of a portrait's crop: from its key points, or from where they lie in an upright face that fills the face box.
    pub fn of(portrait: &Portrait) -> Self {
        let face = portrait.face_or_middle();
        let (width, height) = (portrait.picture.width(), portrait.picture.height());
        let points = portrait.key_points.unwrap_or_else(|| KeyPoints::assumed_in(face));
        let apart = distance(points.left_eye, points.right_eye);
        let eye = |at: [f32; 2]| around(at, 0.28 * apart, [0.18 * apart, 0.18 * apart], (width, height));
        let lips = distance(points.left_mouth, points.right_mouth);
        let middle = [
            f32::midpoint(points.left_mouth[0], points.right_mouth[0]),
            f32::midpoint(points.left_mouth[1], points.right_mouth[1]),
        ];
        Self {
            face,
            eyes: [eye(points.left_eye), eye(points.right_eye)],
            // A mouth opens downwards.
            mouth: around(middle, 0.6 * lips, [0.3 * lips, 0.6 * lips], (width, height)),
        }
    }
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The box `half` to either side of a point, `[above, below]` it, cut to the picture; one pixel at least.
fn around(at: [f32; 2], half: f32, [above, below]: [f32; 2], (width, height): (u32, u32)) -> FaceBox {
    let edge = |x: f32, length: u32| (x.round().max(0.0) as u32).min(length);
    let (x, y) = (edge(at[0] - half, width - 1), edge(at[1] - above, height - 1));
    let (right, bottom) = (edge(at[0] + half, width), edge(at[1] + below, height));
    FaceBox { x, y, w: right.saturating_sub(x).max(1), h: bottom.saturating_sub(y).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Picture;

    #[test]
    fn eyes_lie_above_the_mouth_and_everything_in_the_picture() {
        let face = FaceBox { x: 20, y: 10, w: 60, h: 80 };
        let regions = Regions::of(&Portrait::with_face(Picture::black(100, 100), face));
        let [left, right] = regions.eyes;
        assert!(left.x + left.w <= right.x && left.y + left.h < regions.mouth.y, "{regions:?}");
        for region in [left, right, regions.mouth] {
            region.inside(100, 100).unwrap();
        }
        // Key points may lie outside of the crop.
        let points = KeyPoints::new([[-50.0, 3.0], [200.0, 3.0], [5.0, 6.0], [90.0, 140.0], [99.0, 140.0]]);
        let portrait = Portrait { key_points: Some(points), ..Portrait::unknown(Picture::black(100, 100)) };
        let regions = Regions::of(&portrait);
        for region in [regions.eyes[0], regions.eyes[1], regions.mouth] {
            region.inside(100, 100).unwrap();
        }
    }
}
