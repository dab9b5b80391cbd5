//! A bank of band-pass filters, and the power that passes each.

use std::f64::consts::TAU;

use shared::pauses::RATE;

/// How many bands there are.
pub(super) const BANDS: usize = 8;

/// Middles of the bands in Hz, about as far apart from one another as the ear's own: the first formants, then what fricatives are
/// made of. Rumble and the hum of mains lie below.
const MIDDLES: [f64; BANDS] = [180.0, 320.0, 560.0, 900.0, 1500.0, 2400.0, 3800.0, 5800.0];

/// Middle over width of each band; neighbours meet at about half their power.
const QUALITY: f64 = 1.8;

/// The filters with what they remember, one number for each band in every array, so that all bands advance together.
pub(super) struct Bands {
    /// Gain of the newest sample; that of the one before the last is its negative.
    gain: [f64; BANDS],
    /// Weights of the last and the one before the last output.
    back: [[f64; BANDS]; 2],
    inputs: [f64; 2],
    outputs: [[f64; BANDS]; 2],
}

impl Bands {
    /// Second-order band-pass filters with a gain of 1 in the middle of the band (Audio EQ Cookbook,
    /// <https://www.w3.org/TR/audio-eq-cookbook/>), before the first sample.
    pub(super) fn new() -> Self {
        let angle = MIDDLES.map(|middle| TAU * middle / f64::from(RATE));
        let alpha = angle.map(|angle| angle.sin() / (2.0 * QUALITY));
        let mut new = Self {
            gain: alpha.map(|alpha| alpha / (1.0 + alpha)),
            back: [[0.0; BANDS]; 2],
            inputs: [0.0; 2],
            outputs: [[0.0; BANDS]; 2],
        };
        for band in 0..BANDS {
            new.back[0][band] = 2.0 * angle[band].cos() / (1.0 + alpha[band]);
            new.back[1][band] = (alpha[band] - 1.0) / (1.0 + alpha[band]);
        }
        new
    }

    /// Passes one sample through and adds the square of what comes out of each band to `sums`.
    pub(super) fn add(&mut self, sample: f64, sums: &mut [f64; BANDS]) {
        let [last, before] = self.outputs;
        let input = sample - self.inputs[1];
        let mut output = [0.0; BANDS];
        for band in 0..BANDS {
            output[band] =
                self.gain[band] * input + self.back[0][band] * last[band] + self.back[1][band] * before[band];
            sums[band] += output[band] * output[band];
        }
        self.outputs = [output, last];
        self.inputs = [sample, self.inputs[0]];
    }

    /// Ends what has died away; called now and then, since numbers that are next to nothing slow a processor down.
    pub(super) fn settle(&mut self) {
        for output in self.outputs.as_flattened_mut() {
            *output = if output.abs() < 1e-15 { 0.0 } else { *output };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_passes_its_own_band_and_no_far_one() {
        for (own, middle) in MIDDLES.into_iter().enumerate() {
            let (mut bands, mut sums) = (Bands::new(), [0.0; BANDS]);
            for n in 0..RATE {
                bands.add((TAU * middle * f64::from(n) / f64::from(RATE)).sin(), &mut sums);
            }
            let powers = sums.map(|sum| sum / f64::from(RATE));
            assert!((powers[own] - 0.5).abs() < 0.01, "{middle} Hz: {powers:?}");
            for (band, power) in powers.into_iter().enumerate().filter(|(band, _)| band.abs_diff(own) > 1) {
                assert!(power < 0.06, "{middle} Hz in band {band}: {powers:?}");
            }
        }
    }
}
