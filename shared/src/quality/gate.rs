//! What a clip must hold to be handed on from, and what is tried when it does not.
//!
//! All limits stand here. They are wide: a clip is rendered again only when it is clearly not what the network can do, since every film
//! holds frames that are a little off, and since what is rendered again costs as much as what was rendered before.

use super::{Likeness, speech::follows_within};

/// Sharpness of the face over that of the portrait as the network draws it: softer is blurred, sharper is noise.
const SHARPNESS: [f32; 2] = [0.45, 2.2];

/// Distance of the face's colour from the portrait's, as a share of the whole range: 31 of 255. A mouth that opens wide takes
/// up to half of it.
const COLOUR: f32 = 0.12;

/// Contrast in the eyes over the portrait's, in all frames that are looked at: less is a lid.
const EYES: f32 = 0.35;

/// Standard deviation of a frame's latent over the portrait's: outside of it, denoising went astray.
const LATENTS: [f32; 2] = [0.6, 1.6];

/// Correlation of mouth and loudness under which a mouth does not follow the speech; mouths that speak reach 0.4 and more.
const FOLLOWS: f64 = 0.2;

/// Frames that a mouth may be early or late where steps were reused.
const LIP_LAG: i32 = 2;

/// Frames on which it is judged whether a mouth follows the speech, at the least: within one word the loudness says little of the lips.
const LIP_FEWEST: usize = 20;

/// Frames on which it is judged whether a mouth follows the speech, at most: those of the clip and of clips right before it.
pub const LIP_FRAMES: usize = 96;

/// Frames that are looked at where a clip hands on, at most; the first and the last of the motion frames.
pub const LOOKED_AT: usize = 2;

/// Takes of a clip before the chain is anchored on the portrait again.
pub const TAKES: u32 = 3;

/// What is wrong with a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The face is softer than it should be.
    Blurred,
    /// The face is sharper than it can be: noise.
    Grainy,
    /// The face has another colour than the portrait's.
    Colour,
    /// The eyes are closed where the clip hands on: the next clip would begin with a blink, and may keep it.
    EyesClosed,
    /// A frame is black.
    Black,
    /// Latents are out of their range.
    Latents,
    /// The mouth does not follow the speech; asked only of clips in which steps were reused.
    LipSync,
}

impl Fault {
    /// The fault's name in ledgers, metrics and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blurred => "blurred",
            Self::Grainy => "grainy",
            Self::Colour => "colour",
            Self::EyesClosed => "eyes_closed",
            Self::Black => "black",
            Self::Latents => "latents",
            Self::LipSync => "lip_sync",
        }
    }

    /// The fault in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Blurred => "the face is blurred",
            Self::Grainy => "the face is grainy",
            Self::Colour => "the face changes its colour",
            Self::EyesClosed => "the eyes are closed at the hand-off",
            Self::Black => "a frame is black",
            Self::Latents => "latents are out of range",
            Self::LipSync => "the mouth does not follow the speech",
        }
    }
}

/// How far each measure is from its limit: over 1 is too far.
fn shares(of: &Likeness) -> [(Fault, f32); 6] {
    let over = |x: f32, limit: f32| x / limit.max(f32::MIN_POSITIVE);
    let [least, most] = of.latents;
    [
        (Fault::Blurred, over(SHARPNESS[0], of.sharpness)),
        (Fault::Grainy, over(of.sharpness, SHARPNESS[1])),
        (Fault::Colour, over(of.colour, COLOUR)),
        (Fault::EyesClosed, of.eyes.map_or(0.0, |eyes| over(EYES, eyes))),
        (Fault::Black, if of.black { f32::MAX } else { 0.0 }),
        (Fault::Latents, over(LATENTS[0], least).max(over(most, LATENTS[1]))),
    ]
}

/// What is wrong; nothing when the clip may be handed on from.
pub fn faults(of: &Likeness) -> Vec<Fault> {
    shares(of).into_iter().filter(|(_, share)| *share > 1.0).map(|(fault, _)| fault).collect()
}

/// How bad it is: the share of the limit that is used up most, over 1 for a clip that fails. Of several that fail, the least bad counts.
pub fn badness(of: &Likeness) -> f32 {
    shares(of).into_iter().map(|(_, share)| share).fold(0.0, f32::max)
}

/// Whether a mouth clearly does not follow the speech of the same frames. Few frames correlate by chance: only what lies below the limit even
/// at the upper end of what chance allows (Fisher's transformation, one side of 95 %) is refused.
pub fn speaks_past(mouth: &[f32], speech: &[f32]) -> bool {
    let Some(found) = follows_within(mouth, speech, LIP_LAG, LIP_FEWEST) else { return false };
    let frames = mouth.len().min(speech.len()) as f64 - 2.0 * f64::from(LIP_LAG);
    let correlation = f64::from(found.correlation).clamp(-0.999, 0.999);
    correlation.atanh() + 1.645 / (frames - 3.0).sqrt() < FOLLOWS.atanh()
}

/// One way to render a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// The noise.
    pub take: u32,
    /// Whether the chain starts anew from the portrait, without motion frames.
    pub anchored: bool,
    /// Whether steps may reuse what deep layers made at earlier ones, where the job says so.
    pub reused: bool,
}

