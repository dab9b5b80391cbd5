//! What the speech encoder must know of a whole track before it hears the first sample: mean and variance of the waveform,
//! and of each channel of the first convolution, whose group norm has one group a channel and reaches over all time.
//!
//! The convolution is linear, so both follow from the moments of the waveform's windows: sum and products of the ten samples
//! that the convolution sees at once. A track of any length is surveyed in a few hundred bytes, in double precision.

use shared::{Error, Result};

/// Added to the variance of the waveform, as the published preprocessing does.
const WAVEFORM_EPS: f64 = 1e-7;

/// The window of the first convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) kernel: usize,
    pub(super) stride: usize,
}

/// Moments of a track, as far as it was pushed.
pub(super) struct Statistics {
    window: Window,
    samples: u64,
    sum: f64,
    squares: f64,
    /// Samples from the start of the next window on.
    pending: Vec<f32>,
    windows: u64,
    /// Sum of each place in the windows.
    sums: Vec<f64>,
    /// Sum of the products of each two places, `[kernel, kernel]`.
    products: Vec<f64>,
}

impl Statistics {
    pub(super) fn new(window: Window) -> Self {
        let kernel = window.kernel;
        Self {
            window,
            samples: 0,
            sum: 0.0,
            squares: 0.0,
            pending: Vec::new(),
            windows: 0,
            sums: vec![0.0; kernel],
            products: vec![0.0; kernel * kernel],
        }
    }

    /// Samples pushed.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// Takes the next samples.
    ///
    /// # Errors
    /// Names the sample that is not a number.
    pub(super) fn push(&mut self, samples: &[f32]) -> Result<()> {
        if let Some(bad) = samples.iter().position(|x| !x.is_finite()) {
            return Err(Error::order(format!("audio sample {} is not a number", self.samples + bad as u64))
                .mend("export the speech track again"));
        }
        self.samples += samples.len() as u64;
        for x in samples {
            let x = f64::from(*x);
            self.sum += x;
            self.squares += x * x;
        }
        self.take_windows(samples);
        Ok(())
    }

    fn take_windows(&mut self, samples: &[f32]) {
        let Window { kernel, stride } = self.window;
        self.pending.extend_from_slice(samples);
        let mut at = 0;
        while let Some(window) = self.pending.get(at..at + kernel) {
            for (place, x) in window.iter().enumerate() {
                let x = f64::from(*x);
                self.sums[place] += x;
                // The matrix is symmetric: half of it is enough.
                let row = &mut self.products[place * kernel..][..=place];
                row.iter_mut().zip(window).for_each(|(sum, y)| *sum += x * f64::from(*y));
            }
            self.windows += 1;
            at += stride;
        }
        self.pending.drain(..at.min(self.pending.len()));
    }

    /// Ends the survey. `silence` samples follow the track: zeros after its normalisation, so that they count for the group
    /// norm and not for the normalisation itself.
    ///
    /// # Errors
    /// When there were no samples.
    pub(super) fn finish(mut self, silence: usize) -> Result<Survey> {
        if self.samples == 0 {
            return Err(Error::order("the speech track holds no samples").mend("choose a file with sound"));
        }
        let count = self.samples as f64;
        let mean = self.sum / count;
        let deviation = ((self.squares / count - mean * mean).max(0.0) + WAVEFORM_EPS).sqrt();
        // Zero after the normalisation is the mean before it.
        let piece = vec![mean as f32; silence.min(1 << 16)];
        let mut left = silence;
        while left > 0 {
            let now = left.min(piece.len());
            self.take_windows(&piece[..now]);
            left -= now;
        }
        let kernel = self.window.kernel;
        let windows = (self.windows.max(1)) as f64;
        let means: Vec<f64> = self.sums.iter().map(|sum| (sum / windows - mean) / deviation).collect();
        let mut covariance = vec![0.0; kernel * kernel];
        for (a, b) in (0..kernel).flat_map(|a| (0..=a).map(move |b| (a, b))) {
            let product = self.products[a * kernel + b] / windows;
            let here = (product - self.sums[a] / windows * self.sums[b] / windows) / (deviation * deviation);
            covariance[a * kernel + b] = here;
            covariance[b * kernel + a] = here;
        }
        Ok(Survey { mean, deviation, means, covariance })
    }
}

