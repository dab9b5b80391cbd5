//! Solvers on latents whose best prediction is known: Gaussian ones, for which the way from noise to the clean latent has a closed form.

use std::sync::atomic::{AtomicU32, Ordering};

use shared::effort::Band;

use super::*;
use crate::pack::manifest::Betas;

/// Means and standard deviations of the clean latents, and what is denoised.
const MEAN: [f64; 4] = [0.7, -1.3, 0.05, 2.0];
const SPREAD: [f64; 4] = [0.3, 1.0, 0.05, 1.7];
const NOISE: [f32; 4] = [1.1, -0.4, 0.9, -2.2];

fn noise() -> Noise {
    Noise { train_steps: 1000, betas: Betas::ScaledLinear, start: 0.000_85, end: 0.012 }
}

fn effort(solver: Solver, steps: u32) -> Effort {
    Effort { solver, ..Effort::plain(steps, 1.0) }
}

/// The mean of the clean latent given `x` at signal share `a`.
fn denoised(x: &[f32], a: f64) -> Vec<f32> {
    let one = |(i, x): (usize, &f32)| {
        let gain = SPREAD[i].powi(2) * a.sqrt() / (a * SPREAD[i].powi(2) + 1.0 - a);
        (MEAN[i] + gain * (f64::from(*x) - a.sqrt() * MEAN[i])) as f32
    };
    x.iter().enumerate().map(one).collect()
}

/// Where the way that begins at `x` with signal share `a` arrives at `b`: the spread of latents at a share is known, and so is the mean.
fn exact(x: &[f32], a: f64, b: f64) -> Vec<f64> {
    let spread = |i: usize, a: f64| (a * SPREAD[i].powi(2) + 1.0 - a).sqrt();
    let one =
        |(i, x): (usize, &f32)| b.sqrt() * MEAN[i] + (f64::from(*x) - a.sqrt() * MEAN[i]) * spread(i, b) / spread(i, a);
    x.iter().enumerate().map(one).collect()
}

/// The output of a perfect network that predicts velocities.
fn velocity(x: &[f32], a: f64) -> Vec<f32> {
    let (signal, noise) = roots(a);
    x.iter().zip(denoised(x, a)).map(|(x, x0)| (signal * x - x0) / noise).collect()
}

/// A clip of the whole schedule.
fn clip(solver: Solver, steps: u32, prediction: Prediction) -> Vec<f32> {
    let sampling = Sampling { prediction, ..Sampling::of_velocity_with(noise(), effort(solver, steps)) };
    let asked = AtomicU32::new(0);
    let clip = sampling.run(
        NOISE.to_vec(),
        &mut |call| {
            assert_eq!(call, asked.load(Ordering::Relaxed), "asked before each evaluation");
            Control::Continue
        },
        |x, at| {
            asked.fetch_add(1, Ordering::Relaxed);
            let a = sampling.shares()[at.t];
            Ok(if prediction == Prediction::Sample { denoised(x, a) } else { velocity(x, a) })
        },
    );
    assert_eq!(asked.into_inner(), steps, "one evaluation a step");
    clip.unwrap()
}

