//! The gate between clips: what a clip hands on is looked at, and a clip that is not good enough is rendered again.
//!
//! What is decided depends on latents and on what `prepare` left alone, so that every worker decides alike.

use std::collections::VecDeque;

use shared::{
    Frames, Result, Tensor,
    job::Gates,
    log::Line,
    ports::{ClipInput, Renderer},
    quality::{
        ClipQuality, Fault, Likeness, Quality, Reference, Refused,
        gate::{self, LIP_FRAMES, LOOKED_AT, Try},
    },
};
use tokio::time::Instant;

use crate::{quality::Basis, work::Work};

/// Judges the clips of a job.
pub(crate) struct Gate<'a> {
    work: &'a Work<'a>,
    /// Nothing for models that draw no likeness of the portrait: their clips pass.
    reference: Option<Reference>,
    motion_frames: usize,
    /// Whether what is not good enough is rendered again.
    on: bool,
    lips: Lips,
}

/// Mouths of the clips right before, in which steps were reused.
#[derive(Default)]
struct Lips {
    /// How loud each frame of the film is.
    speech: Vec<f32>,
    /// Openings of the mouth in the frames up to `end`.
    mouth: VecDeque<f32>,
    /// The frame after them.
    end: u64,
}

/// A clip that counts.
pub(crate) struct Made {
    /// Its latents.
    pub(crate) latents: Tensor,
    /// What was measured of it.
    pub(crate) quality: ClipQuality,
}

/// A rendering of a clip, and how bad it is.
struct Rendering {
    way: Try,
    badness: f32,
    made: Made,
}

impl<'a> Gate<'a> {
    /// The gate of a job whose model hands on `motion_frames` frames.
    pub(crate) async fn new(work: &'a Work<'_>, motion_frames: u32) -> Result<Self> {
        let Basis { reference, speech } = Basis::of(work).await?;
        let on = work.lease.order.settings.gates.unwrap_or_default() == Gates::On;
        let lips = Lips { speech, ..Lips::default() };
        Ok(Self { work, reference, motion_frames: motion_frames as usize, on, lips })
    }

    /// Goes on after clips that were rendered before.
    pub(crate) fn goes_on_after(&mut self, clips: &[(Frames, Quality)]) {
        for (frames, quality) in clips {
            if let Quality::Clip(clip) = quality {
                self.lips.push(*frames, &clip.mouth);
            }
        }
    }

    /// Whether a clip that is not good enough must not be handed on from.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Renders a clip until it passes: from other noise, then from the portrait instead of the motion frames. When nothing passes, the
    /// least bad rendering counts. `check` refuses latents that nothing can be made of.
    pub(crate) async fn render(
        &mut self,
        mut renderer: Box<dyn Renderer>,
        clip: &ClipInput,
        check: impl Fn(&Tensor) -> Result<()>,
    ) -> Result<(Box<dyn Renderer>, Made)> {
        let mut renderings: Vec<Rendering> = Vec::new();
        // A bridge cannot begin at the portrait, since its first frames are held, and reuses nothing.
        let (begins, bridge) = (clip.motion.is_none(), clip.known.is_some());
        for way in gate::tries(begins || bridge, renderer.reuses() && !bridge) {
            let motion = if way.anchored { None } else { clip.motion.clone() };
            let input = ClipInput { motion, take: way.take, ..clip.clone() };
            let (used, rendering) = self.rendering(renderer, input, way, &check).await?;
            renderer = used;
            let passes = rendering.made.quality.faults.is_empty() || !self.on;
            renderings.push(rendering);
            if passes {
                break;
            }
        }
        let made = counts(renderings);
        self.lips.push(clip.frames, &made.quality.mouth);
        self.tell(clip.frames, &made.quality);
        Ok((renderer, made))
    }

    async fn rendering(
        &self,
        mut renderer: Box<dyn Renderer>,
        input: ClipInput,
        way: Try,
        check: &impl Fn(&Tensor) -> Result<()>,
    ) -> Result<(Box<dyn Renderer>, Rendering)> {
        let (stop, began, frames) = (self.work.stop.clone(), Instant::now(), input.frames);
        let looked_at = looked_at(&input, self.motion_frames);
        let (used, latents) = self
            .work
            .compute(move || {
                let step = &mut |_| stop.control();
                let latents =
                    if way.reused { renderer.render(&input, step)? } else { renderer.render_whole(&input, step)? };
                // What the next clip starts from must be what the blob store gives back.
                Ok((renderer, latents.rounded_to_f16()))
            })
            .await?;
        self.rendered(frames, way, began.elapsed().as_secs_f64());
        check(&latents)?;
        let reference = self.reference;
        let (used, mut rendering) =
            self.work.compute(move || look(used, latents, frames, reference, &looked_at, way)).await?;
        self.work.stop.step()?;
        if self.lips.speak_past(frames, &rendering.made.quality.mouth) {
            rendering.made.quality.faults.push(Fault::LipSync);
            rendering.badness = rendering.badness.max(PAST);
        }
        Ok((used, rendering))
    }

