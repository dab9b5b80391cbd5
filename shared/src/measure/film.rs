//! Everything that is measured of one film, frame by frame.

use super::{
    head::{Head, Share, Turn},
    mouth::MouthMeter,
    plane::Plane,
    track::Tracker,
};
use crate::{
    FaceBox, Picture,
    quality::{Colour, sharpness},
};

/// Longest edge at which pictures are measured, in pixels.
const EDGE: u32 = 256;

/// How far the face box is grown on every side, as a share of it, where nothing says what a head never reaches.
const REACH: f64 = 0.6;

/// Where things are in a portrait, in units of its edges, and what an open mouth shows.
#[derive(Clone, Debug)]
pub struct Known {
    /// Crown to chin, cheek to cheek.
    pub face: Share,
    /// Lips and opening, room for every mouth shape.
    pub mouth: Share,
    /// Lids, white and iris of each eye, where that is known.
    pub eyes: Option<[Share; 2]>,
    /// Colours in an open mouth, 0 to 1, where they are known.
    pub inside: Vec<[f32; 3]>,
    /// White where no head is ever seen, where that is known; of any size.
    pub still: Option<Picture>,
}

/// What was measured of one frame.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Measured {
    /// Area of the opening of the mouth over that of the face box.
    pub opening: f64,
    /// How the head lies.
    pub turn: Turn,
    /// How much of the portrait's eyes is to be seen: correlation of the pictures, 1 for open eyes; nothing where their boxes are not known.
    pub eyes: Option<f64>,
    /// Mean absolute difference of the face's colours from the portrait's, which is turned as the head is, outside of mouth and eyes; 0 to 255.
    pub identity: f64,
    /// Mean absolute change of the background from the frame before, 0 to 255; nothing for the first frame, and where all may be head.
    pub background: Option<f64>,
    /// Sharpness of the face box over that of the portrait.
    pub sharpness: f64,
    /// Largest difference of a channel's mean or spread in the face box from the portrait's, 0 to 1.
    pub colour: f64,
}

/// Measures a film's frames one after the other.
pub struct FilmMeter {
    portrait: Plane,
    head: Head,
    face: Share,
    tracker: Tracker,
    mouth: MouthMeter,
    eyes: Option<[Share; 2]>,
    /// Places of the face outside of mouth and eyes.
    features: Vec<([f64; 2], [f32; 3])>,
    /// Places that no head ever reaches.
    background: Vec<[f64; 2]>,
    before: Option<Plane>,
    sharpness: f32,
    colour: Colour,
}

impl FilmMeter {
    /// A meter for films of this portrait, which shows what `known` says.
    pub fn new(portrait: &Picture, known: &Known) -> Self {
        let plane = Plane::of(portrait, EDGE);
        let head = Head::of(&known.face);
        let inside = |b: &Share, [x, y]: [f64; 2]| x >= b[0] && x < b[0] + b[2] && y >= b[1] && y < b[1] + b[3];
        let eyes = known.eyes.iter().flatten().map(with_brow);
        let apart: Vec<Share> = eyes.chain([jaw(&known.face, &known.mouth)]).collect();
        let all = grid(&plane);
        let on_face = |place: &[f64; 2]| {
            let [u, v] = head.within(place[0], place[1]);
            u * u + v * v < 0.72 && !apart.iter().any(|b| inside(b, *place))
        };
        let features = all.iter().filter(|place| on_face(place)).map(|place| (*place, plane.at(place[0], place[1])));
        let mask = known.still.as_ref().map(|mask| Plane::of(mask, EDGE));
        let reach = grown(&known.face, REACH);
        let still =
            |[x, y]: [f64; 2]| mask.as_ref().map_or_else(|| !inside(&reach, [x, y]), |mask| mask.at(x, y)[0] > 0.999);
        Self {
            head,
            face: known.face,
            tracker: Tracker::new(&plane, &known.face, &known.mouth),
            mouth: MouthMeter::new(&plane, &known.face, &known.mouth, &known.inside),
            eyes: known.eyes,
            features: features.collect(),
            background: all.iter().copied().filter(|place| still(*place)).collect(),
            before: None,
            sharpness: sharpness(portrait, pixels(&known.face, portrait)),
            colour: Colour::of(portrait, pixels(&known.face, portrait)),
            portrait: plane,
        }
    }

