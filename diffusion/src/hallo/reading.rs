//! Which reference features each frame reads: as the published program does, or as it was meant.
//!
//! The published program runs the `ReferenceNet` on the portrait and the motion frames twice, once for each side of
//! guidance. Its samples are `[portrait, motion 1, motion 2, portrait, motion 1, motion 2]`; face tokens are handed out to them in turn, blind
//! ones (of an embedding of zeros) to even samples, seeing ones to odd samples, instead of the first half and the second. Then, where a frame looks up its
//! side's portrait, an axis is missing, and frame after frame takes the portrait of one side and of the other in turn.

use shared::job::ReferenceReading;

/// Whose face tokens a sample of the `ReferenceNet` was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tokens {
    /// Those of an embedding of zeros.
    Blind,
    /// Those of the portrait's face.
    Seeing,
}

/// A side of guidance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Sees nothing.
    Blind,
    /// Sees everything.
    Seeing,
}

/// The tokens of sample `sample` of `samples` of a side.
fn tokens(reading: ReferenceReading, side: Side, sample: usize, samples: usize) -> Tokens {
    let seeing = match reading {
        ReferenceReading::Corrected => side == Side::Seeing,
        ReferenceReading::Published => (usize::from(side == Side::Seeing) * samples + sample) % 2 == 1,
    };
    if seeing { Tokens::Seeing } else { Tokens::Blind }
}

/// The portraits that the frames of the seeing side read: frame i reads entry `i mod m`. There are `frames` in a clip and
/// `motion` motion frames before it.
pub(crate) fn portraits(reading: ReferenceReading, frames: usize, motion: usize) -> Vec<Tokens> {
    let of_side = |side| tokens(reading, side, 0, motion + 1);
    match reading {
        ReferenceReading::Corrected => vec![of_side(Side::Seeing)],
        // The seeing side's frames come after the blind side's; the turn goes on.
        ReferenceReading::Published => {
            let sides = [Side::Blind, Side::Seeing];
            (0..2).map(|frame| of_side(sides[(frames + frame) % 2])).collect()
        }
    }
}

/// The tokens with which a side's motion frames are read.
pub(crate) fn motion(reading: ReferenceReading, side: Side, motion: usize) -> Vec<Tokens> {
    (1..=motion).map(|sample| tokens(reading, side, sample, motion + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Tokens::*, *};

    #[test]
    fn the_published_program_mixes_both_sides() {
        // Measured with the published modules: samples 0 to 5 were made with blind and seeing tokens in turn; even
        // frames read sample 0, odd ones sample 3.
        let published = ReferenceReading::Published;
        assert_eq!(portraits(published, 16, 2), [Blind, Seeing]);
        assert_eq!(motion(published, Side::Blind, 2), [Seeing, Blind]);
        assert_eq!(motion(published, Side::Seeing, 2), [Blind, Seeing]);
        // With an odd number of frames the other side comes first; with an odd number of motion frames both portraits
        // were made with blind tokens.
        assert_eq!(portraits(published, 15, 2), [Seeing, Blind]);
        assert_eq!(portraits(published, 16, 1), [Blind, Blind]);
    }

    #[test]
    fn the_corrected_reading_keeps_the_sides_apart() {
        let corrected = ReferenceReading::Corrected;
        assert_eq!(portraits(corrected, 16, 2), [Seeing]);
        assert_eq!(motion(corrected, Side::Blind, 2), [Blind, Blind]);
        assert_eq!(motion(corrected, Side::Seeing, 2), [Seeing, Seeing]);
    }
}
