//! Guided denoising of one clip.

use candle_core::{Device, Tensor};
use shared::{Error, Frames, Result, noise, ports::model::Control};

use crate::{
    net::unet::{Conditions, Denoiser},
    pack::manifest::{Prediction, Sampler},
    schedule::{Noise, ddim_step, signal_shares, to_velocity, trailing_steps},
};

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

    /// Denoises latents that start as `noise`; `predict` gives the network's guided output for latents at a diffusion
    /// step, and `step` is asked before each.
    ///
    /// # Errors
    /// When stopped, or when `predict` fails.
    pub(crate) fn run(
        &self,
        noise: Vec<f32>,
        step: &mut dyn FnMut(u32) -> Control,
        mut predict: impl FnMut(&[f32], usize) -> candle_core::Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let mut x = noise;
        for (index, t) in self.steps.iter().enumerate() {
            if step(index as u32) == Control::Stop {
                return Err(Error::stopped());
            }
            let mut v = predict(&x, *t).map_err(failed)?;
            to_velocity(&mut v, &x, self.shares[*t], self.prediction);
            let next = self.steps.get(index + 1).map_or(1.0, |t| self.shares[*t]);
            ddim_step(&mut x, &v, self.shares[*t], next);
        }
        Ok(x)
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

    /// Denoises latents `[f, s, s, c]` that start as noise; `step` is asked before each step.
    ///
    /// # Errors
    /// When stopped, or when an operator of the network fails.
    pub(crate) fn denoise(
        &self,
        denoiser: &Denoiser,
        noise: Vec<f32>,
        shape: [usize; 4],
        given: &Conditions,
        step: &mut dyn FnMut(u32) -> Control,
    ) -> Result<Vec<f32>> {
        self.run(noise, step, |x, t| self.predict(denoiser, x, shape, t, given))
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

/// The noise of a clip as `[f, s, s, c]`, each frame a function of the seed, the take and its place in the film.
pub(crate) fn clip_noise(
    seed: u64,
    take: u32,
    frames: Frames,
    [c, height, width]: [usize; 3],
    shared: f64,
) -> Vec<f32> {
    let pixels = height * width;
    let mut frame_noise = vec![0.0; c * pixels];
    let mut all = Vec::with_capacity(frames.len() as usize * c * pixels);
    for frame in frames.start..frames.end {
        noise::mixed(seed, take, frame, shared, &mut frame_noise);
        // Drawn channel by channel, laid down pixel by pixel.
        all.extend(
            (0..pixels).flat_map(|pixel| (0..c).map(move |channel| channel * pixels + pixel)).map(|i| frame_noise[i]),
        );
    }
    all
}

/// An operator of the network failed: the machine ran out of something, or a pack slipped through its checks.
pub(crate) fn failed(error: candle_core::Error) -> Error {
    Error::world("the network cannot be computed").from_source(error)
}
