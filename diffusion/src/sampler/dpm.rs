//! DPM-Solver++(2M) (Lu et al., arXiv 2211.01095, algorithm 2).

use shared::Result;

use super::point::{Point, combine};

/// Goes from latents `x` at the first of the signal shares `shares` to the last; `denoised` predicts the clean latent from latents at the
/// i-th share.
///
/// `D = (1 + 1/2r) x0_s - 1/2r x0_before` with `r = h_before / h`, and `x_t = sigma_t/sigma_s x_s - alpha_t (e^-h - 1) D`. Where a step begins
/// at noise alone or ends at the clean latent, h is infinite; the limits of both expressions are the first-order step.
///
/// # Errors
/// What `denoised` says.
pub(super) fn dpm(
    mut x: Vec<f32>,
    shares: &[f64],
    mut denoised: impl FnMut(&[f32], usize) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let mut before: Option<(Vec<f32>, f64)> = None;
    for (i, pair) in shares.windows(2).enumerate() {
        let (s, t) = (Point::of(pair[0]), Point::of(pair[1]));
        let x0 = denoised(&x, i)?;
        let h = t.lambda - s.lambda;
        let mut d = x0.clone();
        if let Some((x0_before, lambda)) = before.filter(|_| h.is_finite()) {
            let half = h / (2.0 * (s.lambda - lambda)); // 1/2r; 0 after a step from noise alone
            combine(&mut d, 1.0 + half, &x0_before, -half);
        }
        combine(&mut x, t.sigma / s.sigma, &d, -t.alpha * (-h).exp_m1());
        before = Some((x0, s.lambda));
    }
    Ok(x)
}