    /// Measures the next frame.
    pub fn push(&mut self, picture: &Picture) -> Measured {
        let frame = Plane::of(picture, EDGE);
        let turn = self.tracker.next(&frame);
        let face = pixels(&self.face, picture);
        let measured = Measured {
            opening: self.mouth.opening(&frame, &turn),
            turn,
            eyes: self.eyes.as_ref().map(|eyes| self.likeness_of_eyes(eyes, &frame, &turn)),
            identity: self.identity(&frame, &turn),
            background: self.before.as_ref().and_then(|before| self.change(before, &frame)),
            sharpness: f64::from(sharpness(picture, face) / self.sharpness.max(f32::MIN_POSITIVE)),
            colour: f64::from(Colour::of(picture, face).distance(&self.colour)),
        };
        self.before = Some(frame);
        measured
    }

    fn identity(&self, frame: &Plane, turn: &Turn) -> f64 {
        let place = self.head.places(turn);
        let far = self.features.iter().map(|(at, colour)| {
            let [x, y] = place(*at);
            apart(frame.at(x, y), *colour)
        });
        255.0 * far.sum::<f64>() / self.features.len().max(1) as f64
    }

    fn change(&self, before: &Plane, frame: &Plane) -> Option<f64> {
        let changes = self.background.iter().map(|[x, y]| apart(before.at(*x, *y), frame.at(*x, *y)));
        let sum: f64 = changes.sum();
        (!self.background.is_empty()).then(|| 255.0 * sum / self.background.len() as f64)
    }

    fn likeness_of_eyes(&self, eyes: &[Share; 2], frame: &Plane, turn: &Turn) -> f64 {
        let place = self.head.places(turn);
        let luma = |[r, g, b]: [f32; 3]| f64::from(0.2126 * r + 0.7152 * g + 0.0722 * b);
        let one = |eye: &Share| {
            let within = grid(&self.portrait)
                .into_iter()
                .filter(|[x, y]| (eye[0]..eye[0] + eye[2]).contains(x) && (eye[1]..eye[1] + eye[3]).contains(y));
            let (seen, known): (Vec<f64>, Vec<f64>) = within
                .map(|at| {
                    let [x, y] = place(at);
                    (luma(frame.at(x, y)), luma(self.portrait.at(at[0], at[1])))
                })
                .unzip();
            super::numbers::correlation(&seen, &known).unwrap_or(0.0)
        };
        f64::midpoint(one(&eyes[0]), one(&eyes[1]))
    }
}

/// The middles of all pixels.
fn grid(plane: &Plane) -> Vec<[f64; 2]> {
    let middle = |k: usize, size: usize| (k as f64 + 0.5) / size as f64;
    let rows = 0..plane.height();
    rows.flat_map(|y| (0..plane.width()).map(move |x| [middle(x, plane.width()), middle(y, plane.height())])).collect()
}

/// Mean absolute difference of two colours.
fn apart(a: [f32; 3], b: [f32; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / 3.0
}

fn grown(b: &Share, by: f64) -> Share {
    [b[0] - by * b[2], b[1] - by * b[3], b[2] * (1.0 + 2.0 * by), b[3] * (1.0 + 2.0 * by)]
}

/// An eye with its brow: both move by themselves.
fn with_brow(eye: &Share) -> Share {
    [eye[0] - 0.15 * eye[2], eye[1] - 0.9 * eye[3], 1.3 * eye[2], 2.05 * eye[3]]
}

/// The mouth, and what is below it: the jaw goes with it.
fn jaw(face: &Share, mouth: &Share) -> Share {
    let mouth = grown(mouth, 0.08);
    [mouth[0], mouth[1], mouth[2], (face[1] + face[3] - mouth[1]).max(mouth[3])]
}

/// A box in pixels, cut to the picture.
fn pixels(share: &Share, picture: &Picture) -> FaceBox {
    let span = |from: f64, length: f64, edge: u32| {
        let low = (from * f64::from(edge)).floor().clamp(0.0, f64::from(edge.saturating_sub(1))) as u32;
        let high = ((from + length) * f64::from(edge)).ceil().clamp(f64::from(low + 1), f64::from(edge)) as u32;
        (low, high - low)
    };
    let ((x, w), (y, h)) = (span(share[0], share[2], picture.width()), span(share[1], share[3], picture.height()));
    FaceBox { x, y, w, h }
}
