//! A head that is turned after decoding: the picture is bent as an ellipsoid about the neck would move it.
//!
//! A network that saw heads in one pose alone draws lips, lids and brows; the turn of a few degrees is geometry, and costs no training. What
//! stands out from the face moves further than what lies back (parallax), the neck bends, shoulders and the picture's edges stay.
//! The ellipsoid is the one that films are measured with ([`shared::measure::head`]).

use shared::{
    Error, FaceBox, Picture, Result,
    measure::head::{Head, Turn},
    path::HeadPose,
};

use super::map::Map;

/// Pixels for each place that the turn is worked out at; it is smooth, and mixed in between.
const COARSE: usize = 4;
/// Rounds in which the place that a pixel came from is found.
const ROUNDS: usize = 4;
/// From where on the head moves less, and where nothing moves, in units of the ellipsoid's radii; hair goes with the head.
const MOVES: [f64; 2] = [1.05, 1.75];
/// Radii of the ellipsoid in units of half the face box: to the sides, up, and down, where the neck bends soon.
const RADII: [f64; 3] = [1.25, 1.2, 0.98];

/// A head of one portrait, ready to be turned.
pub(crate) struct Turned {
    head: Head,
    edge: usize,
}

impl Turned {
    /// The head in a face box of a square picture of `edge` pixels.
    pub(crate) fn new(face: FaceBox, edge: usize) -> Self {
        let share = [face.x, face.y, face.w, face.h].map(|pixels| f64::from(pixels) / edge as f64);
        Self { head: Head::of(&share), edge }
    }

    /// A picture of the head at rest, turned.
    ///
    /// # Errors
    /// When the picture has another size than the portrait.
    pub(crate) fn turn(&self, picture: &Picture, pose: &HeadPose) -> Result<Picture> {
        let edge = self.edge;
        if picture.width() as usize != edge || picture.height() as usize != edge {
            let found = (picture.width(), picture.height());
            return Err(Error::world(format!("a picture of {found:?} pixels is not of a model of {edge}")));
        }
        if pose.turn.iter().all(|degrees| degrees.abs() < 1e-6) {
            return Ok(picture.clone());
        }
        let from = Map::<3>::of(edge, |x, y| {
            let place = 3 * (y * edge + x);
            std::array::from_fn(|c| f32::from(picture.data()[place + c]))
        });
        let steps = self.steps(pose).scaled(edge);
        let mut pixels = Vec::with_capacity(3 * edge * edge);
        for (place, [right, down]) in steps.data.iter().enumerate() {
            let (x, y) = ((place % edge) as f32, (place / edge) as f32);
            // A place that does not move keeps its bytes.
            let colour = if right.abs().max(down.abs()) < 1e-3 {
                from.data[place]
            } else {
                from.sharp_between(x - right, y - down)
            };
            pixels.extend(colour.map(|x| x.round().clamp(0.0, 255.0) as u8));
        }
        Picture::new(edge as u32, edge as u32, pixels)
    }

    /// How far what is seen at each coarse place has come, in pixels of the picture.
    fn steps(&self, pose: &HeadPose) -> Map<2> {
        let [yaw, pitch, roll] = pose.turn;
        let turn = Turn { yaw, pitch, roll, ..Turn::default() };
        let place = self.head.places(&turn);
        let step = |[x, y]: [f64; 2]| {
            let weight = self.weight([x, y]);
            if weight <= 0.0 {
                return [0.0; 2];
            }
            let [to, below] = place([x, y]);
            [weight * (to - x), weight * (below - y)]
        };
        let coarse = (self.edge / COARSE).max(1);
        let middle = |k: usize| (k as f64 + 0.5) / coarse as f64;
        Map::of(coarse, |column, row| {
            let at = [middle(column), middle(row)];
            let mut moved = [0.0; 2];
            for _ in 0..ROUNDS {
                moved = step([at[0] - moved[0], at[1] - moved[1]]);
            }
            moved.map(|x| (x * self.edge as f64) as f32)
        })
    }

