//! Frames of a clip that are known before it is denoised.
//!
//! Frames that are held are noised to the level of each step and put back before it (`RePaint`, Lugmayr et al., arXiv 2201.09865,
//! section 4.1). They are noised with their own noise, the one that the clip starts from, at every level: this is the path that
//! deterministic DDIM steps take when the network predicts the known latent, so that nothing jitters from step to step. Free frames start
//! where the schedule is cut off, from their known latents noised to that level (`SDEdit`, Meng et al., arXiv 2108.01073). Steps may be taken
//! back and made again with fresh noise, so that free frames come to agree with those that are held (`RePaint`, section 4.2).

use std::ops::Range;

use shared::{
    Fps, Frames, noise,
    path::HeadPath,
    ports::model::{Bridging, ClipInput, Known},
};

use crate::schedule::{roots, trailing_steps};

/// The head path on the noise of a film (`shared::path`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OnNoise {
    /// The pack's.
    pub(crate) path: HeadPath,
    /// Head speed in degrees a frame at 25 frames a second.
    pub(crate) speed: f64,
    /// The film's rate.
    pub(crate) fps: Fps,
}

/// Where the noise of a clip comes from: each frame's is a function of the seed, the take and its place in the film. Every take has the same head path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClipNoise {
    /// The job's seed.
    pub(crate) seed: u64,
    /// Which of several noises.
    pub(crate) take: u32,
    /// The first frame of the clip.
    pub(crate) first: u64,
    /// Frames of the clip.
    pub(crate) frames: usize,
    /// Channels, height and width of a latent.
    pub(crate) latent: [usize; 3],
    /// Share of the variance that all frames of a film have in common.
    pub(crate) shared: f64,
    /// What is laid on it; nothing for a network that was not trained so.
    pub(crate) path: Option<OnNoise>,
}

impl ClipNoise {
    /// Noise of a clip for a model with latents of this shape.
    pub(crate) fn of(
        clip: &ClipInput,
        seed: u64,
        latent: [usize; 3],
        shared: f64,
        path: Option<(HeadPath, f64)>,
    ) -> Self {
        let path = path.map(|(path, speed)| OnNoise { path, speed, fps: clip.fps });
        let Frames { start: first, .. } = clip.frames;
        Self { seed, take: clip.take, first, frames: clip.frames.len() as usize, latent, shared, path }
    }

    /// What the clip starts from, `[f, s, s, c]`.
    pub(crate) fn first(&self) -> Vec<f32> {
        let mut noise = self.draw(|frame, out| noise::mixed(self.seed, self.take, frame, self.shared, out));
        self.add_path(&mut noise, 1.0);
        noise
    }

    /// Adds `scale` times the head path to numbers of the clip's frames, `[f, s, s, c]`: to the first channels of every pixel.
    fn add_path(&self, x: &mut [f32], scale: f32) {
        let Some(OnNoise { path, speed, fps }) = self.path else { return };
        let frame_numbers = self.latent.iter().product();
        for (frame, numbers) in (self.first..).zip(x.chunks_exact_mut(frame_numbers)) {
            let added = path.on_noise(&path.pose(self.seed, speed, frame, fps));
            for pixel in numbers.chunks_exact_mut(self.latent[0]) {
                pixel.iter_mut().zip(added).for_each(|(x, added)| *x += scale * added);
            }
        }
    }

    /// What is added when a step is taken back, `[f, s, s, c]`, without the head path; another one for each `round`.
    pub(crate) fn jump(&self, round: u32) -> Vec<f32> {
        self.draw(|frame, out| noise::mixed_jump(self.seed, self.take, round, frame, self.shared, out))
    }

    fn draw(&self, noise: impl Fn(u64, &mut [f32])) -> Vec<f32> {
        let mut frame_noise = vec![0.0; self.latent.iter().product()];
        let mut all = Vec::with_capacity(self.frames * frame_noise.len());
        for frame in (self.first..).take(self.frames) {
            noise(frame, &mut frame_noise);
            all.extend(pixels_first(&frame_noise, self.latent));
        }
        all
    }
}

/// A latent that lies channel by channel, pixel by pixel.
fn pixels_first(latent: &[f32], [c, height, width]: [usize; 3]) -> impl Iterator<Item = f32> {
    let pixels = height * width;
    (0..pixels).flat_map(move |pixel| (0..c).map(move |channel| latent[channel * pixels + pixel]))
}

/// What is known of a clip, in the terms of a network.
#[derive(Clone, Debug)]
pub(crate) struct KnownFrames {
    /// Latents as the network denoises them, `[f, s, s, c]`.
    latents: Vec<f32>,
    pinned: Vec<bool>,
    bridging: Bridging,
    noise: ClipNoise,
    /// The noise that the clip starts from.
    own: Vec<f32>,
}

