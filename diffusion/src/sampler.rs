//! Guided denoising of one clip.

mod card;
mod dpm;
mod point;
#[cfg(test)]
mod tests;
mod unipc;

pub(crate) use card::Outputs;

use candle_core::{Device, Tensor};
use shared::{
    Error, Result,
    effort::{Effort, Evaluations, Solver, Spent, Step},
    ports::model::Control,
};

use crate::{
    cuda::read,
    known::{ClipNoise, KnownFrames},
    net::unet::{Conditions, Deep, Denoiser},
    pack::manifest::{Prediction, Sampler},
    schedule::{Noise, ddim_step, roots, signal_shares, to_velocity, trailing_steps},
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
    course: Vec<Step>,
    effort: Effort,
    prediction: Prediction,
    relative_scale: f32,
}

/// Whether a clip goes on; asked before each evaluation of the network.
type Ask<'a> = &'a mut dyn FnMut(u32) -> Control;

impl Sampling {
    /// The pack's schedule with `steps` steps and a scale of `guidance` on audio.
    #[cfg(test)]
    pub(crate) fn new(sampler: &Sampler, steps: usize, guidance: f32) -> Self {
        Self::of(sampler, Effort::plain(steps as u32, guidance))
    }

    /// The pack's schedule with what is in effect.
    pub(crate) fn of(sampler: &Sampler, effort: Effort) -> Self {
        let (prediction, relative_scale) = (sampler.prediction, sampler.relative_scale);
        Self { prediction, relative_scale, ..Self::of_velocity_with(sampler.into(), effort) }
    }

    /// A schedule for a network that predicts velocities.
    pub(crate) fn of_velocity(noise: Noise, steps: usize, guidance: f32) -> Self {
        Self::of_velocity_with(noise, Effort::plain(steps as u32, guidance))
    }

    /// A schedule for a network that predicts velocities, with what is in effect.
    pub(crate) fn of_velocity_with(noise: Noise, effort: Effort) -> Self {
        let steps = trailing_steps(noise.train_steps, effort.steps as usize);
        Self {
            course: effort.course(&steps, noise.train_steps),
            shares: signal_shares(noise),
            effort,
            prediction: Prediction::VPrediction,
            relative_scale: 0.0,
        }
    }

    /// What a clip takes.
    pub(crate) fn spent(&self) -> Spent {
        Spent { effort: self.effort, evaluations: Evaluations::of(&self.course) }
    }

    /// Whether some steps reuse what the deep layers made at an earlier one.
    pub(crate) fn reuses(&self) -> bool {
        self.course.iter().any(|step| !step.whole)
    }

    /// The same with the whole network in every step.
    pub(crate) fn whole(&self) -> Self {
        let course = self.course.iter().map(|step| Step { whole: true, ..*step }).collect();
        Self { course, effort: Effort { reuse: 1, ..self.effort }, ..self.clone() }
    }

