//! The head path of a film: how the head turns and when the lids fall, as a function of (seed, time) alone.
//!
//! Speech does not decide how a head moves. A network that is asked for the clean latent in few steps draws the mean of all heads that
//! would do, which is a smear. So the chance is drawn here and laid on the noise, where a network that was trained so reads it: structured noise
//! as a prior of motion (Ge et al., arXiv 2305.10474; Burgert et al., arXiv 2501.08331). Being a function of film time it goes on over clips, chains and
//! bridges without a hand-off; nothing of it depends on the frame rate or on who renders.

use crate::{Fps, noise};

/// Frames a second in which head speeds are given, whatever the film's rate.
const SPEED_FPS: f64 = 25.0;

/// How long lids take to fall, stay shut and take to rise, in seconds: they rise more slowly than they fall (Trutoiu et al., "Modeling and
/// animating eye blinks", ACM Transactions on Applied Perception 2011).
const BLINK: [f64; 3] = [0.08, 0.04, 0.16];

/// Seconds at the end of a slot in which no blink begins, so that each ends in its own slot.
const REST: f64 = 0.4;

/// Axes of the path in [`noise::Stream::Path`]: yaw, pitch and roll have 0 to 2.
const LIDS: u32 = 3;

/// The shape of a pack's head paths: what its network was trained to read from the noise.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadPath {
    /// Seconds between the knots of the spline.
    pub knot_seconds: f64,
    /// Root of the mean square of the speed of a path of unit variance, in 1/s; [`HeadPath::rate_of`] the knots.
    pub rate: f64,
    /// Degrees for which 1 is added to the noise.
    pub degrees: f64,
    /// Degrees that no path reaches.
    pub limit: f64,
    /// Parts of yaw, pitch and roll in the head speed.
    pub share: [f64; 3],
    /// What is added to the noise where the lids are shut.
    pub lids: f64,
    /// Seconds in each of which there is one blink.
    pub blink_seconds: f64,
    /// Whether the decoded head is turned along the path; the noise carries the lids alone then.
    #[serde(default)]
    pub after_decoding: bool,
}

/// A head at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeadPose {
    /// Yaw, pitch and roll in degrees away from the portrait.
    pub turn: [f64; 3],
    /// How far the lids are shut, 0 to 1.
    pub lids: f64,
}

impl HeadPath {
    /// Numbers that are added to each frame's noise: one for each of the first channels of a latent.
    pub const CHANNELS: usize = 4;

    /// The pose of a film's frame. `speed` is the head speed in degrees a frame of a film of 25 frames a second: the root of the mean square, as long
    /// as the path stays well within its limit.
    pub fn pose(&self, seed: u64, speed: f64, frame: u64, fps: Fps) -> HeadPose {
        let seconds = (frame * u64::from(fps.den())) as f64 / f64::from(fps.num());
        let (knot, weights) = self.weights(seconds);
        let mut turn = [0.0; 3];
        for ((axis, turn), share) in (0..).zip(&mut turn).zip(self.share) {
            let knots = (knot..).zip(weights).map(|(knot, weight)| weight * noise::normal(seed, axis, knot));
            let reach = speed * SPEED_FPS * share / self.rate;
            *turn = self.limit * libm::tanh(reach * knots.sum::<f64>() / self.limit);
        }
        HeadPose { turn, lids: self.lids_at(seed, seconds) }
    }

    /// What is added to a frame's noise, by channel.
    pub fn on_noise(&self, pose: &HeadPose) -> [f32; Self::CHANNELS] {
        let turn = if self.after_decoding { [0.0; 3] } else { pose.turn };
        let [yaw, pitch, roll] = turn.map(|degrees| (degrees / self.degrees) as f32);
        [yaw, pitch, roll, (self.lids * pose.lids) as f32]
    }

    /// The first of four knots around a moment and their weights: those of the uniform cubic B-spline, to unit variance.
    fn weights(&self, seconds: f64) -> (u64, [f64; 4]) {
        let place = libm::floor(seconds / self.knot_seconds);
        let weights = spline(seconds / self.knot_seconds - place);
        let length = libm::sqrt(weights.iter().map(|w| w * w).sum());
        (place as u64, weights.map(|w| w / length))
    }

    fn lids_at(&self, seed: u64, seconds: f64) -> f64 {
        let slot = libm::floor(seconds / self.blink_seconds);
        let begins = slot * self.blink_seconds + noise::uniform(seed, LIDS, slot as u64) * (self.blink_seconds - REST);
        let [fall, shut, rise] = BLINK;
        let since = seconds - begins;
        smooth(since / fall).min(1.0 - smooth((since - fall - shut) / rise))
    }

    /// The rate that belongs to knots so many seconds apart: the derivative's root mean square over all moments between two knots.
    pub fn rate_of(knot_seconds: f64) -> f64 {
        const MOMENTS: u32 = 4096;
        let unit = |u: f64| {
            let weights = spline(u);
            let length = libm::sqrt(weights.iter().map(|w| w * w).sum());
            weights.map(|w| w / length)
        };
        let step = 1.0 / f64::from(MOMENTS);
        let square = |moment: u32| {
            let u = (f64::from(moment) + 0.5) * step;
            let (before, after) = (unit(u - step / 2.0), unit(u + step / 2.0));
            before.iter().zip(after).map(|(a, b)| (b - a) * (b - a) / (step * step)).sum::<f64>()
        };
        libm::sqrt((0..MOMENTS).map(square).sum::<f64>() * step) / knot_seconds
    }

    /// What is wrong with it: the key and its rule.
    pub fn fault(&self) -> Option<String> {
        let rules = [
            ((0.05..=10.0).contains(&self.knot_seconds), "knot_seconds: 0.05 to 10"),
            ((0.01..=1000.0).contains(&self.degrees), "degrees: 0.01 to 1000"),
            ((0.1..=90.0).contains(&self.limit), "limit: 0.1 to 90 degrees"),
            (self.share.iter().all(|share| (0.0..=1.0).contains(share)), "share: three numbers from 0 to 1"),
            ((0.0..=100.0).contains(&self.lids), "lids: 0 to 100"),
            ((1.0..=600.0).contains(&self.blink_seconds), "blink_seconds: 1 to 600"),
        ];
        let broken = rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| (*rule).to_owned());
        broken.or_else(|| {
            let rate = Self::rate_of(self.knot_seconds);
            let fits = (self.rate / rate - 1.0).abs() <= 0.02;
            (!fits).then(|| format!("rate: {rate:.3} for knots {} s apart, within 2 %", self.knot_seconds))
        })
    }
}

/// The uniform cubic B-spline's weights of four knots, `u` of the way from the second to the third.
fn spline(u: f64) -> [f64; 4] {
    let v = 1.0 - u;
    let near = |u: f64| ((3.0 * u - 6.0) * u * u + 4.0) / 6.0;
    [v * v * v / 6.0, near(u), near(v), u * u * u / 6.0]
}

/// From 0 to 1 without a corner, as x goes from 0 to 1.
fn smooth(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests;
