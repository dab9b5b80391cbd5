use shared::{Fps, Frames, Tensor, path::HeadPath, ports::model::Control};

use super::*;
use crate::{
    pack::manifest::Betas,
    sampler::{Sampling, Start},
    schedule::Noise,
};

const LATENT: [usize; 3] = [3, 2, 2];
const ROW: usize = 12;
const FRAMES: usize = 6;

fn noise(take: u32) -> ClipNoise {
    ClipNoise { seed: 9, take, first: 40, frames: FRAMES, latent: LATENT, shared: 0.5, path: None }
}

fn known(bridging: Bridging) -> Known {
    let latents = (0..FRAMES * ROW).map(|i| (i as f32 * 0.7).sin()).collect();
    let latents = Tensor::new([FRAMES, LATENT[0], LATENT[1], LATENT[2]], latents).unwrap();
    Known { latents, pinned: vec![true, true, false, false, false, true], bridging }
}

fn bridging(steps: u32, strength: f32, jumps: u32) -> Bridging {
    Bridging { steps, strength, jumps }
}

fn sampling() -> Sampling {
    let noise = Noise { train_steps: 1000, betas: Betas::ScaledLinear, start: 0.000_85, end: 0.012 };
    Sampling::of_velocity(noise, 2, 1.0)
}

/// Latents as the network has them.
fn in_network(known: &Known) -> Vec<f32> {
    known.latents.data().chunks_exact(ROW).flat_map(|frame| pixels_first(frame, LATENT)).collect()
}

/// Denoises with a network that answers `velocity` to latents at a step; what it was asked.
fn run(known: &Known, velocity: impl Fn(&[f32], usize) -> Vec<f32>) -> (Vec<f32>, Vec<(Vec<f32>, usize)>) {
    let frames = KnownFrames::new(known, noise(0), |_| ());
    let mut asked = Vec::new();
    let mut steps = Vec::new();
    let made = sampling().run(
        Start::Known(&frames),
        &mut |step| {
            steps.push(step);
            Control::Continue
        },
        |x, at| {
            asked.push((x.to_vec(), at.t));
            Ok(velocity(x, at.t))
        },
    );
    assert_eq!(steps, (0..asked.len() as u32).collect::<Vec<_>>());
    (made.unwrap(), asked)
}

/// The velocity of a network that knows the latent.
fn perfect(clean: &[f32], x: &[f32], t: usize) -> Vec<f32> {
    let (signal, noise) = roots(sampling().shares()[t]);
    x.iter().zip(clean).map(|(x, clean)| (signal * x - clean) / noise).collect()
}

#[test]
fn held_frames_are_at_every_step_on_the_way_of_a_perfect_prediction() {
    let known = known(bridging(5, 0.7, 1));
    let clean = in_network(&known);
    let (made, asked) = run(&known, |x, t| perfect(&clean, x, t));
    assert_eq!(asked.len(), 10, "each step twice");
    assert_eq!(asked.iter().map(|(_, t)| *t).step_by(2).collect::<Vec<_>>(), trailing_steps(700, 5));
    let own = noise(0).first();
    for (x, t) in &asked {
        let (signal, noise) = roots(sampling().shares()[*t]);
        for (place, ((x, clean), own)) in x.iter().zip(&clean).zip(&own).enumerate() {
            let held = known.pinned[place / ROW];
            assert!(!held || (x - (signal * clean + noise * own)).abs() < 1e-6, "number {place} at step {t}");
        }
    }
    // With a perfect prediction every frame arrives, held or not.
    assert!(made.iter().zip(&clean).all(|(made, clean)| (made - clean).abs() < 1e-4));
}

#[test]
fn held_frames_are_what_was_given_whatever_the_network_says() {
    for bridging in [bridging(2, 1.0, 0), bridging(1, 0.1, 0), bridging(3, 1.0, 2)] {
        let known = known(bridging);
        let (made, _) = run(&known, |x, _| vec![0.3; x.len()]);
        let clean = in_network(&known);
        for frame in 0..FRAMES {
            let rows = frame * ROW..(frame + 1) * ROW;
            assert_eq!(made[rows.clone()] == clean[rows], known.pinned[frame], "frame {frame}, {bridging:?}");
        }
    }
}

