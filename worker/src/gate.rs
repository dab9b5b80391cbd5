//! The gate between clips: what a clip hands on is looked at, and a clip that is not good enough is rendered again.
//!
//! What is decided depends on latents and on what `prepare` left alone, so that every worker decides alike.

use shared::{
    Frames, Result, Tensor,
    job::Gates,
    log::Line,
    ports::{ClipInput, Renderer},
    quality::{
        ClipQuality, Fault, Reference, Refused,
        gate::{self, LOOKED_AT, Try},
    },
};
use tokio::time::Instant;

use crate::{
    quality::Basis,
    work::{Work, off_the_runtime},
};

/// Judges the clips of a job.
pub(crate) struct Gate<'a> {
    work: &'a Work<'a>,
    /// Nothing for models that draw no likeness of the portrait: their clips pass.
    reference: Option<Reference>,
    motion_frames: usize,
    /// Whether what is not good enough is rendered again.
    on: bool,
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
        let Basis { reference, .. } = Basis::of(work).await?;
        let on = work.lease.order.settings.gates.unwrap_or_default() == Gates::On;
        Ok(Self { work, reference, motion_frames: motion_frames as usize, on })
    }

    /// Renders a clip until it passes: from other noise, then from the portrait instead of the motion frames. When nothing passes, the
    /// least bad rendering counts. `check` refuses latents that nothing can be made of.
    pub(crate) async fn render(
        &self,
        mut renderer: Box<dyn Renderer>,
        clip: &ClipInput,
        check: impl Fn(&Tensor) -> Result<()>,
    ) -> Result<(Box<dyn Renderer>, Made)> {
        let mut renderings: Vec<Rendering> = Vec::new();
        for way in gate::tries(clip.motion.is_none()) {
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
        let (used, latents) = off_the_runtime(move || {
            let latents = renderer.render(&input, &mut |_| stop.control())?;
            // What the next clip starts from must be what the blob store gives back.
            Ok((renderer, latents.rounded_to_f16()))
        })
        .await?;
        self.rendered(frames, way, began.elapsed().as_secs_f64());
        check(&latents)?;
        let (reference, motion) = (self.reference, self.motion_frames);
        let (used, rendering) = off_the_runtime(move || look(used, latents, frames, reference, motion, way)).await?;
        self.work.stop.step()?;
        Ok((used, rendering))
    }

    fn rendered(&self, clip: Frames, way: Try, seconds: f64) {
        metrics::histogram!("emofarm_clip_render_seconds").record(seconds);
        let details = |line: Line| {
            let line = line.with("frames", clip.to_string()).with("seconds", seconds);
            if way == (Try { take: 0, anchored: false }) {
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

/// Looks at what a clip hands on.
fn look(
    mut renderer: Box<dyn Renderer>,
    latents: Tensor,
    clip: Frames,
    reference: Option<Reference>,
    motion_frames: usize,
    way: Try,
) -> Result<(Box<dyn Renderer>, Rendering)> {
    let mut likeness = None;
    if let Some(reference) = reference {
        let mut pictures = Vec::with_capacity(LOOKED_AT);
        for row in looked_at(latents.rows(), motion_frames) {
            pictures.extend(renderer.decode(&latents.slice(row, row + 1)?, clip.start + row as u64)?);
        }
        likeness = Some(reference.likeness(&latents, &pictures));
    }
    let faults = likeness.as_ref().map(gate::faults).unwrap_or_default();
    let badness = likeness.as_ref().map_or(0.0, gate::badness);
    let quality = ClipQuality { take: way.take, anchored: way.anchored, likeness, faults, refused: Vec::new() };
    Ok((renderer, Rendering { way, badness, made: Made { latents, quality } }))
}

/// The first and the last of the motion frames.
fn looked_at(rows: usize, motion_frames: usize) -> Vec<usize> {
    let mut looked_at = vec![rows.saturating_sub(motion_frames.max(1)), rows - 1];
    looked_at.dedup();
    looked_at
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

    #[test]
    fn the_frames_that_are_handed_on_are_looked_at() {
        assert_eq!(looked_at(12, 4), [8, 11]);
        assert_eq!(looked_at(12, 1), [11]);
        assert_eq!(looked_at(12, 0), [11], "a model without motion frames still ends its clips");
        assert_eq!(looked_at(1, 4), [0]);
    }
}
