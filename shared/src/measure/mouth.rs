//! How far a mouth is open: the area of what the closed mouth does not show.

use super::{
    head::{Head, Share, Turn},
    plane::Plane,
};

/// Steps of a channel that colours of the closed mouth are told apart by.
const STEPS: f32 = 15.0;

/// Distance of colours, 0 to about 1.7, over which a place goes from shut to open.
const EDGE: f32 = 0.16;

/// A distance from every colour of the closed mouth from which on a place is open, where nobody says what is in the mouth.
const FOREIGN: f32 = 0.2;

/// Measures how far the mouth of a portrait is open in frames of it.
pub struct MouthMeter {
    head: Head,
    places: Vec<[f64; 2]>,
    /// Part of the face box that one place stands for.
    share: f64,
    closed: Vec<[f32; 3]>,
    inside: Vec<[f32; 3]>,
}

impl MouthMeter {
    /// A meter for the mouth in the box `mouth` of a portrait whose mouth is shut. `inside` are the colours of what an open mouth shows, 0 to 1, as far as
    /// they are known.
    pub fn new(portrait: &Plane, face: &Share, mouth: &Share, inside: &[[f32; 3]]) -> Self {
        let head = Head::of(face);
        let step = [1.0 / portrait.width() as f64, 1.0 / portrait.height() as f64];
        let along = |k: usize| {
            let count = (mouth[2 + k] / step[k]).floor() as u32;
            (0..count).map(move |i| mouth[k] + (f64::from(i) + 0.5) * step[k])
        };
        let places: Vec<[f64; 2]> = along(1).flat_map(|y| along(0).map(move |x| [x, y])).collect();
        let mut closed: Vec<[u8; 3]> =
            places.iter().map(|[x, y]| portrait.at(*x, *y).map(|c| (c * STEPS).round() as u8)).collect();
        closed.sort_unstable();
        closed.dedup();
        let closed = closed.into_iter().map(|colour| colour.map(|c| f32::from(c) / STEPS)).collect();
        Self { share: step[0] * step[1] / head.area(), head, places, closed, inside: inside.to_vec() }
    }

    /// The opening in a frame in which the head has turned so: its area over that of the face box, as if the head were at rest.
    pub fn opening(&self, frame: &Plane, turn: &Turn) -> f64 {
        let place = self.head.places(turn);
        let open = self.places.iter().map(|at| {
            let [x, y] = place(*at);
            f64::from(self.openness(frame.at(x, y)))
        });
        open.sum::<f64>() * self.share
    }

    fn openness(&self, colour: [f32; 3]) -> f32 {
        let shut = nearest(&self.closed, colour);
        let against = if self.inside.is_empty() { FOREIGN } else { nearest(&self.inside, colour) };
        (0.5 + (shut - against) / EDGE).clamp(0.0, 1.0)
    }
}

fn nearest(colours: &[[f32; 3]], to: [f32; 3]) -> f32 {
    let squares = colours.iter().map(|colour| (0..3).map(|c| (colour[c] - to[c]).powi(2)).sum::<f32>());
    squares.fold(f32::MAX, f32::min).sqrt()
}
