//! The audio encoder of the test pattern: a level meter.

use shared::{Error, Fps, Result, Tensor, ports::model::AudioEncoder};

use super::{
    WIDTH,
    mark::{digits, fold},
};

const RATE: u128 = 16_000;

/// Measures level and checksum of the samples that fall into each frame; holds sums only.
pub(super) struct LevelMeter {
    fps: Fps,
    frame: u64,
    sample: u64,
    square: f64,
    sum: u64,
}

impl LevelMeter {
    pub(super) fn new(fps: Fps) -> Self {
        Self { fps, frame: 0, sample: 0, square: 0.0, sum: 0 }
    }

    /// The first sample after `frame`.
    fn end(&self, frame: u64) -> u64 {
        let samples = (u128::from(frame) + 1) * u128::from(self.fps.den()) * RATE;
        u64::try_from(samples.div_ceil(u128::from(self.fps.num()))).unwrap_or(u64::MAX)
    }

    fn add(&mut self, sample: f32, rows: &mut Vec<f32>) {
        let value = (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
        self.square += (f64::from(value) / 32_767.0).powi(2);
        self.sum = fold(self.sum, &value.to_le_bytes());
        self.sample += 1;
        if self.sample == self.end(self.frame) {
            rows.extend(self.row());
        }
    }

    /// Features of the current frame; goes on to the next.
    fn row(&mut self) -> [f32; WIDTH] {
        let start = if self.frame == 0 { 0 } else { self.end(self.frame - 1) };
        let level = (self.square / (self.end(self.frame) - start) as f64).sqrt();
        let row = [(level * 1000.0).round() as f32, digits(self.sum)[0], self.fps.nominal() as f32];
        (self.frame, self.square, self.sum) = (self.frame + 1, 0.0, 0);
        row
    }
}

impl AudioEncoder for LevelMeter {
    fn push(&mut self, samples: &[f32]) -> Result<Tensor> {
        let mut rows = Vec::new();
        if let Some(bad) = samples.iter().position(|x| !x.is_finite()) {
            return Err(Error::order(format!("audio sample {} is not a number", self.sample + bad as u64)));
        }
        for sample in samples {
            self.add(*sample, &mut rows);
        }
        Tensor::new([rows.len() / WIDTH, WIDTH], rows)
    }

    fn finish(mut self: Box<Self>, frames: u64) -> Result<Tensor> {
        let mut rows = Vec::new();
        while self.frame < frames {
            self.add(0.0, &mut rows);
        }
        Tensor::new([rows.len() / WIDTH, WIDTH], rows)
    }
}