    /// How much of the turn a place of the portrait takes part in, 0 to 1.
    fn weight(&self, [x, y]: [f64; 2]) -> f64 {
        let [u, v] = self.head.within(x, y);
        let [side, up, down] = RADII;
        let far = libm::hypot(u / side, v / if v < 0.0 { up } else { down });
        let [inner, outer] = MOVES;
        let part = ((far - inner) / (outer - inner)).clamp(0.0, 1.0);
        1.0 - part * part * (3.0 - 2.0 * part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGE: u32 = 128;
    const FACE: FaceBox = FaceBox { x: 36, y: 28, w: 56, h: 70 };

    /// A smooth picture, with a dot in the middle of the face and one on its rim.
    fn picture() -> Picture {
        let dot = |x: f64, y: f64, at: [f64; 2]| (-((x - at[0]).powi(2) + (y - at[1]).powi(2)) / 8.0).exp();
        let pixel = |place: u32| {
            let (x, y) = (f64::from(place % EDGE), f64::from(place / EDGE));
            let (nose, ear) = (dot(x, y, [63.5, 62.5]), dot(x, y, [93.5, 62.5]));
            [(200.0 * nose) as u8, (200.0 * ear) as u8, (x + y) as u8 / 2]
        };
        Picture::new(EDGE, EDGE, (0..EDGE * EDGE).flat_map(pixel).collect()).unwrap()
    }

    fn turned(yaw: f64, pitch: f64, roll: f64) -> Picture {
        let pose = HeadPose { turn: [yaw, pitch, roll], lids: 0.0 };
        Turned::new(FACE, EDGE as usize).turn(&picture(), &pose).unwrap()
    }

    /// The middle of what a channel shows.
    fn middle(picture: &Picture, channel: usize) -> [f64; 2] {
        let mut sums = [0.0; 3];
        for (place, pixel) in picture.data().chunks_exact(3).enumerate() {
            let (weight, edge) = (f64::from(pixel[channel]), EDGE as usize);
            let terms = [weight * (place % edge) as f64, weight * (place / edge) as f64, weight];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        }
        [sums[0] / sums[2], sums[1] / sums[2]]
    }

    #[test]
    fn a_head_turns_with_parallax_and_the_rest_stays() {
        assert_eq!(turned(0.0, 0.0, 0.0), picture());
        let (rest, right) = (picture(), turned(8.0, 0.0, 0.0));
        let nose = middle(&right, 0)[0] - middle(&rest, 0)[0];
        let ear = middle(&right, 1)[0] - middle(&rest, 1)[0];
        let head = Head::of(&[36.0, 28.0, 56.0, 70.0].map(|x| x / 128.0));
        let told = 128.0 * (head.place([0.5, 63.0 / 128.0], &Turn { yaw: 8.0, ..Turn::default() })[0] - 0.5);
        assert!((nose - told).abs() < 0.3, "the nose goes where the ellipsoid says: {nose} {told}");
        assert!(ear > 0.0 && ear < 0.75 * nose, "the ear less far: {ear} {nose}");
        let up = middle(&turned(0.0, 6.0, 0.0), 0)[1] - middle(&rest, 0)[1];
        let tilted = middle(&turned(0.0, 0.0, 6.0), 0)[0] - middle(&rest, 0)[0];
        assert!(up < -2.0 && tilted > 1.5, "{up} {tilted}");
        for (place, (a, b)) in right.data().iter().zip(rest.data()).enumerate() {
            let (x, y) = (place / 3 % 128, place / 3 / 128);
            let edge = x.min(y).min(127 - x) < 4 || y > 122;
            assert!(!edge || a == b, "the edge moved at {x}, {y}");
        }
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let other = Picture::new(2, 2, vec![0; 12]).unwrap();
        let error = Turned::new(FACE, 128).turn(&other, &HeadPose::default()).unwrap_err().to_string();
        assert!(error.contains("(2, 2)") && error.contains("128"), "{error}");
    }
}
