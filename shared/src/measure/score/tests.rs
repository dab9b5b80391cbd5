use super::*;
use crate::measure::head::Turn;

fn frames() -> Vec<Measured> {
    let frame = |i: u32| Measured {
        // Speech of 80 frames, then silence.
        opening: if i < 80 {
            0.05 * (f64::from(i) * 0.7).sin().max(0.0) * (f64::from(i) * 0.11).cos().abs()
        } else {
            0.0
        },
        turn: Turn { yaw: 0.3 * f64::from(i), roll: 0.4 * f64::from(i), ..Turn::default() },
        eyes: Some(if i % 50 == 20 || i % 50 == 21 { 0.1 } else { 0.9 }),
        identity: 2.0,
        background: (i > 0).then_some(0.5),
        sharpness: 1.0 - 0.001 * f64::from(i),
        colour: 0.01,
    };
    (0..100).map(frame).collect()
}

fn truth() -> Truth {
    let opening: Vec<f64> = frames().iter().map(|frame| frame.opening).collect();
    let loudness = (0..100).map(|i| if i < 80 { 0.5 + 0.01 * f64::from(i % 7) } else { 0.0 }).collect();
    Truth { opening: Some(opening), loudness, silent: None, fps: 25.0 }
}

#[test]
fn a_film_that_does_as_it_should_has_the_figures_of_one() {
    let score = Score::of(&frames(), &truth());
    let mouth = score.mouth.unwrap();
    assert!(mouth.correlation > 0.999 && mouth.lag == 0, "{mouth:?}");
    assert_eq!((score.frames, score.shut, score.blinks), (100, Some(1.0), Some(30.0)));
    assert!(
        (score.speed - 0.5).abs() < 1e-9
            && (score.identity - 2.0).abs() < 1e-9
            && (score.background - 0.5).abs() < 1e-9
    );
    assert!(score.sharpness_drift < -0.07 && score.colour_drift.abs() < 1e-9);
}

#[test]
fn a_mouth_that_gapes_in_silence_and_one_that_is_late_are_found() {
    let mut gaping = frames();
    gaping[85..].iter_mut().for_each(|frame| frame.opening = 0.02);
    let score = Score::of(&gaping, &truth());
    assert_eq!(score.shut, Some(0.0), "15 frames are in the middle of silence");
    let known = Truth { silent: Some((0..100).map(|i| i >= 80).collect()), ..truth() };
    assert_eq!(Score::of(&gaping, &known).shut, Some(0.25));
    let mut late = frames();
    late.rotate_right(3);
    assert_eq!(Score::of(&late, &truth()).mouth.unwrap().lag, 3);
    let unknown = Truth { opening: None, ..truth() };
    assert!(Score::of(&frames(), &unknown).mouth.is_none() && Score::of(&frames(), &unknown).energy.is_some());
}

#[test]
fn nothing_has_no_figures() {
    let score = Score::of(&[], &Truth::default());
    assert_eq!((score.frames, score.mouth, score.shut, score.blinks), (0, None, None, None));
}