#[test]
fn what_the_network_misses_of_held_frames_is_carried_into_the_free_ones_between() {
    let known = known(bridging(1, 0.1, 0));
    let frames = KnownFrames::new(&known, noise(0), |_| ());
    let clean = in_network(&known);
    // It draws everything as it is, but for an offset, and a smaller one on the right.
    let offsets = [0.3, 0.3, 0.3, 0.2, 0.1, 0.1];
    let drawn = |frame: usize| clean[frame * ROW..(frame + 1) * ROW].iter().map(move |x| x + offsets[frame]);
    let mut x: Vec<f32> = (0..FRAMES).flat_map(drawn).collect();
    frames.settle(&mut x);
    // Free frames 2, 3 and 4 lie at one, two and three quarters of the way from an offset of 0.3 to one of 0.1.
    let left: Vec<f32> = (0..FRAMES).map(|frame| x[frame * ROW] - clean[frame * ROW]).collect();
    let expected = [0.0, 0.0, 0.3 - 0.25, 0.2 - 0.2, 0.1 - 0.15, 0.0];
    assert!(left.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{left:?}");
    // A run that ends with the clip is held on one side only.
    let open = Known { pinned: vec![true, false, false, false, false, false], ..known.clone() };
    let mut x: Vec<f32> = clean.iter().map(|x| x + 0.6).collect();
    KnownFrames::new(&open, noise(0), |_| ()).settle(&mut x);
    let left: Vec<f32> = (0..FRAMES).map(|frame| x[frame * ROW] - clean[frame * ROW]).collect();
    assert!(left.iter().zip([0.0, 0.1, 0.2, 0.3, 0.4, 0.5]).all(|(a, b)| (a - b).abs() < 1e-6), "{left:?}");
}

#[test]
fn free_frames_keep_more_of_what_is_known_the_lower_the_strength() {
    let start = |strength| {
        let known = KnownFrames::new(&known(bridging(4, strength, 0)), noise(0), |_| ());
        let t = known.steps(1000)[0];
        known.begin(sampling().shares()[t])
    };
    let clean = in_network(&known(bridging(4, 1.0, 0)));
    let far = |x: &[f32]| x.iter().zip(&clean).map(|(a, b)| (a - b).abs()).sum::<f32>();
    assert_eq!(start(1.0), noise(0).first(), "noise alone");
    assert!(far(&start(0.2)) < far(&start(0.5)) && far(&start(0.5)) < far(&start(1.0)));
}

#[test]
fn jumps_add_fresh_noise_and_none_at_a_step_of_noise_alone() {
    let (once, asked) = run(&known(bridging(3, 1.0, 0)), |x, _| x.to_vec());
    assert_eq!(asked.len(), 3);
    let (again, asked) = run(&known(bridging(3, 1.0, 2)), |x, _| x.to_vec());
    assert_eq!(asked.iter().map(|(_, t)| *t).collect::<Vec<_>>(), [999, 666, 666, 666, 332, 332, 332]);
    assert_ne!(once, again);
    let free = 3 * ROW;
    assert_ne!(asked[1].0[free..free + ROW], asked[2].0[free..free + ROW], "a jump changes free frames");
    assert_eq!(run(&known(bridging(3, 1.0, 2)), |x, _| x.to_vec()).0, again, "and always in the same way");
}

#[test]
fn a_step_that_is_taken_back_has_the_level_that_it_came_from() {
    let known = KnownFrames::new(&known(bridging(3, 1.0, 2)), ClipNoise { shared: 0.0, ..noise(0) }, |_| ());
    let (from, to) = (0.8, 0.3);
    let mut x = known.begin(from);
    known.jump_back(&mut x, from, to, 1);
    let rest: Vec<f64> = x.iter().zip(known.begin(to)).map(|(a, b)| f64::from(a - b)).collect();
    assert!(rest.iter().any(|x| x.abs() > 0.05), "other noise");
    let signal = roots(to).0;
    let noise: Vec<f64> = x.iter().zip(&known.latents).map(|(x, clean)| f64::from(x - signal * clean)).collect();
    let variance = noise.iter().map(|x| x * x).sum::<f64>() / noise.len() as f64;
    assert!((variance - (1.0 - to)).abs() < 0.3, "{variance}");
}

#[test]
fn finished_latents_take_the_held_frames_to_the_last_bit() {
    let known = known(bridging(3, 1.0, 0));
    let mut latents = vec![0.0; FRAMES * ROW];
    put_back(Some(&known), &mut latents);
    for frame in 0..FRAMES {
        let rows = frame * ROW..(frame + 1) * ROW;
        assert_eq!(latents[rows.clone()] == known.latents.data()[rows], known.pinned[frame]);
    }
    put_back(None, &mut latents);
}

#[test]
fn noise_is_told_by_seed_take_and_frame() {
    assert_ne!(noise(0).first(), noise(1).first());
    assert_ne!(noise(0).jump(0), noise(0).jump(1));
    assert_ne!(noise(0).jump(0), noise(0).first());
    let input = ClipInput {
        frames: Frames::new(41, 47),
        features: Tensor::new([0], vec![]).unwrap(),
        motion: None,
        known: None,
        take: 0,
        fps: Fps::PAL,
    };
    let later = ClipNoise::of(&input, 9, LATENT, 0.5, None);
    assert_eq!(later.first()[..5 * ROW], noise(0).first()[ROW..]);
}

fn on_noise() -> OnNoise {
    let path = HeadPath {
        knot_seconds: 0.6,
        rate: HeadPath::rate_of(0.6),
        degrees: 8.0,
        limit: 20.0,
        share: [0.8, 0.45, 0.4],
        lids: 3.0,
        blink_seconds: 4.0,
        after_decoding: false,
    };
    OnNoise { path, speed: 0.6, fps: Fps::PAL }
}

fn with_path(take: u32) -> ClipNoise {
    ClipNoise { path: Some(on_noise()), ..noise(take) }
}

/// What the path adds to each frame's pixels.
fn added(frame: usize) -> [f32; 4] {
    let OnNoise { path, speed, fps } = on_noise();
    path.on_noise(&path.pose(9, speed, 40 + frame as u64, fps))
}

#[test]
fn noise_without_a_path_is_the_frames_own_to_the_last_bit() {
    let all = noise(2).first();
    for (frame, row) in (40..).zip(all.chunks_exact(ROW)) {
        let mut drawn = [0.0; ROW];
        shared::noise::mixed(9, 2, frame, 0.5, &mut drawn);
        let drawn: Vec<f32> = pixels_first(&drawn, LATENT).collect();
        assert!(row.iter().zip(&drawn).all(|(a, b)| a.to_bits() == b.to_bits()), "frame {frame}");
    }
    // A step that is taken back is the formula of the paper.
    let known = KnownFrames::new(&known(bridging(3, 1.0, 2)), noise(0), |_| ());
    let mut x = known.begin(0.8);
    let (signal, rest) = roots(0.3 / 0.8);
    let wanted: Vec<f32> = x.iter().zip(noise(0).jump(1)).map(|(x, z)| signal * x + rest * z).collect();
    known.jump_back(&mut x, 0.8, 0.3, 1);
    assert!(x.iter().zip(&wanted).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn a_path_lies_on_the_first_channels_of_every_take_alike() {
    for take in [0, 1] {
        let (plain, laid) = (noise(take).first(), with_path(take).first());
        for (place, (plain, laid)) in plain.iter().zip(&laid).enumerate() {
            let wanted = plain + added(place / ROW)[place % LATENT[0]];
            assert_eq!(laid.to_bits(), wanted.to_bits(), "take {take}, number {place}");
        }
    }
    assert_eq!(with_path(0).jump(0), noise(0).jump(0), "steps are taken back with noise alone");
    // Another clip of the film goes on where this one is.
    let later = ClipNoise { first: 42, ..with_path(0) };
    assert_eq!(later.first()[..4 * ROW], with_path(0).first()[2 * ROW..]);
}

#[test]
fn held_frames_and_frames_that_are_taken_back_have_the_path_at_the_level_of_their_noise() {
    let known = known(bridging(3, 0.8, 2));
    let [plain, laid] = [noise(0), with_path(0)].map(|noise| KnownFrames::new(&known, noise, |_| ()));
    let level = |a: f64, x: &[f32], y: &[f32]| {
        for (place, (x, y)) in x.iter().zip(y).enumerate() {
            let wanted = roots(a).1 * added(place / ROW)[place % LATENT[0]];
            assert!((y - x - wanted).abs() < 1e-5, "share {a}, number {place}: {} for {wanted}", y - x);
        }
    };
    let (mut x, mut y) = (plain.begin(0.7), laid.begin(0.7));
    level(0.7, &x, &y);
    plain.jump_back(&mut x, 0.7, 0.2, 1);
    laid.jump_back(&mut y, 0.7, 0.2, 1);
    level(0.2, &x, &y);
    plain.hold(&mut x, 0.2);
    laid.hold(&mut y, 0.2);
    level(0.2, &x, &y);
    plain.hold(&mut x, 1.0);
    laid.hold(&mut y, 1.0);
    for frame in known.pinned.iter().enumerate().filter(|(_, held)| **held).map(|(frame, _)| frame) {
        assert_eq!(x[frame * ROW..(frame + 1) * ROW], y[frame * ROW..(frame + 1) * ROW], "no noise, no path");
    }
}
