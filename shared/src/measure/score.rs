//! The figures of one film.

use super::{
    film::Measured,
    numbers::{Follows, follows, mean, quantile},
};

/// A mouth whose opening is less than this part of the widest counts as shut.
const SHUT: f64 = 0.06;

/// Loudness up to which nobody speaks: -54 dB of full scale.
const HUSH: f64 = 0.1;

/// Frames on either side that must be silent too: lips close after the sound has ended, and part before it begins.
const AROUND: usize = 5;

/// Likeness of the eyes below which a blink begins, and above which it has ended.
const BLINK: (f64, f64) = (0.5, 0.7);

/// Likeness of the eyes below which lids disturb the tracking of the head.
const STEADY: f64 = 0.6;

/// What is known of a film frame by frame.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// True opening of each frame; nothing for recorded speech.
    pub opening: Option<Vec<f64>>,
    /// Loudness of each frame as [`crate::quality::SpeechMeter`] has it.
    pub loudness: Vec<f64>,
    /// For each frame whether the mouth is shut because nobody speaks; where that is not known, it is told from the loudness.
    pub silent: Option<Vec<bool>>,
    /// Frames a second.
    pub fps: f64,
}

/// The figures of a film.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Score {
    /// Frames that were measured.
    pub frames: usize,
    /// The mouth's opening against the truth.
    pub mouth: Option<Follows>,
    /// The mouth's opening against the loudness.
    pub energy: Option<Follows>,
    /// Share of silent frames in which the mouth is shut; nothing where no frame is silent.
    pub shut: Option<f64>,
    /// Mean colour error of the face outside of mouth and eyes, 0 to 255.
    pub identity: f64,
    /// The highest of a frame.
    pub identity_worst: f64,
    /// Mean change of the background from frame to frame, 0 to 255.
    pub background: f64,
    /// Root of the mean square of the head's degrees a frame, blinks left out.
    pub speed: f64,
    /// Blinks a minute.
    pub blinks: Option<f64>,
    /// Sharpness of the face over that of the portrait.
    pub sharpness: f64,
    /// Sharpness of the last fifth over that of the first, less 1.
    pub sharpness_drift: f64,
    /// Distance of the face's colour from the portrait's in the last fifth less that in the first, 0 to 1.
    pub colour_drift: f64,
}

impl Score {
    /// The figures of frames that follow one another from the first of the film on.
    pub fn of(frames: &[Measured], truth: &Truth) -> Self {
        let all = |of: fn(&Measured) -> f64| frames.iter().map(of).collect::<Vec<f64>>();
        let opening = all(|frame| frame.opening);
        let (identity, sharpness, colour) = (all(|f| f.identity), all(|f| f.sharpness), all(|f| f.colour));
        let background: Vec<f64> = frames.iter().filter_map(|frame| frame.background).collect();
        let fifth = (frames.len() / 5).max(1).min(frames.len());
        let ends = |x: &[f64]| (mean(&x[..fifth]), mean(&x[x.len() - fifth..]));
        let (sharp, tint) = (ends(&sharpness), ends(&colour));
        Self {
            frames: frames.len(),
            mouth: truth.opening.as_ref().and_then(|truth| follows(&opening, truth)),
            energy: follows(&opening, &truth.loudness),
            shut: shut(&opening, truth),
            identity: mean(&identity),
            identity_worst: quantile(&identity, 1.0),
            background: mean(&background),
            speed: speed(frames),
            blinks: blinks(frames, truth.fps),
            sharpness: mean(&sharpness),
            sharpness_drift: sharp.1 / sharp.0.max(1e-9) - 1.0,
            colour_drift: tint.1 - tint.0,
        }
    }
}

fn shut(opening: &[f64], truth: &Truth) -> Option<f64> {
    let widest = truth.opening.as_ref().map_or_else(|| quantile(opening, 0.95), |truth| quantile(truth, 1.0));
    let silent = truth.silent.clone().unwrap_or_else(|| hush(&truth.loudness));
    let shut: Vec<f64> = opening
        .iter()
        .zip(silent)
        .filter(|(_, silent)| *silent)
        .map(|(x, _)| f64::from(u8::from(*x < SHUT * widest)))
        .collect();
    (!shut.is_empty()).then(|| mean(&shut))
}

/// Frames in the middle of silence.
fn hush(loudness: &[f64]) -> Vec<bool> {
    let quiet = |at: usize| {
        let around = at.saturating_sub(AROUND)..(at + AROUND + 1).min(loudness.len());
        loudness[around].iter().all(|level| *level <= HUSH)
    };
    (0..loudness.len()).map(quiet).collect()
}

fn speed(frames: &[Measured]) -> f64 {
    let steady = |frame: &Measured| frame.eyes.is_none_or(|eyes| eyes > STEADY);
    let steps = frames.windows(2).filter(|two| two.iter().all(steady));
    let squares: Vec<f64> = steps.map(|two| two[0].turn.degrees_to(&two[1].turn).powi(2)).collect();
    mean(&squares).sqrt()
}

fn blinks(frames: &[Measured], fps: f64) -> Option<f64> {
    let (mut count, mut shut) = (0_u32, false);
    for frame in frames {
        let eyes = frame.eyes?;
        if !shut && eyes < BLINK.0 {
            (count, shut) = (count + 1, true);
        } else if eyes > BLINK.1 {
            shut = false;
        }
    }
    (!frames.is_empty()).then(|| f64::from(count) * 60.0 * fps / frames.len() as f64)
}

#[cfg(test)]
mod tests;