impl KnownFrames {
    /// What `known` says, which was checked; `into_network` turns latents `[f, s, s, c]` into what the network denoises.
    pub(crate) fn new(known: &Known, noise: ClipNoise, into_network: impl FnOnce(&mut [f32])) -> Self {
        let frames = known.latents.data().chunks_exact(noise.latent.iter().product());
        let mut latents: Vec<f32> = frames.flat_map(|frame| pixels_first(frame, noise.latent)).collect();
        into_network(&mut latents);
        Self { latents, pinned: known.pinned.clone(), bridging: known.bridging, own: noise.first(), noise }
    }

    /// The diffusion steps of a training with `train_steps`: as many as the bridge has, over the part of the schedule below its strength.
    pub(crate) fn steps(&self, train_steps: usize) -> Vec<usize> {
        let Bridging { steps, strength, .. } = self.bridging;
        let part = (train_steps as f64 * f64::from(strength)).round().clamp(1.0, train_steps as f64) as usize;
        trailing_steps(part, (steps as usize).min(part))
    }

    /// How often a step is made again.
    pub(crate) fn jumps(&self) -> u32 {
        self.bridging.jumps
    }

    /// What is denoised, at signal share `a`: every frame noised from what is known of it.
    pub(crate) fn begin(&self, a: f64) -> Vec<f32> {
        self.latents.iter().zip(&self.own).map(noised(a)).collect()
    }

    /// Puts the held frames back at signal share `a`.
    pub(crate) fn hold(&self, x: &mut [f32], a: f64) {
        let frame = x.len() / self.pinned.len().max(1);
        let frames = x.chunks_exact_mut(frame).zip(self.latents.chunks_exact(frame)).zip(self.own.chunks_exact(frame));
        for ((x, (latent, own)), _) in
            frames.map(|((x, k), n)| (x, (k, n))).zip(&self.pinned).filter(|(_, held)| **held)
        {
            x.iter_mut().zip(latent.iter().zip(own).map(noised(a))).for_each(|(x, noised)| *x = noised);
        }
    }

    /// Ends the denoising: puts the held frames back, and lets the free frames between them agree with that.
    ///
    /// The network draws held frames too, never quite as they are. Beside a frame that is put back, that difference would be seen as a
    /// jump; so it is taken up by the free frames, all of it where they begin and less with every frame, and from both of their ends.
    /// What is left from frame to frame is the motion that the network drew, and an equal step of that difference.
    pub(crate) fn settle(&self, x: &mut [f32]) {
        let frame = x.len() / self.pinned.len().max(1);
        let off = |x: &[f32], at: usize| -> Vec<f32> {
            let rows = at * frame..(at + 1) * frame;
            self.latents[rows.clone()].iter().zip(&x[rows]).map(|(given, drawn)| given - drawn).collect()
        };
        for run in self.free() {
            let none = || vec![0.0; frame];
            let left = run.start.checked_sub(1).map_or_else(none, |held| off(x, held));
            let right = if run.end < self.pinned.len() { off(x, run.end) } else { none() };
            let frames = x[run.start * frame..run.end * frame].chunks_exact_mut(frame).zip(1_u16..);
            for (x, place) in frames {
                let share = f32::from(place) / (run.len() + 1) as f32;
                let carried = left.iter().zip(&right).map(|(left, right)| left + share * (right - left));
                x.iter_mut().zip(carried).for_each(|(x, carried)| *x += carried);
            }
        }
        self.hold(x, 1.0);
    }

    /// Runs of frames that are not held.
    fn free(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (at, _) in self.pinned.iter().enumerate().filter(|(_, held)| !**held) {
            match runs.last_mut() {
                Some(run) if run.end == at => run.end += 1,
                _ => runs.push(at..at + 1),
            }
        }
        runs
    }

    /// Takes a step back: from signal share `from` to the lower share `to`, for the `round`-th time in the clip:
    /// `x' = sqrt(to/from) x + sqrt(1 - to/from) z` (`RePaint`, algorithm 1).
    ///
    /// The noise that is added has no head path. What `x` has of it, `sqrt(1 - from)` times, is filled up to the level `sqrt(1 - to)` that noise has
    /// after the jump, so that the network reads the same path at every step.
    pub(crate) fn jump_back(&self, x: &mut [f32], from: f64, to: f64, round: u32) {
        let (signal, noise) = roots(to / from);
        for (x, z) in x.iter_mut().zip(self.noise.jump(round)) {
            *x = signal * *x + noise * z;
        }
        self.noise.add_path(x, roots(to).1 - signal * roots(from).1);
    }
}

/// A number at signal share `a`.
fn noised(a: f64) -> impl Fn((&f32, &f32)) -> f32 {
    let (signal, noise) = roots(a);
    move |(x, z)| signal * x + noise * z
}

/// Writes the held frames of a clip over its finished latents `[f, c, h, w]`, so that they are what was given to the last bit.
pub(crate) fn put_back(known: Option<&Known>, latents: &mut [f32]) {
    let Some(known) = known else { return };
    let frame = latents.len() / known.pinned.len().max(1);
    let frames = latents.chunks_exact_mut(frame).zip(known.latents.data().chunks_exact(frame));
    for ((latent, given), _) in frames.zip(&known.pinned).filter(|(_, held)| **held) {
        latent.copy_from_slice(given);
    }
}

#[cfg(test)]
mod tests;
