#![expect(clippy::float_cmp, reason = "a path is the same bits wherever it is worked out")]

use super::*;

fn path() -> HeadPath {
    HeadPath {
        knot_seconds: 0.6,
        rate: HeadPath::rate_of(0.6),
        degrees: 8.0,
        limit: 20.0,
        share: [0.80, 0.45, 0.40],
        lids: 3.0,
        blink_seconds: 4.0,
        after_decoding: false,
    }
}

/// Poses of ten minutes at 25 frames a second.
fn film(seed: u64, speed: f64) -> Vec<HeadPose> {
    (0..15_000).map(|frame| path().pose(seed, speed, frame, Fps::PAL)).collect()
}

fn root_mean_square(values: impl Iterator<Item = f64> + Clone) -> f64 {
    (values.clone().map(|x| x * x).sum::<f64>() / values.count() as f64).sqrt()
}

#[test]
fn the_weights_have_unit_length_at_every_moment_and_sum_over_no_more_than_four_knots() {
    for moment in 0..1000 {
        let (knot, weights) = path().weights(f64::from(moment) * 0.0131);
        assert!((weights.iter().map(|w| w * w).sum::<f64>() - 1.0).abs() < 1e-12, "moment {moment}");
        assert_eq!(knot, (f64::from(moment) * 0.0131 / 0.6).floor() as u64);
        assert!(weights.iter().all(|w| *w >= 0.0));
    }
}

#[test]
fn a_path_is_as_fast_as_was_asked_and_axes_are_strangers() {
    // Slow enough that the limit hardly bends it.
    let poses = film(5, 0.15);
    let axis = |k: usize| poses.iter().map(move |pose| pose.turn[k]);
    let steps = poses.windows(2).map(|two| {
        let squares = (0..3).map(|k| (two[1].turn[k] - two[0].turn[k]).powi(2));
        squares.sum::<f64>().sqrt()
    });
    let whole = (path().share.iter().map(|share| share * share).sum::<f64>()).sqrt();
    let speed = root_mean_square(steps);
    assert!((speed / (0.15 * whole) - 1.0).abs() < 0.06, "{speed}");
    for k in 0..3 {
        // z has unit variance, so the axis has this spread.
        let spread = 0.15 * 25.0 * path().share[k] / path().rate;
        let found = root_mean_square(axis(k));
        assert!((found / spread - 1.0).abs() < 0.1, "axis {k}: {found} for {spread}");
        let other = (k + 1) % 3;
        let together = axis(k).zip(axis(other)).map(|(a, b)| a * b).sum::<f64>() / poses.len() as f64;
        assert!((together / (root_mean_square(axis(k)) * root_mean_square(axis(other)))).abs() < 0.15, "axis {k}");
    }
}

#[test]
fn a_path_has_no_corners_and_stays_within_its_limit() {
    let poses = film(11, 1.2);
    let mut largest = 0.0_f64;
    for three in poses.windows(3) {
        for k in 0..3 {
            let [a, b, c] = [0, 1, 2].map(|at| three[at].turn[k]);
            assert!(b.abs() < 20.0);
            // A corner would be as large as a step.
            assert!((a - 2.0 * b + c).abs() < 1.1, "{a} {b} {c}");
            largest = largest.max(b.abs());
        }
    }
    assert!(largest > 15.0, "it comes near the limit: {largest}");
    assert!(film(11, 0.0)[..500].iter().all(|pose| pose.turn == [0.0; 3]), "a head that is asked to stand still does");
}

#[test]
fn there_is_one_blink_in_each_slot_and_it_is_short() {
    let poses = film(3, 0.5);
    let shut: Vec<bool> = poses.iter().map(|pose| pose.lids > 0.5).collect();
    let begun = shut.windows(2).filter(|two| !two[0] && two[1]).count();
    assert_eq!(begun, 150, "ten minutes have 150 slots of four seconds");
    let frames = shut.iter().filter(|shut| **shut).count() as f64 / 150.0;
    assert!((3.0..5.0).contains(&frames), "half shut for {frames} frames of 40 ms");
    assert!(poses.iter().all(|pose| (0.0..=1.0).contains(&pose.lids)));
    let places: Vec<usize> =
        shut.windows(2).enumerate().filter(|(_, two)| !two[0] && two[1]).map(|(i, _)| i % 100).collect();
    let mean = places.iter().sum::<usize>() as f64 / places.len() as f64;
    assert!((38.0..54.0).contains(&mean) && places.iter().max() > Some(&80), "anywhere in the slot: {mean}");
}

#[test]
fn a_path_is_a_function_of_seed_and_film_time() {
    let at = |seed, frame, fps| path().pose(seed, 0.6, frame, fps);
    let half: Fps = "50".parse().unwrap();
    let film: Fps = "24000/1001".parse().unwrap();
    for frame in [0, 1, 77, 5_000, 1 << 31] {
        assert_eq!(at(1, frame, Fps::PAL), at(1, frame, Fps::PAL));
        assert_eq!(at(1, frame, Fps::PAL), at(1, 2 * frame, half), "frame {frame}: the same moment");
        assert_ne!(at(1, frame, Fps::PAL).turn, at(2, frame, Fps::PAL).turn);
        assert_ne!(at(1, frame, Fps::PAL).turn, at(1, frame + 1, Fps::PAL).turn);
    }
    // 24000 frames of 24000/1001 are 1001 seconds.
    assert_eq!(at(1, 24_000, film), at(1, 25_025, Fps::PAL));
}

#[test]
fn every_platform_gives_these_bits() {
    let path = HeadPath { rate: 2.0, ..path() };
    // Computed by another implementation, in Python: frame 64 is within a blink.
    let known = [
        (0, [0x3d38_a437, 0xbd24_41c1, 0x3d8b_228f, 0]),
        (64, [0xbeec_180f, 0xbe38_dea8, 0x3eb9_1d07, 0x3fae_83d7]),
        (123_456, [0xbe8d_629e, 0x3e80_4e76, 0x3eab_a5e0, 0]),
    ];
    for (frame, bits) in known {
        assert_eq!(path.on_noise(&path.pose(42, 0.5, frame, Fps::PAL)).map(f32::to_bits), bits, "frame {frame}");
    }
}

#[test]
fn what_is_added_to_the_noise_is_the_pose_in_its_units() {
    let pose = HeadPose { turn: [8.0, -4.0, 20.0], lids: 0.5 };
    assert_eq!(path().on_noise(&pose), [1.0, -0.5, 2.5, 1.5]);
    let after = HeadPath { after_decoding: true, ..path() };
    assert_eq!(after.on_noise(&pose), [0.0, 0.0, 0.0, 1.5], "a head that is turned later");
}

#[test]
fn faults_name_their_key() {
    assert_eq!(path().fault(), None);
    for (wrong, key) in [
        (HeadPath { knot_seconds: 0.0, ..path() }, "knot_seconds"),
        (HeadPath { rate: 1.1 * path().rate, ..path() }, "rate"),
        (HeadPath { rate: f64::NAN, ..path() }, "rate"),
        (HeadPath { degrees: 0.0, ..path() }, "degrees"),
        (HeadPath { limit: 91.0, ..path() }, "limit"),
        (HeadPath { share: [0.8, 0.4, f64::NAN], ..path() }, "share"),
        (HeadPath { lids: -1.0, ..path() }, "lids"),
        (HeadPath { blink_seconds: 0.3, ..path() }, "blink_seconds"),
    ] {
        let fault = wrong.fault().unwrap_or_default();
        assert!(fault.starts_with(key), "{key}: {fault}");
    }
}