    fn rendered(&self, clip: Frames, way: Try, seconds: f64) {
        metrics::histogram!("emofarm_clip_render_seconds").record(seconds);
        let details = |line: Line| {
            let line = line.with("frames", clip.to_string()).with("seconds", seconds);
            let line = if way.reused { line.with("reused", true) } else { line };
            if (way.take, way.anchored) == (0, false) {
                line
            } else {
                line.with("take", way.take).with("anchored", way.anchored)
            }
        };
        self.work.note("a clip is rendered", details);
    }

    /// Says what became of a clip that did not pass at once.
    fn tell(&self, clip: Frames, quality: &ClipQuality) {
        for refused in &quality.refused {
            for fault in &refused.faults {
                metrics::counter!("emofarm_clips_refused_total", "fault" => fault.name()).increment(1);
            }
        }
        if quality.anchored {
            metrics::counter!("emofarm_chains_anchored_again_total").increment(1);
        }
        if !quality.faults.is_empty() {
            metrics::counter!("emofarm_clips_below_gate_total").increment(1);
        }
        if quality.refused.is_empty() && quality.faults.is_empty() {
            return;
        }
        let words = |faults: &[Fault]| faults.iter().map(|fault| fault.words()).collect::<Vec<_>>().join(", ");
        let why = quality.refused.first().map_or_else(|| words(&quality.faults), |refused| words(&refused.faults));
        let renderings = 1 + quality.refused.len();
        tracing::warn!(frames = %clip, why, renderings, anchored = quality.anchored, left = words(&quality.faults), "a clip was not good enough");
        self.work.note("a clip was not good enough", |line| {
            let line = line.with("frames", clip.to_string()).with("why", why).with("renderings", renderings);
            line.with("anchored", quality.anchored).with("left", words(&quality.faults))
        });
    }
}

impl Lips {
    /// Takes the mouths of a clip that counts; without any, what came before is no longer right before.
    fn push(&mut self, frames: Frames, mouth: &[f32]) {
        if frames.start != self.end || mouth.is_empty() {
            self.mouth.clear();
        }
        self.mouth.extend(mouth);
        let beyond = self.mouth.len().saturating_sub(LIP_FRAMES);
        self.mouth.drain(..beyond);
        self.end = frames.end;
    }

    /// Whether the mouths of a clip, after those right before it, speak past the sound.
    fn speak_past(&self, frames: Frames, mouth: &[f32]) -> bool {
        let before =
            if frames.start == self.end { self.mouth.len().min(LIP_FRAMES - mouth.len().min(LIP_FRAMES)) } else { 0 };
        let all: Vec<f32> = self.mouth.iter().skip(self.mouth.len() - before).chain(mouth).copied().collect();
        let speech = (frames.start - before as u64..frames.end).map(|frame| self.speech.get(frame as usize).copied());
        let speech: Vec<f32> = speech.map(Option::unwrap_or_default).collect();
        gate::speaks_past(&all, &speech)
    }
}

/// How bad a clip is whose mouth speaks past the sound: worse than one that is at a limit of its likeness.
const PAST: f32 = 1.5;

/// Looks at what a clip hands on.
/// What of a clip is looked at.
struct LookedAt {
    /// Frames of the clip, counted from its first.
    rows: Vec<usize>,
    /// Whether the next clip begins with them: eyes may close elsewhere.
    handed_on: bool,
}

/// Looks at what a clip hands on, or shows.
fn look(
    mut renderer: Box<dyn Renderer>,
    latents: Tensor,
    clip: Frames,
    reference: Option<Reference>,
    looked_at: &LookedAt,
    way: Try,
) -> Result<(Box<dyn Renderer>, Rendering)> {
    let (mut likeness, mut mouth) = (None, Vec::new());
    if let Some(reference) = reference {
        let mut pictures = Vec::with_capacity(LOOKED_AT);
        // Where steps were reused, audio layers were too: every mouth is looked at.
        for row in 0..latents.rows() {
            let shown = looked_at.rows.contains(&row);
            if !way.reused && !shown {
                continue;
            }
            let decoded = renderer.decode(&latents.slice(row, row + 1)?, clip.start + row as u64)?;
            if way.reused {
                mouth.extend(decoded.iter().map(|picture| reference.mouth(picture)));
            }
            if shown {
                pictures.extend(decoded);
            }
        }
        let found = reference.likeness(&latents, &pictures);
        likeness = Some(Likeness { eyes: found.eyes.filter(|_| looked_at.handed_on), ..found });
    }
    let faults = likeness.as_ref().map(gate::faults).unwrap_or_default();
    let badness = likeness.as_ref().map_or(0.0, gate::badness);
    let Try { take, anchored, reused } = way;
    let quality = ClipQuality { take, anchored, reused, mouth, likeness, faults, refused: Vec::new() };
    Ok((renderer, Rendering { way, badness, made: Made { latents, quality } }))
}