/// A track, surveyed.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    /// Mean of its samples, without the silence behind it.
    mean: f64,
    /// Their standard deviation, epsilon included.
    deviation: f64,
    /// Mean of each place in the windows of the normalised track.
    means: Vec<f64>,
    /// Covariance of each two places.
    covariance: Vec<f64>,
}

impl Survey {
    /// A sample with zero mean and unit variance.
    pub(super) fn normalised(&self, sample: f32) -> f32 {
        ((f64::from(sample) - self.mean) / self.deviation) as f32
    }

    /// The sample that is zero once it is normalised.
    pub(super) fn silence(&self) -> f32 {
        self.mean as f32
    }

    /// Mean and variance over time of a channel whose weights are `taps`.
    pub(super) fn channel(&self, taps: &[f32]) -> (f64, f64) {
        let kernel = taps.len();
        let mean = taps.iter().zip(&self.means).map(|(w, x)| f64::from(*w) * x).sum();
        let variance: f64 = (0..kernel)
            .flat_map(|a| (0..kernel).map(move |b| (a, b)))
            .map(|(a, b)| f64::from(taps[a]) * f64::from(taps[b]) * self.covariance[a * kernel + b])
            .sum();
        (mean, variance.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { kernel: 10, stride: 5 };

    fn track(count: usize) -> Vec<f32> {
        (0..count).map(|i| 0.3 + 0.5 * (i as f32 * 0.37).sin() + 0.01 * ((i * i) % 17) as f32).collect()
    }

    /// Mean and variance of a channel, straight from the definition.
    fn plain(samples: &[f32], silence: usize, taps: &[f32]) -> (f64, f64) {
        let count = samples.len() as f64;
        let mean = samples.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let variance = samples.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
        let mut normal: Vec<f64> =
            samples.iter().map(|x| (f64::from(*x) - mean) / (variance + WAVEFORM_EPS).sqrt()).collect();
        normal.extend(vec![0.0; silence]);
        let out: Vec<f64> = (0..=(normal.len() - 10) / 5)
            .map(|i| normal[i * 5..][..10].iter().zip(taps).map(|(x, w)| x * f64::from(*w)).sum())
            .collect();
        let mean = out.iter().sum::<f64>() / out.len() as f64;
        (mean, out.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / out.len() as f64)
    }

    #[test]
    fn moments_give_what_the_convolution_would() {
        let taps: Vec<f32> = (0..10).map(|i| (i as f32 * 1.3).cos()).collect();
        for (count, silence, piece) in [(1003, 0, 1003), (1003, 517, 7), (1000, 66_000, 64), (10, 0, 1)] {
            let samples = track(count);
            let mut statistics = Statistics::new(WINDOW);
            samples.chunks(piece).for_each(|piece| statistics.push(piece).unwrap());
            assert!(statistics.pending.len() < WINDOW.kernel);
            let survey = statistics.finish(silence).unwrap();
            let (mean, variance) = survey.channel(&taps);
            let (expected_mean, expected_variance) = plain(&samples, silence, &taps);
            assert!((mean - expected_mean).abs() < 1e-6, "{mean} {expected_mean}");
            assert!(
                (variance - expected_variance).abs() < 1e-6 * (1.0 + expected_variance),
                "{variance} {expected_variance}"
            );
        }
    }

    #[test]
    fn silence_and_nothing_have_no_surprises() {
        let mut still = Statistics::new(WINDOW);
        still.push(&[0.25; 4000]).unwrap();
        let survey = still.finish(0).unwrap();
        assert!(survey.normalised(0.25).abs() < 1e-6);
        assert!(survey.channel(&[1.0; 10]).1 < 1e-6);
        assert!(Statistics::new(WINDOW).finish(0).unwrap_err().to_string().contains("no samples"));
        let mut bad = Statistics::new(WINDOW);
        bad.push(&[0.0; 70]).unwrap();
        assert!(bad.push(&[0.0, f32::NAN]).unwrap_err().to_string().contains("audio sample 71"));
    }
}
