//! Diffusion schedule with zero terminal signal (arXiv 2305.08891) and DDIM for v-prediction (2010.02502, 2202.00512).

use crate::pack::{
    hallo::HalloSampler,
    manifest::{Betas, Prediction, Sampler},
};

/// How noise grows in training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Noise {
    /// Diffusion steps.
    pub(crate) train_steps: usize,
    /// How the betas grow.
    pub(crate) betas: Betas,
    /// First beta.
    pub(crate) start: f64,
    /// Last beta, before the rescaling to zero terminal signal.
    pub(crate) end: f64,
}

impl From<&Sampler> for Noise {
    fn from(sampler: &Sampler) -> Self {
        let Sampler { train_steps, schedule: betas, beta_start: start, beta_end: end, .. } = *sampler;
        Self { train_steps, betas, start, end }
    }
}

impl From<&HalloSampler> for Noise {
    fn from(sampler: &HalloSampler) -> Self {
        let HalloSampler { train_steps, schedule: betas, beta_start: start, beta_end: end, .. } = *sampler;
        Self { train_steps, betas, start, end }
    }
}

/// Signal shares `alpha_bar_t` for t = 0 .. T-1; the last is exactly 0.
///
/// The root of the products of `1 - beta` is shifted so that the last is zero and scaled so that the first keeps
/// its value (2305.08891, algorithm 1). Only basic arithmetic and roots are used: the same bits everywhere.
pub(crate) fn signal_shares(noise: impl Into<Noise>) -> Vec<f64> {
    let Noise { train_steps, betas, start: low, end: high } = noise.into();
    let last = train_steps.max(2) - 1;
    let between = |low: f64, high: f64, t: usize| low + (high - low) * (t as f64 / last as f64);
    let beta = |t: usize| match betas {
        Betas::Linear => between(low, high, t),
        Betas::ScaledLinear => between(low.sqrt(), high.sqrt(), t) * between(low.sqrt(), high.sqrt(), t),
    };
    let mut product = 1.0;
    let roots: Vec<f64> = (0..=last)
        .map(|t| {
            product *= 1.0 - beta(t);
            product.sqrt()
        })
        .collect();
    let (first, end) = (roots[0], roots[last]);
    let scale = first / (first - end);
    roots.into_iter().map(|root| (root - end) * scale).map(|root| root * root).collect()
}

/// The steps of the sampler, falling from T-1 in equal distances (2305.08891, section 3.3).
pub(crate) fn trailing_steps(train_steps: usize, steps: usize) -> Vec<usize> {
    let total = train_steps as f64;
    let step = |i: usize| (total - i as f64 * total / steps as f64).round_ties_even() as usize;
    (0..steps).map(|i| step(i).max(1) - 1).collect()
}

/// Turns the network's `output` at signal share `a` into a velocity: of a clean latent x0 it is
/// `(sqrt(a) x - x0) / sqrt(1-a)`.
pub(crate) fn to_velocity(output: &mut [f32], x: &[f32], a: f64, prediction: Prediction) {
    if prediction == Prediction::Sample {
        let (signal, noise) = roots(a);
        for (output, x) in output.iter_mut().zip(x) {
            *output = (signal * x - *output) / noise;
        }
    }
}

/// Shares of signal and noise in a latent, as factors: `sqrt(a)` and `sqrt(1-a)`.
pub(crate) fn roots(a: f64) -> (f32, f32) {
    ((a as f32).sqrt(), (1.0 - a as f32).sqrt())
}

/// One DDIM step with eta 0: from `x` at signal share `a` and predicted velocity `v` to signal share `a_next`.
///
/// `x0 = sqrt(a) x - sqrt(1-a) v`, `eps = sqrt(a) v + sqrt(1-a) x`, `x' = sqrt(a') x0 + sqrt(1-a') eps`.
pub(crate) fn ddim_step(x: &mut [f32], v: &[f32], a: f64, a_next: f64) {
    let ((signal, noise), (signal_next, noise_next)) = (roots(a), roots(a_next));
    for (x, v) in x.iter_mut().zip(v) {
        let x0 = signal * *x - noise * v;
        let eps = signal * v + noise * *x;
        *x = signal_next * x0 + noise_next * eps;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(schedule: Betas) -> Sampler {
        Sampler {
            train_steps: 1000,
            schedule,
            beta_start: 0.000_85,
            beta_end: 0.012,
            prediction: Prediction::VPrediction,
            steps: 10,
            guidance: 1.5,
            solver: None,
            guidance_band: None,
            reuse: None,
            noise_shared: 0.9,
            relative_scale: 0.0,
            head_speed: None,
            bridge: None,
            path: None,
        }
    }

    #[test]
    fn the_last_step_holds_no_signal_and_shares_fall() {
        for schedule in [Betas::Linear, Betas::ScaledLinear] {
            let shares = signal_shares(&sampler(schedule));
            assert_eq!((shares.len(), shares[999]), (1000, 0.0));
            assert!((shares[0] - (1.0 - 0.000_85)).abs() < 1e-12);
            assert!(shares.windows(2).all(|pair| pair[0] > pair[1]));
        }
    }

    #[test]
    fn steps_trail() {
        assert_eq!(trailing_steps(1000, 10), [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]);
        assert_eq!(trailing_steps(1000, 3), [999, 666, 332]);
        // Halves round to even, as in Python: 812.5 gives 812.
        assert_eq!(trailing_steps(1000, 16)[3], 811);
        assert_eq!(trailing_steps(10, 10), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn a_perfect_prediction_ends_at_the_clean_signal() {
        let (clean, noise) = ([0.3f32, -1.2, 0.0], [1.0f32, 0.5, -0.7]);
        let shares = signal_shares(&sampler(Betas::ScaledLinear));
        let steps = trailing_steps(1000, 7);
        for prediction in [Prediction::VPrediction, Prediction::Sample] {
            let mut x = noise;
            for (i, t) in steps.iter().enumerate() {
                let (signal, sigma) = roots(shares[*t]);
                let velocity = clean.iter().zip(noise).map(|(clean, noise)| signal * noise - sigma * clean);
                let mut output = match prediction {
                    Prediction::VPrediction => velocity.collect(),
                    Prediction::Sample => clean.to_vec(),
                };
                to_velocity(&mut output, &x, shares[*t], prediction);
                ddim_step(&mut x, &output, shares[*t], steps.get(i + 1).map_or(1.0, |t| shares[*t]));
            }
            assert!(x.iter().zip(clean).all(|(x, clean)| (x - clean).abs() < 1e-5), "{prediction:?}: {x:?}");
        }
    }
}