/// What is tried, in order: the whole network in every step, where some were reused; other noises; then anchoring on the portrait again, where the
/// clip does not begin there anyway.
pub fn tries(begins_chain: bool, reuses: bool) -> impl Iterator<Item = Try> {
    let reused = reuses.then_some(Try { take: 0, anchored: false, reused: true });
    let takes = (0..TAKES).map(|take| Try { take, anchored: false, reused: false });
    let again = (!begins_chain).then_some(Try { take: 0, anchored: true, reused: false });
    reused.into_iter().chain(takes).chain(again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Picture, Tensor,
        quality::{
            Reference,
            drawn::{Face, REGIONS, blurred, tinted},
        },
    };

    fn latents(spread: f32) -> Tensor {
        Tensor::new([2, 4], [1.0, -1.0, 1.0, -1.0, spread, -spread, spread, -spread].to_vec()).unwrap()
    }

    fn reference() -> Reference {
        Reference::of(REGIONS, &Face::default().draw(), &latents(1.0).slice(0, 1).unwrap())
    }

    #[test]
    fn each_fault_is_found_and_a_speaking_face_has_none() {
        let face = Face::default().draw();
        let shut = Face { eyes: 0, ..Face::default() }.draw();
        let black = Picture::black(64, 64);
        for (pictures, spread, expected) in [
            (vec![face.clone()], 1.0, vec![]),
            (vec![Face { mouth: 6, shift: 1, ..Face::default() }.draw(), face.clone()], 1.2, vec![]),
            (vec![blurred(&face, 2)], 1.0, vec![Fault::Blurred]),
            (vec![tinted(&face, [50, 0, 0])], 1.0, vec![Fault::Colour]),
            (vec![face.clone(), shut.clone()], 1.0, vec![]),
            (vec![face.clone()], 2.0, vec![Fault::Latents]),
            (vec![face.clone()], 0.3, vec![Fault::Latents]),
        ] {
            let likeness = reference().likeness(&latents(spread), &pictures);
            assert_eq!(faults(&likeness), expected, "{likeness:?}");
            assert_eq!(badness(&likeness) > 1.0, !expected.is_empty(), "{likeness:?}");
        }
        let closed = reference().likeness(&latents(1.0), &[shut.clone(), shut]);
        assert!(faults(&closed).contains(&Fault::EyesClosed), "{closed:?}");
        let dark = reference().likeness(&latents(1.0), &[face, black]);
        assert!(faults(&dark).contains(&Fault::Black), "{dark:?}");
    }

    #[test]
    fn a_portrait_with_closed_eyes_is_not_held_against_the_film() {
        let reference = Reference { eyes: 0.01, ..reference() };
        let shut = Face { eyes: 0, ..Face::default() }.draw();
        assert_eq!(reference.likeness(&latents(1.0), &[shut]).eyes, None);
    }

    #[test]
    fn a_clip_is_rendered_four_times_at_most_and_once_more_where_steps_were_reused() {
        let all: Vec<Try> = tries(false, false).collect();
        assert_eq!(
            all.iter().map(|one| (one.take, one.anchored)).collect::<Vec<_>>(),
            [(0, false), (1, false), (2, false), (0, true)]
        );
        assert_eq!(tries(true, false).count(), 3, "it begins at the portrait anyway");
        let reused: Vec<Try> = tries(false, true).collect();
        assert_eq!(reused[0], Try { take: 0, anchored: false, reused: true });
        assert_eq!(reused[1..], all, "then as if nothing had been reused");
    }

    #[test]
    fn a_mouth_that_clearly_speaks_past_the_sound_is_found_and_chance_is_not() {
        let speech = |frames: usize| -> Vec<f32> {
            (0..frames).map(|i| (i as f32 * 0.9).sin().max(0.0) * (i as f32 * 0.13).cos().abs()).collect()
        };
        for frames in [12, 16, 24, 48, LIP_FRAMES] {
            let speech = speech(frames);
            let late: Vec<f32> = (0..frames).map(|i| 0.1 + 0.4 * speech[i.saturating_sub(1)]).collect();
            assert!(!speaks_past(&late, &speech), "{frames}");
            assert!(!speaks_past(&vec![0.3; frames], &speech), "it never moves, which says nothing");
            assert!(!speaks_past(&late, &vec![0.0; frames]), "silence");
        }
        let speech = speech(LIP_FRAMES);
        let against: Vec<f32> = (0..LIP_FRAMES).map(|i| 0.2 + (i as f32 * 0.17).sin() * 0.1).collect();
        assert!(speaks_past(&against, &speech));
        // A mouth that shuts when the voice rises.
        let slow: Vec<f32> = (0..LIP_FEWEST).map(|i| 0.5 + 0.5 * (i as f32 * 0.3).sin()).collect();
        let turned: Vec<f32> = slow.iter().map(|loud| 0.5 - 0.4 * loud).collect();
        assert!(speaks_past(&turned, &slow));
        assert!(!speaks_past(&turned[1..], &slow[1..]), "too short to tell");
    }
}