    /// Denoises the latents of a clip; `predict` gives the network's guided output for latents at a step, and `step` is asked before each
    /// call of it.
    ///
    /// Frames of which something is known are put back between two steps, which no solver may look beyond: they are denoised by DDIM with
    /// the whole network.
    ///
    /// # Errors
    /// When stopped, or when `predict` fails.
    pub(crate) fn run<'a>(
        &self,
        start: impl Into<Start<'a>>,
        step: Ask<'_>,
        mut predict: impl FnMut(&[f32], Step) -> candle_core::Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let mut calls = 0;
        let mut asked = |x: &[f32], at: Step| {
            if step(calls) == Control::Stop {
                return Err(Error::stopped());
            }
            calls += 1;
            predict(x, at).map_err(failed)
        };
        match start.into() {
            Start::Known(known) => self.around(known, asked),
            Start::Noise(noise) => {
                let mut shares: Vec<f64> = self.course.iter().map(|step| self.shares[step.t]).collect();
                shares.push(1.0);
                let clean = |x: &[f32], i: usize| {
                    let mut output = asked(x, self.course[i])?;
                    self.to_clean(&mut output, x, shares[i]);
                    Ok(output)
                };
                match self.effort.solver {
                    Solver::Dpm => dpm::dpm(noise, &shares, clean),
                    Solver::Unipc => unipc::unipc(noise, &shares, clean),
                    Solver::Ddim => self.ddim(noise, &shares, |x, i| asked(x, self.course[i])),
                }
            }
        }
    }

    /// DDIM with eta 0, on the network's own output.
    fn ddim(
        &self,
        mut x: Vec<f32>,
        shares: &[f64],
        mut predict: impl FnMut(&[f32], usize) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        for (i, pair) in shares.windows(2).enumerate() {
            let mut v = predict(&x, i)?;
            to_velocity(&mut v, &x, pair[0], self.prediction);
            ddim_step(&mut x, &v, pair[0], pair[1]);
        }
        Ok(x)
    }

    /// DDIM around what is known. A step that starts from noise alone is never taken back: nothing would be left of it.
    fn around(
        &self,
        known: &KnownFrames,
        mut predict: impl FnMut(&[f32], Step) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let steps = known.steps(self.shares.len());
        let course = Effort { reuse: 1, ..self.effort }.course(&steps, self.shares.len());
        let mut x = known.begin(steps.first().map_or(1.0, |t| self.shares[*t]));
        let mut rounds = 0;
        for (index, at) in course.iter().enumerate() {
            let (share, next) = (self.shares[at.t], course.get(index + 1).map_or(1.0, |next| self.shares[next.t]));
            let again = if share > 0.0 { known.jumps() } else { 0 };
            for time in 0..=again {
                if time > 0 {
                    known.jump_back(&mut x, next, share, rounds);
                }
                known.hold(&mut x, share);
                let mut v = predict(&x, *at)?;
                to_velocity(&mut v, &x, share, self.prediction);
                ddim_step(&mut x, &v, share, next);
                rounds += 1;
            }
        }
        known.settle(&mut x);
        Ok(x)
    }

    /// Turns the network's `output` for latents `x` at signal share `a` into the clean latent that it stands for.
    fn to_clean(&self, output: &mut [f32], x: &[f32], a: f64) {
        if self.prediction == Prediction::VPrediction {
            let (signal, noise) = roots(a);
            for (v, x) in output.iter_mut().zip(x) {
                *v = signal * x - noise * *v;
            }
        }
    }

    /// Whether the blind side of guidance counts: at a scale of exactly 1 it has no weight and is not computed.
    pub(crate) fn is_guided(&self) -> bool {
        self.effort.is_guided()
    }

    /// Guides `heard`, the output for what is to be drawn, away from `blind`: `blind + guidance (heard - blind)`.
    pub(crate) fn guide(&self, heard: &mut [f32], blind: &[f32]) {
        for (v, blind) in heard.iter_mut().zip(blind) {
            *v = blind + self.effort.guidance * (*v - blind);
        }
    }

    /// The steps, the first one first.
    pub(crate) fn course(&self) -> &[Step] {
        &self.course
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
        step: Ask<'_>,
    ) -> Result<Vec<f32>> {
        let (mut deep, start) = (Deep::default(), start.into());
        if denoiser.is_on_card()
            && self.stays_on_card(&start)
            && let Start::Noise(noise) = start
        {
            return self.run_on_card(noise, shape, step, |x, at| {
                let out = denoiser.step(x, at, given, &mut deep)?;
                let frames = shape[0];
                let blind = at.guided.then(|| out.narrow(0, frames, frames)).transpose()?;
                Ok((out.narrow(0, 0, frames)?, blind))
            });
        }
        self.run(start, step, |x, at| self.predict(denoiser, x, shape, at, given, &mut deep))
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

    /// The network's output o at a step, guided where guidance holds: `o_blind + guidance (o_audio - o_blind)`. What its deep layers made is
    /// kept in `deep`, or taken from there.
    pub(crate) fn predict(
        &self,
        denoiser: &Denoiser,
        x: &[f32],
        shape: [usize; 4],
        at: Step,
        given: &Conditions,
        deep: &mut Deep,
    ) -> candle_core::Result<Vec<f32>> {
        let [f, height, width, c] = shape;
        let noisy = Tensor::from_slice(x, (f, height, width, c), &Device::Cpu)?;
        let mut v = read(&denoiser.step(&noisy, at, given, deep)?)?;
        if at.guided {
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
