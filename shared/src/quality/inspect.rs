//! Measures the pictures of a part as they are decoded, three at a time.

use std::collections::VecDeque;

use super::{Colour, FROZEN, JoinAt, PartQuality, Reference, dark_share, difference, flicker, is_black, short};
use crate::{FaceBox, Frames, Picture};

/// Luma of a face where no portrait says what it is; half of it is dark.
const SKIN: f32 = 0.5;

/// Looks at one picture after another. It holds two of them and what was measured of one run.
pub struct Inspector {
    reference: Option<Reference>,
    /// Loudness of the film's frames.
    speech: Vec<f32>,
    joins: Vec<JoinAt>,
    runs: VecDeque<Frames>,
    next: u64,
    before: Option<Picture>,
    before_that: Option<Picture>,
    run: Run,
    done: Vec<(Frames, PartQuality)>,
}

/// Sums over the frames of one run.
#[derive(Default)]
struct Run {
    quality: PartQuality,
    sharpness: f32,
    colour: f32,
    flicker: f32,
    flickers: u32,
}

impl Inspector {
    /// An inspector of `frames`, in runs of `clip` frames that also begin at `joins`. `speech` is how loud the
    /// frames of the whole film are; what it lacks is silent.
    pub fn new(frames: Frames, clip: u64, joins: &[JoinAt], reference: Option<Reference>, speech: Vec<f32>) -> Self {
        let joins: Vec<JoinAt> = joins.iter().filter(|join| frames.contains(join.frame)).copied().collect();
        let mut starts: Vec<u64> = frames.pieces(clip.max(1)).map(|run| run.start).collect();
        starts.extend(joins.iter().map(|join| join.frame));
        starts.sort_unstable();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([frames.end]);
        let runs = starts.iter().zip(ends).map(|(start, end)| Frames::new(*start, end)).collect();
        let next = frames.start;
        let (before, before_that, run, done) = (None, None, Run::default(), Vec::new());
        Self { reference, speech, joins, runs, next, before, before_that, run, done }
    }

    /// Takes the next picture.
    pub fn push(&mut self, picture: Picture) {
        let Some(frames) = self.runs.front().copied() else { return };
        let moved = self.before.as_ref().map(|before| difference(before, &picture));
        let quality = &mut self.run.quality;
        let join = self.joins.iter().find(|join| join.frame == self.next);
        quality.seam = quality.seam.or(join.map(|join| join.seam));
        quality.black += u32::from(is_black(&picture));
        quality.frozen += u32::from(moved.is_some_and(|moved| moved < FROZEN));
        quality.moved.push(moved.map(|moved| (moved * 1e5).round() / 1e5));
        quality.speech.push(short(self.speech.get(self.next as usize).copied().unwrap_or(0.0)));
        if let Some(reference) = &self.reference {
            self.run.sharpness += reference.sharp(&picture);
            self.run.colour += Colour::of(&picture, reference.regions.face).distance(&reference.colour);
            quality.mouth.push(reference.mouth(&picture));
        } else {
            quality.mouth.push(short(dark_share(&picture, whole(&picture), SKIN)));
        }
        if let (Some(first), Some(second)) = (&self.before_that, &self.before) {
            let nowhere = FaceBox { x: 0, y: 0, w: 0, h: 0 };
            let face = self.reference.as_ref().map_or(nowhere, |reference| reference.regions.face);
            self.run.flicker += flicker(first, second, &picture, face);
            self.run.flickers += 1;
        }
        self.before_that = self.before.replace(picture);
        self.next += 1;
        if self.next == frames.end {
            self.close(frames);
        }
    }

    fn close(&mut self, frames: Frames) {
        let Run { mut quality, sharpness, colour, flicker, flickers } = std::mem::take(&mut self.run);
        let count = frames.len() as f32;
        if self.reference.is_some() {
            (quality.sharpness, quality.colour) = (Some(short(sharpness / count)), Some(short(colour / count)));
        }
        quality.flicker = short(flicker / flickers.max(1) as f32);
        self.runs.pop_front();
        self.done.push((frames, quality));
    }

    /// The runs that are complete.
    pub fn finish(self) -> Vec<(Frames, PartQuality)> {
        self.done
    }
}

fn whole(picture: &Picture) -> FaceBox {
    FaceBox { x: 0, y: 0, w: picture.width(), h: picture.height() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Tensor,
        quality::drawn::{Face, REGIONS, blurred},
    };

    fn reference() -> Reference {
        Reference::of(REGIONS, &Face::default().draw(), &Tensor::new([1, 2], vec![1.0, -1.0]).unwrap())
    }

    #[test]
    fn runs_begin_at_clips_and_at_seams() {
        let joins = [(0, 0), (17, 1), (23, 2)].map(|(frame, seam)| JoinAt { frame, seam });
        let mut inspector = Inspector::new(Frames::new(10, 23), 5, &joins, Some(reference()), vec![0.5; 12]);
        for _ in 10..23 {
            inspector.push(Face::default().draw());
        }
        // One more than was asked for changes nothing.
        inspector.push(Picture::black(64, 64));
        let runs = inspector.finish();
        let frames: Vec<_> = runs.iter().map(|(frames, run)| (frames.start, frames.end, run.seam)).collect();
        assert_eq!(frames, [(10, 15, None), (15, 17, None), (17, 20, Some(1)), (20, 23, None)]);
        assert_eq!(runs[0].1.moved[..2], [None, Some(0.0)]);
        assert_eq!(runs[0].1.speech, [0.5, 0.5, 0.0, 0.0, 0.0], "the track ends at frame 12");
        assert_eq!((runs[0].1.frozen, runs[1].1.frozen, runs[1].1.black), (4, 2, 0));
        assert_eq!((runs[0].1.sharpness, runs[0].1.colour), (Some(1.0), Some(0.0)));
    }

    #[test]
    fn what_happens_in_a_run_is_measured_there() {
        let pictures = |i: u64| match i {
            0..4 => Face { mouth: 1 + i as u32, ..Face::default() }.draw(),
            4..8 => blurred(&Face::default().draw(), 2),
            8..12 => Face { background: if i.is_multiple_of(2) { 80 } else { 120 }, ..Face::default() }.draw(),
            _ => Picture::black(64, 64),
        };
        let mut inspector = Inspector::new(Frames::new(0, 16), 4, &[], Some(reference()), Vec::new());
        (0..16).for_each(|i| inspector.push(pictures(i)));
        let runs: Vec<PartQuality> = inspector.finish().into_iter().map(|(_, run)| run).collect();
        assert!(runs[0].mouth.is_sorted() && runs[0].mouth[3] > runs[0].mouth[0], "{:?}", runs[0].mouth);
        assert!(runs[1].sharpness < Some(0.6) && runs[0].sharpness > Some(0.9), "{:?}", runs[1].sharpness);
        assert!(runs[2].flicker > 5.0 * runs[0].flicker, "{} {}", runs[2].flicker, runs[0].flicker);
        assert_eq!((runs[3].black, runs[3].frozen), (4, 3));
    }

    #[test]
    fn pictures_of_models_without_a_likeness_are_measured_as_far_as_they_can_be() {
        let mut inspector = Inspector::new(Frames::new(0, 4), 4, &[], None, Vec::new());
        (0..4).for_each(|shift| inspector.push(Face { shift, ..Face::default() }.draw()));
        let (_, run) = inspector.finish().remove(0);
        assert_eq!((run.sharpness, run.colour, run.mouth.len(), run.black), (None, None, 4, 0));
        assert!(run.moved[1] > Some(0.0));
    }
}