/// The first and the last of the frames that the next clip begins with; of a bridge, of those that it made up.
fn looked_at(clip: &ClipInput, motion_frames: usize) -> LookedAt {
    let frames = clip.frames.len() as usize;
    let mut rows = match &clip.known {
        None => vec![frames.saturating_sub(motion_frames.max(1)), frames - 1],
        Some(known) => {
            let free = || (0..frames).filter(|row| known.pinned.get(*row) == Some(&false));
            free().next().into_iter().chain(free().next_back()).collect()
        }
    };
    rows.dedup();
    LookedAt { rows, handed_on: clip.known.is_none() }
}

/// The rendering that counts: the last when it passes, or the least bad; of equals the first.
fn counts(mut renderings: Vec<Rendering>) -> Made {
    let least = renderings.iter().enumerate().min_by(|(_, a), (_, b)| a.badness.total_cmp(&b.badness));
    let mut chosen = renderings.remove(least.map_or(0, |(place, _)| place)).made;
    let refused = |rendering: Rendering| Refused {
        take: rendering.way.take,
        anchored: rendering.way.anchored,
        faults: rendering.made.quality.faults,
    };
    chosen.quality.refused = renderings.into_iter().map(refused).collect();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ports::{Bridging, Known};

    fn clip(frames: u64, pinned: Option<Vec<bool>>) -> ClipInput {
        let none = || Tensor::new([0], vec![]).unwrap();
        let known = pinned.map(|pinned| Known { latents: none(), pinned, bridging: Bridging::default() });
        ClipInput {
            frames: Frames::new(7, 7 + frames),
            features: none(),
            motion: None,
            known,
            take: 0,
            fps: shared::Fps::PAL,
        }
    }

    #[test]
    fn mouths_are_judged_with_those_right_before_them() {
        let speech: Vec<f32> = (0..300).map(|i| (i as f32 * 0.9).sin().max(0.0)).collect();
        let mouth = |frames: Frames, still: bool| -> Vec<f32> {
            let open =
                |frame: u64| if still { (frame as f32 * 0.17).sin() * 0.1 } else { 0.3 * speech[frame as usize] };
            (frames.start..frames.end).map(open).collect()
        };
        let clip = |index: u64| Frames::new(12 * index, 12 * (index + 1));
        let mut lips = Lips { speech: speech.clone(), ..Lips::default() };
        for index in 0..10 {
            assert!(!lips.speak_past(clip(index), &mouth(clip(index), false)), "{index}");
            lips.push(clip(index), &mouth(clip(index), false));
        }
        assert_eq!(lips.mouth.len(), LIP_FRAMES);
        // Mouths of their own are found once there are enough of them.
        let mut lips = Lips { speech: speech.clone(), ..Lips::default() };
        let found = (0..10).find(|index| {
            let (frames, mouths) = (clip(*index), mouth(clip(*index), true));
            let found = lips.speak_past(frames, &mouths);
            lips.push(frames, &mouths);
            found
        });
        assert!(found.is_some_and(|index| index > 0), "{found:?}");
        // A clip that was computed whole comes between, and a gap is no right before.
        lips.push(clip(10), &[]);
        assert!(lips.mouth.is_empty() && !lips.speak_past(clip(20), &mouth(clip(20), false)));
    }

    #[test]
    fn the_frames_that_are_handed_on_are_looked_at() {
        let rows = |frames, motion| looked_at(&clip(frames, None), motion).rows;
        assert_eq!(rows(12, 4), [8, 11]);
        assert_eq!(rows(12, 1), [11]);
        assert_eq!(rows(12, 0), [11], "a model without motion frames still ends its clips");
        assert_eq!(rows(1, 4), [0]);
        assert!(looked_at(&clip(12, None), 4).handed_on);
    }

    #[test]
    fn of_a_bridge_those_are_looked_at_that_it_made_up() {
        let rows = |pinned: &[u8]| {
            let found = looked_at(&clip(6, Some(pinned.iter().map(|held| *held == 1).collect())), 4);
            assert!(!found.handed_on, "it hands nothing on");
            found.rows
        };
        assert_eq!(rows(&[1, 0, 0, 0, 0, 1]), [1, 4]);
        assert_eq!(rows(&[1, 1, 0, 1, 1, 1]), [2]);
        assert_eq!(rows(&[1, 1, 0, 0, 0, 0]), [2, 5]);
    }
}
