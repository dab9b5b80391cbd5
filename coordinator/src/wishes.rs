//! What somebody who orders a film may choose, and which choices can be met.

use shared::{
    Error, Fps, Result,
    effort::MOST_REUSE,
    job::Settings,
    seams::{Continuity, Cutting},
    shots::ShotList,
};

/// The edges a film may have, in pixels.
const SIZES: std::ops::RangeInclusive<u32> = 64..=4096;

/// Denoising steps that make sense: the schedule has 1000.
const STEPS: std::ops::RangeInclusive<u32> = 1..=1000;

/// Face regions that make sense, over the face box along an edge.
const FACE_EXPAND: std::ops::RangeInclusive<f32> = 0.5..=4.0;

/// What an order says besides its two files and the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Wishes {
    /// Frames per second of the film.
    pub fps: Fps,
    /// Seed of all noise.
    pub seed: u64,
    /// Clips in a segment.
    pub segment_clips: u32,
    /// Segments in a part.
    pub part_segments: u32,
    /// Whether the film is cut into chains, and how.
    pub cutting: Cutting,
    /// Where an editor has cut; seams are laid there first of all.
    pub shots: Option<ShotList>,
    /// What shapes the picture.
    pub settings: Settings,
}

impl Wishes {
    /// Finds a setting that no film can meet.
    ///
    /// # Errors
    /// [`Cause::Order`](shared::error::Cause::Order) naming the setting and what it may be.
    pub(crate) fn check(&self) -> Result<()> {
        self.cutting.check()?;
        if self.shots.is_some() && self.cutting.continuity == Continuity::Strict {
            return Err(Error::order(
                "--shots says where chains may meet, and with --continuity strict there is one chain",
            )
            .mend("leave --shots out, or give --continuity anchored or parallel"));
        }
        let Settings { steps, guidance, head_speed, size, face_expand, .. } = self.settings;
        let Settings { pose_weight, face_weight, lip_weight, .. } = self.settings;
        if let Some(size) = size.filter(|size| !SIZES.contains(size) || size % 2 != 0) {
            return Err(Error::order(format!("a film cannot be {size} pixels wide and high")).mend(format!(
                "give --size an even number from {} to {}",
                SIZES.start(),
                SIZES.end()
            )));
        }
        if let Some(steps) = steps.filter(|steps| !STEPS.contains(steps)) {
            return Err(Error::order(format!("a clip cannot be denoised in {steps} steps")).mend(format!(
                "give --steps a number from {} to {}",
                STEPS.start(),
                STEPS.end()
            )));
        }
        if let Some(reuse) = self.settings.reuse.filter(|reuse| !(1..=MOST_REUSE).contains(reuse)) {
            return Err(Error::order(format!("the whole network cannot be computed every {reuse} steps"))
                .mend(format!("give --reuse a number from 1 to {MOST_REUSE}")));
        }
        if let Some(ratio) = face_expand.filter(|ratio| !FACE_EXPAND.contains(ratio)) {
            return Err(Error::order(format!("the face region cannot be {ratio} times the face box")).mend(format!(
                "give --face-expand a number from {} to {}",
                FACE_EXPAND.start(),
                FACE_EXPAND.end()
            )));
        }
        let strengths = [("pose weight", pose_weight), ("face weight", face_weight), ("lip weight", lip_weight)];
        for (name, value) in [("guidance", guidance), ("head speed", head_speed)].into_iter().chain(strengths) {
            if let Some(value) = value.filter(|value| !value.is_finite()) {
                return Err(Error::order(format!("the {name} cannot be {value}")).mend("give a finite number"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: Settings) -> Result<()> {
        Wishes { settings, ..wishes() }.check()
    }

    fn wishes() -> Wishes {
        Wishes {
            fps: Fps::PAL,
            seed: 0,
            segment_clips: 4,
            part_segments: 2,
            cutting: Cutting::default(),
            shots: None,
            settings: Settings::default(),
        }
    }

    #[test]
    fn cutting_is_checked_and_shots_without_chains_are_refused() {
        let shots = Some(ShotList { name: "cut.edl".into(), text: String::new() });
        let strict = Cutting { continuity: Continuity::Strict, ..Cutting::default() };
        Wishes { shots: shots.clone(), ..wishes() }.check().unwrap();
        Wishes { cutting: strict, ..wishes() }.check().unwrap();
        let long = Cutting { chain_seconds: 3601, ..Cutting::default() };
        let refused = [
            (Wishes { shots, cutting: strict, ..wishes() }, "--shots"),
            (Wishes { cutting: long, ..wishes() }, "--chain-seconds"),
        ];
        for (wishes, flag) in refused {
            let error = wishes.check().unwrap_err();
            assert!(error.to_string().contains(flag) && error.mending().is_some(), "{error}");
        }
    }

    #[test]
    fn limits_are_kept_and_named() {
        check(Settings::default()).unwrap();
        for size in [64, 512, 4096] {
            check(Settings { size: Some(size), ..Settings::default() }).unwrap();
        }
        for steps in [1, 1000] {
            check(Settings { steps: Some(steps), ..Settings::default() }).unwrap();
        }
        for ratio in [0.5, 4.0] {
            check(Settings { face_expand: Some(ratio), ..Settings::default() }).unwrap();
        }
        let refused = [
            (Settings { face_expand: Some(0.4), ..Settings::default() }, "--face-expand"),
            (Settings { face_expand: Some(4.1), ..Settings::default() }, "--face-expand"),
            (Settings { face_expand: Some(f32::NAN), ..Settings::default() }, "--face-expand"),
            (Settings { size: Some(62), ..Settings::default() }, "--size"),
            (Settings { size: Some(4098), ..Settings::default() }, "--size"),
            (Settings { size: Some(257), ..Settings::default() }, "--size"),
            (Settings { steps: Some(0), ..Settings::default() }, "--steps"),
            (Settings { steps: Some(1001), ..Settings::default() }, "--steps"),
            (Settings { reuse: Some(0), ..Settings::default() }, "--reuse"),
            (Settings { reuse: Some(MOST_REUSE + 1), ..Settings::default() }, "--reuse"),
            (Settings { guidance: Some(f32::NAN), ..Settings::default() }, "guidance"),
            (Settings { head_speed: Some(f32::INFINITY), ..Settings::default() }, "head speed"),
        ];
        for (settings, name) in refused {
            let error = check(settings.clone()).unwrap_err();
            assert!(error.to_string().contains(name) && error.mending().is_some(), "{settings:?}: {error}");
        }
    }
}
