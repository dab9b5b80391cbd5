//! `UniPC` of order 2 (Zhao et al., arXiv 2302.04867, algorithms 1 to 3) for predictions of the clean latent, with `B(h) = e^h - 1`.

use shared::Result;

use super::point::{Point, combine};

/// What the network predicted at an earlier share.
struct Seen {
    x0: Vec<f32>,
    lambda: f64,
}

/// Goes from latents `x` at the first of the signal shares `shares` to the last; `denoised` predicts the clean latent from latents at the
/// i-th share. Every prediction but the first also corrects the step that led to it, so that it costs no evaluation of its own.
///
/// Where a step begins at noise alone or ends at the clean latent, h is infinite; it is made in first order and not corrected.
///
/// # Errors
/// What `denoised` says.
pub(super) fn unipc(
    mut x: Vec<f32>,
    shares: &[f64],
    mut denoised: impl FnMut(&[f32], usize) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let steps = shares.len().saturating_sub(1);
    let (mut before, mut m0): (Option<Seen>, Vec<f32>) = (None, Vec::new());
    for (i, pair) in shares.windows(2).enumerate() {
        let (s, t) = (Point::of(pair[0]), Point::of(pair[1]));
        if i == 0 {
            m0 = denoised(&x, 0)?;
        }
        let h = t.lambda - s.lambda;
        // The step of first order, on which predictor and corrector build.
        combine(&mut x, t.sigma / s.sigma, &m0, -t.alpha * (-h).exp_m1());
        let usable = before.take().filter(|seen| h.is_finite() && seen.lambda.is_finite());
        let mut predicted = x.clone();
        if let Some(seen) = &usable {
            let difference = slope(&seen.x0, &m0, (seen.lambda - s.lambda) / h);
            combine(&mut predicted, 1.0, &difference, -0.5 * t.alpha * (-h).exp_m1());
        }
        if i + 1 == steps {
            return Ok(predicted);
        }
        let mt = denoised(&predicted, i + 1)?;
        if h.is_finite() {
            correct(&mut x, (s, t), &m0, usable.as_ref(), &mt);
        } else {
            x = predicted;
        }
        before = Some(Seen { x0: std::mem::replace(&mut m0, mt), lambda: s.lambda });
    }
    Ok(x)
}

/// The corrector: adds to the first-order step `x` from s to t what the differences of the predictions before, at s and at t say.
fn correct(x: &mut [f32], (s, t): (Point, Point), m0: &[f32], before: Option<&Seen>, mt: &[f32]) {
    let h = t.lambda - s.lambda;
    let b = (-h).exp_m1();
    // The integrals of e^-u and u e^-u over the step, over those of B.
    let phi1 = b / -h - 1.0;
    let phi2 = phi1 / -h - 0.5;
    let (b1, b2) = (phi1 / b, 2.0 * phi2 / b);
    let after = match before {
        None => 0.5,
        Some(seen) => {
            // R rho = b with rows (1, 1) and (r, 1).
            let r = (seen.lambda - s.lambda) / h;
            let rho = (b1 - b2) / (1.0 - r);
            combine(x, 1.0, &slope(&seen.x0, m0, r), -t.alpha * b * rho);
            b1 - rho
        }
    };
    combine(x, 1.0, &slope(mt, m0, 1.0), -t.alpha * b * after);
}

/// `(m - m0) / r`.
fn slope(m: &[f32], m0: &[f32], r: f64) -> Vec<f32> {
    let r = r as f32;
    m.iter().zip(m0).map(|(m, m0)| (m - m0) / r).collect()
}
