//! The places that a seam may lie at, and what each is worth.

use super::{Bounds, Score, Seam, Why};
use crate::pauses::{Lull, Pause, RATE};

/// What a place costs at the least, by its kind: a shot is better than any pause, and any pause better than any place without.
/// Where only one of two neighbours can have its pause, the other still takes what is quietest.
const PAUSE: f64 = 10.0;
const NO_PAUSE: f64 = 1000.0;

/// What a pause costs that is as short as can be, and one that is hardly one.
const SHORT: f64 = 6.0;
const SHALLOW: f64 = 3.0;

/// What a place without a pause costs that is as loud as speech is.
const LOUD: f64 = 9.0;

/// What a place costs at the edge of the leeway.
const FAR: f64 = 3.0;

/// Longer pauses than this are no better.
const LONG_PAUSE: f64 = 1.0;

/// A seam lies at least so many seconds inside of a pause that is long enough, so that the face has come to rest on both sides.
const MARGIN: f64 = 0.25;

/// A place and what it costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) seam: Seam,
    pub(super) cost: f64,
}

/// All places of a film.
pub(super) struct Places<'a> {
    pub(super) score: &'a Score<'a>,
    pub(super) bounds: Bounds,
    /// Frames by which a seam may move from where it is wanted.
    pub(super) leeway: u64,
}

impl Places<'_> {
    /// The places of the seam that is wanted at `wanted`, ascending, each frame once; `wanted` itself is always one of them.
    pub(super) fn around(&self, wanted: u64) -> Vec<Place> {
        let first = wanted.saturating_sub(self.leeway).max(self.bounds.earliest).min(wanted);
        let last = (wanted + self.leeway).min(self.score.shape.frames.saturating_sub(self.bounds.tail)).max(wanted);
        let window = Window { score: self.score, wanted, first, last, leeway: self.leeway };
        let mut places = window.shots();
        places.extend(window.pauses());
        places.extend(window.lulls());
        places.push(window.place(wanted, Why::Even, NO_PAUSE + LOUD + FAR));
        // The cheapest of each frame stays.
        places.sort_by(|a, b| {
            (a.seam.frame, a.cost).partial_cmp(&(b.seam.frame, b.cost)).unwrap_or(std::cmp::Ordering::Equal)
        });
        places.dedup_by_key(|place| place.seam.frame);
        places
    }
}

/// The frames that one seam may lie at.
struct Window<'a> {
    score: &'a Score<'a>,
    wanted: u64,
    first: u64,
    last: u64,
    leeway: u64,
}

impl Window<'_> {
    fn place(&self, frame: u64, why: Why, cost: f64) -> Place {
        let far = frame.abs_diff(self.wanted) as f64 / self.leeway.max(1) as f64;
        Place { seam: Seam { frame, wanted: self.wanted, why }, cost: cost + FAR * far * far }
    }

    fn shots(&self) -> Vec<Place> {
        let shots = self.score.shots;
        let from = shots.partition_point(|shot| *shot < self.first);
        shots[from..]
            .iter()
            .take_while(|shot| **shot <= self.last)
            .map(|shot| self.place(*shot, Why::Shot, 0.0))
            .collect()
    }

    fn pauses(&self) -> impl Iterator<Item = Place> {
        let pauses = self.score.pauses.map_or(&[][..], |found| &found.pauses);
        let from = pauses.partition_point(|pause| self.frame_after(pause.end) <= self.first);
        let inside = pauses[from..].iter().take_while(|pause| self.frame_after(pause.start) <= self.last);
        inside.filter_map(|pause| self.pause(pause))
    }

    /// The frame in a pause that is nearest to where the seam is wanted, unless no frame begins in it.
    fn pause(&self, pause: &Pause) -> Option<Place> {
        let margin = MARGIN.min(pause.seconds() / 3.0);
        let margin = (margin * f64::from(RATE)) as u64;
        let (start, end) = (self.frame_after(pause.start + margin), self.frame_before(pause.end - margin));
        let (start, end) = (start.max(self.first), end.min(self.last));
        (start <= end).then(|| {
            let seconds = pause.seconds();
            let short = 1.0 - seconds.min(LONG_PAUSE) / LONG_PAUSE;
            let shallow = 1.0 - f64::from(pause.depth / Pause::DEEPEST).clamp(0.0, 1.0);
            let why = Why::Pause { seconds: (seconds * 1000.0).round() / 1000.0 };
            self.place(self.wanted.clamp(start, end), why, PAUSE + SHORT * short + SHALLOW * shallow)
        })
    }

    fn lulls(&self) -> impl Iterator<Item = Place> {
        let lulls = self.score.pauses.map_or(&[][..], |found| &found.lulls);
        let nearest = |lull: &Lull| self.frame_before(lull.at + self.samples(1) / 2);
        let from = lulls.partition_point(move |lull| nearest(lull) < self.first);
        let inside = lulls[from..].iter().map(move |lull| (nearest(lull), lull.depth));
        inside.take_while(|(frame, _)| *frame <= self.last).map(|(frame, depth)| {
            let shallow = 1.0 - f64::from(depth / Pause::DEEPEST).clamp(0.0, 1.0);
            self.place(frame, Why::Lull, NO_PAUSE + LOUD * shallow)
        })
    }

    /// Samples of so many frames, rounded down.
    fn samples(&self, frames: u64) -> u64 {
        let fps = self.score.fps;
        (u128::from(frames) * u128::from(fps.den()) * u128::from(RATE) / u128::from(fps.num())) as u64
    }

    /// The first frame that begins at or after a sample.
    fn frame_after(&self, sample: u64) -> u64 {
        self.score.fps.frames_covering(sample, RATE)
    }

    /// The last frame that begins at or before a sample.
    fn frame_before(&self, sample: u64) -> u64 {
        let fps = self.score.fps;
        (u128::from(sample) * u128::from(fps.num()) / (u128::from(fps.den()) * u128::from(RATE))) as u64
    }
}
