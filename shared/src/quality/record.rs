//! What is recorded of each clip and of each run of pictures.

use super::{Fault, Likeness};
use crate::{Frames, TaskId};

/// A rendering of a clip that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Refused {
    /// Its noise.
    pub take: u32,
    /// Whether it began at the portrait although the chain did not.
    pub anchored: bool,
    /// Why.
    pub faults: Vec<Fault>,
}

/// A clip as it was rendered.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClipQuality {
    /// The noise of the rendering that counts.
    pub take: u32,
    /// Whether it begins at the portrait although the chain does not: the chain was anchored again.
    pub anchored: bool,
    /// Whether some of its steps reused what deep layers had made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    /// For every frame how far the mouth is open; empty unless steps were reused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mouth: Vec<f32>,
    /// How like the portrait it is where it hands on; nothing for models that draw no likeness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likeness: Option<Likeness>,
    /// What is wrong with it all the same: nothing that was tried was good enough, or gates are off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// What was rendered before and not taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
}

/// A run of decoded frames, about as long as a clip.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PartQuality {
    /// The seam, counted from 0, of which one side meets the other at the first frame; see [`joins`](super::joins).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seam: Option<u32>,
    /// Mean sharpness of the face over the portrait's; nothing for models that draw no likeness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharpness: Option<f32>,
    /// Mean distance of the face's colour from the portrait's, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<f32>,
    /// Mean second difference of the background in time, 0 to 2.
    pub flicker: f32,
    /// Frames that are black.
    pub black: u32,
    /// Frames that repeat the one before.
    pub frozen: u32,
    /// For every frame its difference to the one before, 0 to 1; nothing for the first of a part, whose forerunner is decoded elsewhere.
    pub moved: Vec<Option<f32>>,
    /// For every frame how far the mouth is open: the dark share of its region.
    pub mouth: Vec<f32>,
    /// For every frame how loud the speech is, 0 to 1.
    pub speech: Vec<f32>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Of a clip, when it was rendered.
    Clip(ClipQuality),
    /// Of a run of frames, when they were encoded.
    Part(PartQuality),
}

/// Frames of a film and what was measured of them.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measured {
    /// The task that measured them.
    pub task: TaskId,
    /// The frames.
    pub frames: Frames,
    /// What was measured.
    pub quality: Quality,
}

impl Measured {
    /// Why somebody should look at these frames; nothing when all is well. What was rendered again and came out well is no reason.
    pub fn warning(&self) -> Option<String> {
        let list = |faults: &[Fault]| faults.iter().map(|fault| fault.words()).collect::<Vec<_>>().join(", ");
        match &self.quality {
            Quality::Clip(clip) if !clip.faults.is_empty() => {
                Some(format!("nothing that was tried was good enough: {}", list(&clip.faults)))
            }
            Quality::Clip(clip) if clip.anchored => {
                let first = clip.refused.first().map_or(&[][..], |refused| &refused.faults);
                Some(format!("the chain was anchored on the portrait again: {}", list(first)))
            }
            // A model without a likeness may mean its pictures to be as they are.
            Quality::Part(part) if part.black > 0 && part.sharpness.is_some() => {
                Some(format!("{} of {} frames are black", part.black, self.frames.len()))
            }
            Quality::Part(part) if u64::from(part.frozen) == self.frames.len() && part.sharpness.is_some() => {
                Some(format!("the picture stands still for {} frames", part.frozen))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(quality: Quality) -> Measured {
        Measured { task: TaskId::from_text("x"), frames: Frames::new(0, 12), quality }
    }

    #[test]
    fn what_came_out_well_is_no_reason_to_warn() {
        let refused = vec![Refused { take: 0, anchored: false, faults: vec![Fault::Blurred] }];
        let clip = ClipQuality { take: 1, refused, ..ClipQuality::default() };
        assert_eq!(of(Quality::Clip(clip.clone())).warning(), None);
        let anchored = of(Quality::Clip(ClipQuality { anchored: true, ..clip.clone() })).warning().unwrap();
        assert!(anchored.contains("anchored") && anchored.contains("blurred"), "{anchored}");
        let bad = of(Quality::Clip(ClipQuality { faults: vec![Fault::Colour], ..clip })).warning().unwrap();
        assert!(bad.contains("good enough") && bad.contains("colour"), "{bad}");
    }

    #[test]
    fn black_and_frozen_runs_are_told_of_where_there_should_be_a_face() {
        let part = PartQuality { sharpness: Some(1.0), ..PartQuality::default() };
        assert_eq!(of(Quality::Part(part.clone())).warning(), None);
        let dark = PartQuality { black: 3, ..part.clone() };
        assert_eq!(of(Quality::Part(dark.clone())).warning().unwrap(), "3 of 12 frames are black");
        assert!(of(Quality::Part(PartQuality { frozen: 12, ..part.clone() })).warning().is_some());
        assert_eq!(of(Quality::Part(PartQuality { frozen: 11, ..part })).warning(), None);
        assert_eq!(of(Quality::Part(PartQuality { sharpness: None, ..dark })).warning(), None);
    }

    #[test]
    fn a_record_survives_its_form_as_json() {
        let part = PartQuality { moved: vec![None, Some(0.25)], seam: Some(3), ..PartQuality::default() };
        for quality in [Quality::Part(part), Quality::Clip(ClipQuality::default())] {
            let text = serde_json::to_string(&quality).unwrap();
            assert_eq!(serde_json::from_str::<Quality>(&text).unwrap(), quality, "{text}");
        }
    }
}
