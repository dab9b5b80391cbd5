//! The rectangles that region masks are made of.

use shared::{FaceBox, Portrait, face::KeyPoints, job::Settings};

/// The face region over the face box, along an edge (`face_expand_ratio` of Hallo's settings).
const FACE_EXPAND: f64 = 1.2;

/// The lip region over the lip box, along an edge (a constant in Hallo's preparation).
const LIP_EXPAND: f64 = 2.0;

/// Height of closed lips over the distance of the corners of the mouth: landmarks 0 and 17 over 61 and 291 of MediaPipe's
/// canonical face model.
const LIP_HEIGHT: f32 = 0.4;

/// Where face and lips lie, in pixels of the crop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regions {
    /// The expanded face box, or the whole crop where nobody knows the face.
    pub face: FaceBox,
    /// The expanded lip box.
    pub lips: FaceBox,
}

impl Regions {
    /// The regions of a portrait.
    ///
    /// The published preparation takes both boxes from landmarks that no open detector of this house gives. Here the face box is the
    /// detector's, and the lip box spans the corners of the mouth: with their distance `d` and direction `a`, lips `d` long and `0.4 d`
    /// high, turned by `a`, fill a box `d |cos a| + 0.4 d |sin a|` wide and `d |sin a| + 0.4 d |cos a|` high around their middle. Without
    /// key points the corners are assumed at their usual place in the face box.
    pub fn of(portrait: &Portrait, settings: &Settings) -> Self {
        let size = portrait.picture.width();
        let whole = FaceBox { x: 0, y: 0, w: size, h: size };
        let ratio = settings.face_expand.map_or(FACE_EXPAND, decimal);
        let box_edges = |face: FaceBox| [face.x, face.y, face.x + face.w, face.y + face.h].map(f64::from);
        let face = portrait.face.map_or(whole, |face| expanded(box_edges(face), ratio, size));
        let points = portrait.key_points.unwrap_or_else(|| KeyPoints::assumed_in(portrait.face.unwrap_or(whole)));
        Self {
            face: portrait.face_region.unwrap_or(face),
            lips: portrait.lip_region.unwrap_or_else(|| expanded(lip_edges(&points), LIP_EXPAND, size)),
        }
    }
}

/// A ratio as it was typed: single precision would bring in digits that decide roundings.
fn decimal(ratio: f32) -> f64 {
    (f64::from(ratio) * 1e4).round() / 1e4
}

/// Left, top, right and bottom edge of the lips, rounded to pixels.
fn lip_edges(points: &KeyPoints) -> [f64; 4] {
    let ([left_x, left_y], [right_x, right_y]) = (points.left_mouth, points.right_mouth);
    let (across, down) = ((right_x - left_x).abs(), (right_y - left_y).abs());
    let half = [0.5 * (across + LIP_HEIGHT * down), 0.5 * (down + LIP_HEIGHT * across)];
    let middle = [left_x.midpoint(right_x), left_y.midpoint(right_y)];
    [middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]]
        .map(|edge| f64::from(edge.round_ties_even()))
}

/// A box with edges `[left, top, right, bottom]`, made `ratio` times as large about its middle and moved into the crop.
///
/// As published, middles and halves are rounded down and a box that reaches over the border is moved, not cut; only one larger than
/// the crop is cut, where the published arithmetic ends in negative indices.
fn expanded(edges: [f64; 4], ratio: f64, size: u32) -> FaceBox {
    let span = |from: f64, to: f64| {
        let middle = f64::midpoint(from, to).floor();
        let half = ((to - from) * ratio / 2.0).floor();
        let (mut from, mut to, length) = (middle - half, middle + half, f64::from(size));
        if from < 0.0 {
            (from, to) = (0.0, to - from);
        }
        if to > length {
            (from, to) = (from - (to - length), length);
        }
        // A box without extent would leave nothing to attend to.
        let start = from.clamp(0.0, length - 1.0) as u32;
        (start, (to as u32).max(start + 1) - start)
    };
    let ((x, w), (y, h)) = (span(edges[0], edges[2]), span(edges[1], edges[3]));
    FaceBox { x, y, w, h }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Picture;

    fn at(x: u32, y: u32, w: u32, h: u32) -> FaceBox {
        FaceBox { x, y, w, h }
    }

    #[test]
    fn boxes_grow_about_their_middle_and_stay_inside() {
        let table = [
            ([100.0, 200.0, 201.0, 300.0], 1.2, at(90, 190, 120, 120)),
            ([10.0, 0.0, 110.0, 50.0], 2.0, at(0, 0, 200, 100)),
            ([450.0, 400.0, 512.0, 512.0], 1.2, at(438, 378, 74, 134)),
            ([0.0, 0.0, 512.0, 500.0], 1.2, at(0, 0, 512, 512)),
            ([40.0, 40.0, 40.0, 40.0], 2.0, at(40, 40, 1, 1)),
        ];
        for (edges, ratio, expected) in table {
            assert_eq!(expanded(edges, ratio, 512), expected, "{edges:?} by {ratio}");
        }
    }

    #[test]
    fn lips_span_the_corners_of_the_mouth_however_the_head_is_turned() {
        let points = KeyPoints::assumed_in(at(0, 0, 100, 100));
        let table = [
            ("level", [40.0, 70.0], [60.0, 70.0], [40.0, 66.0, 60.0, 74.0]),
            ("on its side", [50.0, 60.0], [50.0, 80.0], [46.0, 60.0, 54.0, 80.0]),
            ("upside down", [60.0, 70.0], [40.0, 70.0], [40.0, 66.0, 60.0, 74.0]),
        ];
        for (head, left_mouth, right_mouth, expected) in table {
            let found = lip_edges(&KeyPoints { left_mouth, right_mouth, ..points });
            assert!(found.iter().zip(expected).all(|(found, edge)| (found - edge).abs() < 1e-9), "{head}: {found:?}");
        }
    }

    #[test]
    fn what_the_order_says_comes_before_what_was_found() {
        let mut portrait = Portrait::with_face(Picture::black(512, 512), at(100, 100, 200, 250));
        let settings = Settings::default();
        let found = Regions::of(&portrait, &settings);
        assert_eq!(found, Regions { face: at(80, 75, 240, 300), lips: at(136, 253, 128, 50) });
        let wider = Settings { face_expand: Some(1.5), ..Settings::default() };
        assert_eq!(Regions::of(&portrait, &wider).face, at(50, 38, 300, 374));
        portrait.lip_region = Some(at(180, 260, 40, 20));
        portrait.face_region = Some(at(0, 0, 512, 400));
        let given = Regions { face: at(0, 0, 512, 400), lips: at(180, 260, 40, 20) };
        assert_eq!(Regions::of(&portrait, &wider), given);
        let unknown = Portrait::unknown(Picture::black(512, 512));
        assert_eq!(Regions::of(&unknown, &settings).face, at(0, 0, 512, 512));
    }
}
