//! Measures of pictures whose head, mouth and background are known because they were made so.

use super::{
    film::{FilmMeter, Known},
    head::{Head, Share, Turn},
};
use crate::Picture;

const SIZE: u32 = 96;
const FACE: Share = [0.25, 0.15, 0.5, 0.7];
const MOUTH: Share = [0.38, 0.62, 0.24, 0.12];
const EYES: [Share; 2] = [[0.32, 0.4, 0.12, 0.1], [0.56, 0.4, 0.12, 0.1]];

/// A picture to be drawn.
#[derive(Clone, Copy, Default)]
struct Drawn {
    turn: Turn,
    /// Half the height of the opening, in units of the edge; it is ten times as wide as 0.016.
    open: f64,
    shut_eyes: bool,
    /// What is added to the background.
    room: f64,
    /// What is added to the skin.
    tint: f64,
}

/// The colour of the face at a place of the portrait: skin with features, no two alike.
fn skin(x: f64, y: f64, drawn: &Drawn) -> [f64; 3] {
    let spot = |cx: f64, cy: f64, r: f64| (-((x - cx).powi(2) + (y - cy).powi(2)) / (r * r)).exp();
    if ((x - 0.5) / 0.08).powi(2) + ((y - 0.68) / drawn.open.max(1e-9)).powi(2) < 1.0 {
        return [0.25, 0.05, 0.1];
    }
    let eyes = spot(0.38, 0.45, 0.03) + spot(0.62, 0.45, 0.03);
    let marks = spot(0.5, 0.55, 0.03) + spot(0.33, 0.3, 0.04) + spot(0.66, 0.28, 0.03) + spot(0.45, 0.22, 0.03);
    let dark = 0.5 * if drawn.shut_eyes { 0.0 } else { eyes } + 0.3 * marks;
    [0.85 - dark + drawn.tint, 0.65 - dark + drawn.tint, 0.5 - 0.8 * dark + drawn.tint]
}

impl Drawn {
    fn picture(&self) -> Picture {
        let head = Head::of(&FACE);
        let place = head.places(&self.turn);
        let mut data = Vec::new();
        for row in 0..SIZE {
            for column in 0..SIZE {
                let wanted = [column, row].map(|k| (f64::from(k) + 0.5) / f64::from(SIZE));
                // Which place of the portrait is seen here.
                let mut from = wanted;
                for _ in 0..12 {
                    let [x, y] = place(from);
                    from = [from[0] + wanted[0] - x, from[1] + wanted[1] - y];
                }
                let [u, v] = head.within(from[0], from[1]);
                let room = [0.3 + self.room, 0.4 + self.room, 0.6 + self.room];
                let colour = if u * u + v * v < 1.0 { skin(from[0], from[1], self) } else { room };
                data.extend(colour.map(|c| (c * 255.0).round().clamp(0.0, 255.0) as u8));
            }
        }
        Picture::new(SIZE, SIZE, data).unwrap()
    }
}

fn meter(inside: Vec<[f32; 3]>) -> FilmMeter {
    // The face with its reach would fill the picture: white is where no head is seen.
    let rim = |place: u32| !(SIZE / 8..7 * SIZE / 8).contains(&(place / 3 % SIZE));
    let mask = (0..SIZE * SIZE * 3).map(|place| if rim(place) { 255 } else { 0 }).collect();
    let still = Some(Picture::new(SIZE, SIZE, mask).unwrap());
    let known = Known { face: FACE, mouth: MOUTH, eyes: Some(EYES), inside, still };
    FilmMeter::new(&Drawn::default().picture(), &known)
}

#[test]
fn a_turn_is_found_on_every_axis_and_its_colours_are_those_of_the_portrait() {
    let mut meter = meter(Vec::new());
    for step in 0..12 {
        let s = f64::from(step);
        let turn = Turn { yaw: 0.9 * s, pitch: -0.6 * s, roll: 0.7 * s, ..Turn::default() };
        let found = meter.push(&Drawn { turn, ..Drawn::default() }.picture());
        let far = found.turn.degrees_to(&turn);
        assert!(far < 0.4 + 0.08 * s, "{turn:?} found as {:?}", found.turn);
        assert!(found.identity < 1.5, "step {step}: {}", found.identity);
        assert!(found.eyes > Some(0.9), "step {step}: {:?}", found.eyes);
        assert_eq!(found.background.is_some(), step > 0);
    }
}

#[test]
fn an_opening_is_as_large_as_it_was_drawn_whatever_the_head_does() {
    for inside in [vec![], vec![[0.25, 0.05, 0.1]]] {
        let mut meter = meter(inside);
        for (open, yaw) in [(0.0, 0.0), (0.01, 2.0), (0.03, 4.0), (0.045, 2.0), (0.02, -2.0), (0.0, -4.0)] {
            let turn = Turn { yaw, ..Turn::default() };
            let found = meter.push(&Drawn { turn, open, ..Drawn::default() }.picture()).opening;
            let area = std::f64::consts::PI * 0.08 * open / (FACE[2] * FACE[3]);
            assert!((found - area).abs() < 0.006 + 0.15 * area, "{open} at {yaw} degrees: {found} for {area}");
        }
    }
}

#[test]
fn lids_tints_and_restless_rooms_are_each_told_apart() {
    let mut meter = meter(Vec::new());
    let rest = meter.push(&Drawn::default().picture());
    assert!(rest.identity < 0.1 && rest.colour < 1e-6 && (rest.sharpness - 1.0).abs() < 1e-6, "{rest:?}");
    let blink = meter.push(&Drawn { shut_eyes: true, ..Drawn::default() }.picture());
    assert!(blink.eyes < Some(0.5) && blink.background == Some(0.0), "{blink:?}");
    let tinted = meter.push(&Drawn { tint: 0.08, ..Drawn::default() }.picture());
    assert!((tinted.identity - 0.08 * 255.0).abs() < 3.0 && tinted.colour > 0.06, "{tinted:?}");
    let room = meter.push(&Drawn { room: 0.02, tint: 0.08, ..Drawn::default() }.picture());
    assert!((room.background.unwrap() - 5.1).abs() < 0.3, "{room:?}");
}
