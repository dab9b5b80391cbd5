//! Log-mel frames of speech, computed as samples arrive.
//!
//! Frame k is centred on sample `hop * k`; samples outside of the stream are zeros; N samples have `N / hop + 1` frames.
//! Power spectrum of a periodic Hann window, triangles on the HTK mel scale (2595 log10(1 + f / 700)) without area
//! normalisation, natural logarithm of the power but at least `floor`, then `(x - mean) / std`.

use std::{collections::VecDeque, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use crate::pack::manifest::Audio;

/// The analysis of one frame.
pub(crate) struct LogMel {
    audio: Audio,
    window: Vec<f64>,
    /// For each band the first bin and the weights from there on.
    bands: Vec<(usize, Vec<f64>)>,
    fft: Arc<dyn RealToComplex<f64>>,
}

impl LogMel {
    /// The analysis that `audio` describes.
    pub(crate) fn new(audio: &Audio) -> Self {
        let turn = |i: usize| std::f64::consts::TAU * i as f64 / audio.window as f64;
        Self {
            window: (0..audio.window).map(|i| 0.5 - 0.5 * libm::cos(turn(i))).collect(),
            bands: bands(audio),
            // Double precision, so that rounding to single hides on which machine it ran, nearly always.
            fft: RealFftPlanner::new().plan_fft_forward(audio.n_fft),
            audio: audio.clone(),
        }
    }

    /// The frame around the middle of `samples`, which are as many as the window is long.
    fn frame(&self, samples: impl Iterator<Item = f32>) -> Vec<f32> {
        let mut input = self.fft.make_input_vec();
        for ((x, window), sample) in input.iter_mut().zip(&self.window).zip(samples) {
            // Where the window lies in the transform turns phases only, which the power does not see.
            *x = window * f64::from(sample);
        }
        let mut spectrum = self.fft.make_output_vec();
        // The buffers were made by the plan itself.
        self.fft.process(&mut input, &mut spectrum).expect("buffers of the plan fit the plan");
        let power: Vec<f64> = spectrum.iter().map(Complex::norm_sqr).collect();
        let level = |(first, weights): &(usize, Vec<f64>)| {
            let sum: f64 = weights.iter().zip(&power[*first..]).map(|(weight, power)| weight * power).sum();
            let log = libm::log(sum.max(f64::from(self.audio.floor))) as f32;
            (log - self.audio.mean) / self.audio.std
        };
        self.bands.iter().map(level).collect()
    }
}

/// Triangles between equal steps of the mel scale.
fn bands(audio: &Audio) -> Vec<(usize, Vec<f64>)> {
    let mel = |hz: f64| 2595.0 * libm::log10(1.0 + hz / 700.0);
    let hz = |mel: f64| 700.0 * (libm::pow(10.0, mel / 2595.0) - 1.0);
    let (low, high) = (mel(audio.fmin), mel(audio.fmax));
    let edge = |i: usize| hz(low + (high - low) * i as f64 / (audio.mels + 1) as f64);
    let bin = |i: usize| i as f64 * f64::from(audio.sample_rate) / audio.n_fft as f64;
    let weight = |band: usize, i: usize| {
        let (left, centre, right) = (edge(band), edge(band + 1), edge(band + 2));
        ((bin(i) - left) / (centre - left)).min((right - bin(i)) / (right - centre)).max(0.0)
    };
    let band = |band: usize| {
        let weights: Vec<f64> = (0..=audio.n_fft / 2).map(|i| weight(band, i)).collect();
        let first = weights.iter().position(|w| *w > 0.0).unwrap_or(0);
        let end = weights.iter().rposition(|w| *w > 0.0).map_or(first, |last| last + 1);
        (first, weights[first..end].to_vec())
    };
    (0..audio.mels).map(band).collect()
}

/// Samples on their way to log-mel frames; keeps one window of them.
pub(crate) struct MelStream {
    mel: LogMel,
    /// Samples from `start` on; those before the stream are zeros.
    kept: VecDeque<f32>,
    start: i64,
    /// Samples that came in so far.
    samples: u64,
    /// Frames that went out so far.
    frames: u64,
}

impl MelStream {
    /// A stream at its beginning.
    pub(crate) fn new(mel: LogMel) -> Self {
        let half = mel.audio.window / 2;
        Self { kept: VecDeque::from(vec![0.0; half]), start: -(half as i64), samples: 0, frames: 0, mel }
    }

    /// Samples that came in so far.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// Takes samples and gives all frames that are complete with them, row after row.
    pub(crate) fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        self.kept.extend(samples);
        self.samples += samples.len() as u64;
        let mut rows = Vec::new();
        while self.first() + self.mel.audio.window <= self.kept.len() {
            rows.extend(self.next());
        }
        rows
    }

    /// The frames that are left when the stream has ended.
    pub(crate) fn finish(&mut self) -> Vec<f32> {
        let frames = self.samples / self.mel.audio.hop as u64 + 1;
        self.kept.extend(std::iter::repeat_n(0.0, self.mel.audio.window));
        let mut rows = Vec::new();
        while self.frames < frames {
            rows.extend(self.next());
        }
        rows
    }

    /// Place of the next frame's first sample among those kept.
    fn first(&self) -> usize {
        let audio = &self.mel.audio;
        let first = self.frames as i64 * audio.hop as i64 - (audio.window / 2) as i64;
        (first - self.start) as usize
    }

    fn next(&mut self) -> Vec<f32> {
        let (first, window) = (self.first(), self.mel.audio.window);
        let row = self.mel.frame(self.kept.range(first..first + window).copied());
        self.frames += 1;
        let done = self.first().min(self.kept.len());
        self.kept.drain(..done);
        self.start += done as i64;
        row
    }
}
