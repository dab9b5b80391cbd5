//! Pauses of the speech, found while a track is decoded.
//!
//! Every 10 ms the power in eight bands from 180 Hz to 5.8 kHz is taken (`bands`). In each band the floor is the least power of
//! the five seconds before and after (minimum statistics, Martin 2001, <https://doi.org/10.1109/89.928915>), so that a steady noise
//! or hum is a floor and not speech; how far the three most prominent bands stand above their floors says whether somebody speaks
//! (`level`). Vowels stand out in the low bands and fricatives in the high ones, so both count. Runs of quiet moments that are
//! long enough are pauses (`runs`); a little of their edges is left to the words, whose beginnings and ends are soft.
//!
//! Samples pass through in pieces of any size, which change nothing about the result. What is held meanwhile are the band powers of
//! ten seconds.

mod bands;
mod level;
mod runs;
#[cfg(test)]
mod tests;

use shared::pauses::{Pauses, RATE};

use bands::{BANDS, Bands};
use level::{Levels, Moment};
use runs::Runs;

/// Samples of a moment: 10 ms.
pub(crate) const HOP: usize = RATE as usize / 100;

/// Finds the pauses of a 16 kHz mono track that is given in pieces.
pub struct Finder {
    bands: Bands,
    /// Sums of squares in the moment that is not full yet, and how many samples it has.
    open: [f64; BANDS],
    filled: usize,
    samples: u64,
    levels: Levels,
    runs: Runs,
}

impl Default for Finder {
    fn default() -> Self {
        Self::new()
    }
}

impl Finder {
    /// A finder at the beginning of a track.
    pub fn new() -> Self {
        Self {
            bands: Bands::new(),
            open: [0.0; BANDS],
            filled: 0,
            samples: 0,
            levels: Levels::new(),
            runs: Runs::new(),
        }
    }

    /// Takes the next samples, in -1 to 1; numbers that are not finite count as silence.
    pub fn push(&mut self, samples: &[f32]) {
        for sample in samples {
            self.bands.add(if sample.is_finite() { f64::from(*sample) } else { 0.0 }, &mut self.open);
            self.filled += 1;
            if self.filled == HOP {
                self.close_moment();
            }
        }
        self.samples += samples.len() as u64;
    }

    fn close_moment(&mut self) {
        let samples = std::mem::take(&mut self.filled) as f64;
        self.bands.settle();
        let powers = std::mem::take(&mut self.open).map(|sum| (sum / samples) as f32);
        if let Some(moment) = self.levels.push(powers) {
            self.runs.push(moment);
        }
    }

    /// What was found in the whole track.
    pub fn finish(mut self) -> Pauses {
        if self.filled > 0 {
            self.close_moment();
        }
        while let Some(moment) = self.levels.drain() {
            self.runs.push(moment);
        }
        self.runs.finish(self.samples)
    }

    /// Numbers held inside: bounded, whatever the length of the track; what was found already is not among them.
    pub fn held(&self) -> usize {
        self.levels.held()
    }
}
