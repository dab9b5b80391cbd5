//! A place in the schedule, in the letters of the papers.

/// Shares of signal and noise in a latent `x = alpha x0 + sigma eps`, and half the logarithm of their ratio's square.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) alpha: f64,
    pub(super) sigma: f64,
    /// `ln(alpha / sigma)`: minus infinity where there is no signal, as at the first step of a schedule with zero terminal SNR, and infinity
    /// for the clean latent.
    pub(super) lambda: f64,
}

impl Point {
    /// The place with signal share `a`, `alpha^2`.
    pub(super) fn of(a: f64) -> Self {
        let (alpha, sigma) = (a.sqrt(), (1.0 - a).sqrt());
        Self { alpha, sigma, lambda: (alpha / sigma).ln() }
    }
}

/// `c x + d y`, number by number, in place of `x`.
pub(super) fn combine(x: &mut [f32], c: f64, y: &[f32], d: f64) {
    let (c, d) = (c as f32, d as f32);
    for (x, y) in x.iter_mut().zip(y) {
        *x = c * *x + d * y;
    }
}
