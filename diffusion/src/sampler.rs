//! Guided denoising of one clip.

use candle_core::{Device, Tensor};
use shared::{Error, Result, ports::model::Control};

use crate::{
    known::{ClipNoise, KnownFrames},
    net::unet::{Conditions, Denoiser},
    pack::manifest::{Prediction, Sampler},
    schedule::{Noise, ddim_step, signal_shares, to_velocity, trailing_steps},
};

/// What the denoising of a clip starts from.
#[derive(Debug)]
pub(crate) enum Start<'a> {
    /// Noise alone, `[f, s, s, c]`.
    Noise(Vec<f32>),
    /// Frames of which something is known.
    Known(&'a KnownFrames),
}

impl From<Vec<f32>> for Start<'_> {
    fn from(noise: Vec<f32>) -> Self {
        Self::Noise(noise)
    }
}

impl<'a> Start<'a> {
    /// What is known, or else noise.
    pub(crate) fn of(known: Option<&'a KnownFrames>, noise: &ClipNoise) -> Self {
        known.map_or_else(|| Self::Noise(noise.first()), Self::Known)
    }
}

/// How a clip is denoised.
#[derive(Clone, Debug)]
pub(crate) struct Sampling {
    shares: Vec<f64>,
    steps: Vec<usize>,
    guidance: f32,
    prediction: Prediction,
    relative_scale: f32,
}

impl Sampling {
    /// The pack's schedule with `steps` steps and a scale of `guidance` on audio.
    pub(crate) fn new(sampler: &Sampler, steps: usize, guidance: f32) -> Self {
        let relative_scale = sampler.relative_scale;
        Self { prediction: sampler.prediction, relative_scale, ..Self::of_velocity(sampler.into(), steps, guidance) }
    }

    /// A schedule for a network that predicts velocities.
    pub(crate) fn of_velocity(noise: Noise, steps: usize, guidance: f32) -> Self {
        Self {
            steps: trailing_steps(noise.train_steps, steps),
            shares: signal_shares(noise),
            guidance,
            prediction: Prediction::VPrediction,
            relative_scale: 0.0,
        }
    }

    /// Denoises the latents of a clip; `predict` gives the network's guided output for latents at a diffusion
    /// step, and `step` is asked before each call of it.
    ///
    /// A step that starts from noise alone is never taken back: nothing would be left of it.
    ///
    /// # Errors
    /// When stopped, or when `predict` fails.
    pub(crate) fn run<'a>(
        &self,
        start: impl Into<Start<'a>>,
        step: &mut dyn FnMut(u32) -> Control,
        mut predict: impl FnMut(&[f32], usize) -> candle_core::Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let (steps, mut x, known) = self.begin(start.into());
        let mut calls = 0;
        for (index, t) in steps.iter().enumerate() {
            let (share, next) = (self.shares[*t], steps.get(index + 1).map_or(1.0, |t| self.shares[*t]));
            let again = known.filter(|_| share > 0.0).map_or(0, KnownFrames::jumps);
            for time in 0..=again {
                if let Some(known) = known {
                    if time > 0 {
                        known.jump_back(&mut x, next, share, calls);
                    }
                    known.hold(&mut x, share);
                }
                if step(calls) == Control::Stop {
                    return Err(Error::stopped());
                }
                let mut v = predict(&x, *t).map_err(failed)?;
                to_velocity(&mut v, &x, share, self.prediction);
                ddim_step(&mut x, &v, share, next);
                calls += 1;
            }
        }
        if let Some(known) = known {
            known.settle(&mut x);
        }
        Ok(x)
    }

    /// The diffusion steps of a clip, what the first one denoises, and what is held meanwhile.
    fn begin<'a>(&self, start: Start<'a>) -> (Vec<usize>, Vec<f32>, Option<&'a KnownFrames>) {
        match start {
            Start::Noise(noise) => (self.steps.clone(), noise, None),
            Start::Known(known) => {
                let steps = known.steps(self.shares.len());
                let share = steps.first().map_or(1.0, |t| self.shares[*t]);
                (steps, known.begin(share), Some(known))
            }
        }
    }

    /// Whether the blind side of guidance counts: at a scale of exactly 1 it has no weight and is not computed.
    pub(crate) fn is_guided(&self) -> bool {
        (self.guidance - 1.0).abs() > f32::EPSILON
    }

    /// Guides `heard`, the output for what is to be drawn, away from `blind`: `blind + guidance (heard - blind)`.
    pub(crate) fn guide(&self, heard: &mut [f32], blind: &[f32]) {
        for (v, blind) in heard.iter_mut().zip(blind) {
            *v = blind + self.guidance * (*v - blind);
        }
    }

    /// The diffusion steps, the first one first.
    pub(crate) fn steps(&self) -> &[usize] {
        &self.steps
    }

    /// The signal share of each diffusion step of the training.
    pub(crate) fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Denoises latents `[f, s, s, c]`; `step` is asked before each step.
    ///
    /// # Errors
    /// When stopped, or when an operator of the network fails.
    pub(crate) fn denoise<'a>(
        &self,
        denoiser: &Denoiser,
        start: impl Into<Start<'a>>,
        shape: [usize; 4],
        given: &Conditions,
        step: &mut dyn FnMut(u32) -> Control,
    ) -> Result<Vec<f32>> {
        self.run(start, step, |x, t| self.predict(denoiser, x, shape, t, given))
    }

    /// Takes the portrait's latent `[s, s, c]` off every frame, if the network draws changes only: what [`Self::onto_portrait`] undoes.
    pub(crate) fn off_portrait(&self, latents: &mut [f32], portrait: &[f32]) {
        if self.relative_scale > 0.0 {
            for (x, portrait) in latents.iter_mut().zip(portrait.iter().cycle()) {
                *x = (*x - portrait) / self.relative_scale;
            }
        }
    }

    /// Adds the portrait's latent `[s, s, c]` to every frame of what was denoised, if the network draws changes only.
    pub(crate) fn onto_portrait(&self, latents: &mut [f32], portrait: &[f32]) {
        if self.relative_scale > 0.0 {
            for (x, portrait) in latents.iter_mut().zip(portrait.iter().cycle()) {
                *x = portrait + self.relative_scale * *x;
            }
        }
    }

    /// The network's output o at diffusion step `t`, guided: `o_blind + guidance (o_audio - o_blind)`.
    pub(crate) fn predict(
        &self,
        denoiser: &Denoiser,
        x: &[f32],
        shape: [usize; 4],
        t: usize,
        given: &Conditions,
    ) -> candle_core::Result<Vec<f32>> {
        let [f, height, width, c] = shape;
        let noisy = Tensor::from_slice(x, (f, height, width, c), &Device::Cpu)?;
        let guided = self.is_guided();
        let mut v = denoiser.forward(&noisy, t, given, guided)?.flatten_all()?.to_vec1::<f32>()?;
        if guided {
            let blind = v.split_off(x.len());
            self.guide(&mut v, &blind);
        }
        Ok(v)
    }
}

/// An operator of the network failed: the machine ran out of something, or a pack slipped through its checks.
pub(crate) fn failed(error: candle_core::Error) -> Error {
    Error::world("the network cannot be computed").from_source(error)
}