/// Largest distance between numbers.
fn far(a: &[f32], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

#[test]
fn solvers_end_where_the_golden_numbers_say() {
    // Made by diffusion/tests/solvers/golden.py, which is written from the papers.
    let golden: serde_json::Value = serde_json::from_str(include_str!("../../tests/solvers/golden.json")).unwrap();
    for (name, solver) in [("dpm", Solver::Dpm), ("unipc", Solver::Unipc)] {
        for steps in [1, 2, 3, 6, 20] {
            let end: Vec<f64> = serde_json::from_value(golden["ends"][format!("{name}-{steps}")].clone()).unwrap();
            for prediction in [Prediction::VPrediction, Prediction::Sample] {
                let clip = clip(solver, steps, prediction);
                assert!(far(&clip, &end) < 1e-5, "{name} {steps} {prediction:?}: {clip:?}, not {end:?}");
            }
        }
    }
}

/// How far from the exact end a solver arrives on a way with `steps` equal steps of lambda, and the order that halving them shows.
fn order(solver: impl Fn(Vec<f32>, &[f64]) -> Vec<f32>) -> f64 {
    let error = |steps: usize| {
        let lambda = |i: usize| -2.0 + 4.0 * i as f64 / steps as f64;
        let shares: Vec<f64> = (0..=steps).map(|i| 1.0 / (1.0 + (-2.0 * lambda(i)).exp())).collect();
        let end = solver(NOISE.to_vec(), &shares);
        far(&end, &exact(&NOISE, shares[0], shares[steps]))
    };
    let (coarse, fine) = (error(16), error(32));
    assert!(fine > 1e-5, "{fine} is the rounding of 32-bit numbers");
    (coarse / fine).log2()
}

#[test]
fn solvers_have_the_order_that_their_papers_prove() {
    let ddim = order(|mut x, shares| {
        for pair in shares.windows(2) {
            let v = velocity(&x, pair[0]);
            ddim_step(&mut x, &v, pair[0], pair[1]);
        }
        x
    });
    let dpm = order(|x, shares| dpm::dpm(x, shares, |x, i| Ok(denoised(x, shares[i]))).unwrap());
    let unipc = order(|x, shares| unipc::unipc(x, shares, |x, i| Ok(denoised(x, shares[i]))).unwrap());
    assert!((0.8..1.3).contains(&ddim), "{ddim}");
    assert!((1.7..2.5).contains(&dpm), "{dpm}");
    // The corrector raises the order by one.
    assert!(unipc > 2.4, "{unipc}");
}

#[test]
fn higher_orders_need_fewer_steps_from_noise_alone() {
    let end = exact(&NOISE, 0.0, 1.0);
    let error = |solver| far(&clip(solver, 20, Prediction::VPrediction), &end);
    let (ddim, dpm, unipc) = (error(Solver::Ddim), error(Solver::Dpm), error(Solver::Unipc));
    assert!(dpm < 0.5 * ddim && unipc < 0.5 * ddim, "{ddim} {dpm} {unipc}");
}

#[test]
fn one_step_is_the_same_by_every_solver() {
    for prediction in [Prediction::VPrediction, Prediction::Sample] {
        let ends = Solver::ALL.map(|solver| clip(solver, 1, prediction));
        assert!(ends.iter().all(|end| far(end, &MEAN) < 1e-6), "{ends:?}");
    }
}

#[test]
fn a_stop_ends_every_solver_before_its_next_evaluation() {
    for solver in Solver::ALL {
        let sampling = Sampling::of_velocity_with(noise(), effort(solver, 5));
        for last in 0..5 {
            let mut calls = 0;
            let result = sampling.run(
                NOISE.to_vec(),
                &mut |call| if call == last { Control::Stop } else { Control::Continue },
                |x, _| {
                    calls += 1;
                    Ok(x.to_vec())
                },
            );
            assert_eq!(result.unwrap_err().verdict(), shared::Verdict::Stop);
            assert_eq!(calls, last, "{solver:?}");
        }
    }
}

#[test]
fn a_sampling_knows_what_it_costs_and_can_do_without_reuse() {
    let band: Band = "0.3..0.9".parse().unwrap();
    let effort = Effort { solver: Solver::Dpm, guidance_band: band, reuse: 2, ..Effort::plain(10, 3.0) };
    let sampling = Sampling::of_velocity_with(noise(), effort);
    assert!(sampling.reuses() && !sampling.whole().reuses());
    let spent = sampling.spent();
    assert_eq!((spent.effort, spent.evaluations.whole + spent.evaluations.shallow), (effort, 16));
    assert_eq!(sampling.whole().spent().evaluations, Evaluations { whole: 16, shallow: 0 });
    assert!(!Sampling::of_velocity(noise(), 4, 2.0).reuses());
}
