//! Detail of a portrait with fine lines, which its blurred drawings lack.

use super::*;

const EDGE: usize = 128;
const LIMITS: Limits = Limits { near: 6.0, far: 30.0 };

/// Broad shapes, and fine lines if asked for, moved to the right.
fn picture(lines: bool, right: f32) -> Vec<f32> {
    let pixel = |place: usize| {
        let (x, y) = ((place % EDGE) as f32 - right, (place / EDGE) as f32);
        let broad = 0.5 * (x / 10.0).sin() * (y / 12.0).cos();
        let fine = if lines && (x / 3.0).sin() > 0.8 { 0.2 } else { 0.0 };
        [broad + fine, 0.5 * broad - fine, -broad]
    };
    (0..EDGE * EDGE).flat_map(pixel).collect()
}

/// Mean absolute difference in the middle, where the border has no part, of 255.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    let inner = |place: usize| (16..EDGE - 16).contains(&(place % EDGE)) && (16..EDGE - 16).contains(&(place / EDGE));
    let far: Vec<f32> = (0..a.len()).filter(|i| inner(i / 3)).map(|i| (a[i] - b[i]).abs()).collect();
    127.5 * far.iter().sum::<f32>() / far.len() as f32
}

fn detail() -> Detail {
    Detail::new(&picture(true, 0.0), &picture(false, 0.0), LIMITS)
}

#[test]
fn a_still_frame_becomes_the_portrait() {
    let mut frame = picture(false, 0.0);
    detail().add_to(&mut frame);
    assert!(apart(&frame, &picture(true, 0.0)) < 1e-3);
}

#[test]
fn detail_goes_with_what_moves() {
    for right in [2.0, -3.0, 4.5] {
        let (mut frame, truth) = (picture(false, right), picture(true, right));
        let before = apart(&frame, &truth);
        detail().add_to(&mut frame);
        let after = apart(&frame, &truth);
        assert!(after < 0.35 * before, "{right}: {before} to {after}");
    }
}

#[test]
fn what_motion_does_not_explain_stays_as_it_was_decoded() {
    let plain = picture(false, 0.0);
    let mut frame = plain.clone();
    // A mouth: a square of another colour, where the portrait has none.
    let hole = |place: usize| (52..76).contains(&(place % EDGE)) && (52..76).contains(&(place / EDGE));
    for place in (0..EDGE * EDGE).filter(|place| hole(*place)) {
        frame[3 * place..3 * place + 3].fill(-0.9);
    }
    detail().add_to(&mut frame);
    let middle = 3 * (64 * EDGE + 64);
    assert_eq!(frame[middle..middle + 3], [-0.9; 3]);
    let far_off: Vec<f32> = picture(true, 0.0)[..3 * EDGE * 20].to_vec();
    let found = &frame[..3 * EDGE * 20];
    let worst = found.iter().zip(&far_off).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 0.02, "the rest is the portrait: {worst}");
}

#[test]
fn limits_that_mean_nothing_are_refused() {
    for (near, far) in [(-1.0, 5.0), (5.0, 5.0), (9.0, 3.0), (0.0, 256.0), (f32::NAN, 3.0)] {
        let fault = Limits { near, far }.fault().unwrap();
        assert!(fault.starts_with("detail: near") && fault.contains("255"), "{fault}");
    }
    assert!(LIMITS.fault().is_none());
    let shares = [0.0, 6.0, 18.0, 30.0, 200.0].map(|of| LIMITS.share(of / 127.5));
    for (share, expected) in shares.into_iter().zip([1.0, 1.0, 0.5, 0.0, 0.0]) {
        assert!((share - expected).abs() < 1e-5, "{shares:?}");
    }
}
