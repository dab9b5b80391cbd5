use super::*;
use crate::{
    Plan,
    pauses::{Lull, Pause, RATE},
};

fn shape(frames: u64) -> Shape {
    Shape { frames, clip_frames: 12, segment_clips: 4, part_segments: 2 }
}

fn pause(start: f64, end: f64) -> Pause {
    let at = |seconds: f64| (seconds * f64::from(RATE)) as u64;
    Pause { start: at(start), end: at(end), depth: 30.0 }
}

fn lay_at(cutting: Cutting, frames: u64, pauses: Option<&Pauses>, shots: &[u64]) -> Vec<Seam> {
    let score = Score { shape: shape(frames), fps: Fps::PAL, pauses, shots };
    let seams = lay(cutting, &score).unwrap();
    Plan::cut(score.shape, &cuts(&seams, cutting, &score.shape)).unwrap().check().unwrap();
    assert_eq!(lay(cutting, &score).unwrap(), seams, "the same again");
    seams
}

fn anchored() -> Cutting {
    Cutting { continuity: Continuity::Anchored, ..Cutting::default() }
}

#[test]
fn without_a_track_seams_are_even() {
    let frames =
        |seconds: u64| -> Vec<u64> { lay_at(anchored(), seconds * 25, None, &[]).iter().map(|s| s.frame).collect() };
    assert_eq!(frames(60), [750]);
    assert_eq!(frames(61), [762]);
    assert_eq!(frames(44), [] as [u64; 0], "less than a chain and a half is one chain");
    assert_eq!(frames(45), [562]);
    assert_eq!(frames(3600).len(), 119);
    assert!(lay_at(anchored(), 1500, None, &[]).iter().all(|seam| seam.why == Why::Even && seam.wanted == seam.frame));
}

#[test]
fn strict_is_one_chain_and_parallel_as_many_as_there_can_be() {
    let strict = Cutting { continuity: Continuity::Strict, ..Cutting::default() };
    assert_eq!(lay_at(strict, 90_000, None, &[]), []);
    let parallel = Cutting { continuity: Continuity::Parallel, ..Cutting::default() };
    // 36 frames lie between two seams at the least, and a quarter more is room to move.
    assert_eq!(lay_at(parallel, 90_000, None, &[]).len(), 90_000 / 45 - 1);
    for frames in 1..200 {
        assert_eq!(lay_at(parallel, frames, None, &[]).len() as u64, (frames / 45).max(1) - 1, "{frames}");
    }
}

#[test]
fn films_over_a_minute_are_anchored_unless_somebody_says_otherwise() {
    let auto = Cutting::default();
    assert_eq!(lay_at(auto, 1500, None, &[]), [], "a minute is one chain");
    assert_eq!(lay_at(auto, 1501, None, &[]), lay_at(anchored(), 1501, None, &[]));
    assert_eq!(lay_at(auto, 90_000, None, &[]).len(), 119);
    assert_eq!(
        (Continuity::Auto.of(LONG_FILM), Continuity::Auto.of(60.04)),
        (Continuity::Strict, Continuity::Anchored)
    );
    for other in [Continuity::Strict, Continuity::Anchored, Continuity::Parallel] {
        assert_eq!((other.of(1.0), other.of(3600.0)), (other, other));
    }
    // What nobody asked for is never a reason to refuse a film: chains are as long as their overlaps need.
    let slow = Score { shape: shape(3600), fps: Fps::new(1, 1).unwrap(), pauses: None, shots: &[] };
    assert!(lay(auto, &slow).unwrap().len() > 1);
}

#[test]
fn shots_come_before_pauses_and_long_pauses_before_short_ones() {
    let pauses = Pauses {
        pauses: vec![pause(26.0, 26.9), pause(30.1, 30.25), pause(37.0, 40.0)],
        lulls: (0..60).map(|n| Lull { at: n * 16_000 + 3000, depth: 20.0 }).collect(),
    };
    // One minute: the seam is wanted at 30 s, and may lie from 24 to 36 s.
    let laid = |pauses: &Pauses, shots: &[u64]| lay_at(anchored(), 1500, Some(pauses), shots)[0];
    let seam = laid(&pauses, &[]);
    assert_eq!(
        (seam.frame, seam.why),
        (666, Why::Pause { seconds: 0.9 }),
        "as near as a quarter of a second of pause allows"
    );
    assert_eq!(laid(&pauses, &[900]).why, Why::Shot, "on the edge of the leeway");
    assert_eq!(laid(&pauses, &[901]).why, seam.why);
    let short = Pauses { pauses: pauses.pauses[1..].to_vec(), ..pauses.clone() };
    assert_eq!((laid(&short, &[]).frame, laid(&short, &[]).why), (754, Why::Pause { seconds: 0.15 }));
    let mut none = Pauses { pauses: pauses.pauses[2..].to_vec(), ..pauses };
    none.lulls[33].depth = 38.0;
    assert_eq!((laid(&none, &[]).frame, laid(&none, &[]).why), (830, Why::Lull));
}

#[test]
fn a_seam_lies_inside_its_pause_and_not_where_its_neighbour_is() {
    let parallel = Cutting { continuity: Continuity::Parallel, ..Cutting::default() };
    // Pauses so close together that not every seam can have one.
    let pauses = Pauses {
        pauses: (0..20).map(|n| pause(f64::from(n) * 1.3, f64::from(n) * 1.3 + 0.2)).collect(),
        lulls: vec![],
    };
    let seams = lay_at(parallel, 600, Some(&pauses), &[]);
    assert_eq!(seams.len(), 12);
    let inside = |seam: &Seam| {
        let at = Fps::PAL.seconds(seam.frame) * f64::from(RATE);
        pauses.pauses.iter().any(|pause| (pause.start as f64..=pause.end as f64).contains(&at))
    };
    for seam in &seams {
        assert_eq!(inside(seam), matches!(seam.why, Why::Pause { .. }), "{seam:?}");
    }
    assert!(seams.iter().filter(|seam| inside(seam)).count() >= 5, "{seams:?}");
}

#[test]
fn what_no_film_can_be_cut_by_is_refused_by_the_name_of_its_flag() {
    let score = Score { shape: shape(1500), fps: Fps::PAL, pauses: None, shots: &[] };
    for seconds in [0, 3601, 1] {
        let error = lay(Cutting { chain_seconds: seconds, ..anchored() }, &score).unwrap_err();
        assert!(error.mending().is_some_and(|mend| mend.contains("--chain-seconds")), "{error}");
    }
    assert!(lay(Cutting { chain_seconds: 2, ..anchored() }, &score).is_ok());
    let error = "soft".parse::<Continuity>().unwrap_err();
    assert!(error.mending().is_some_and(|mend| Continuity::ALL.iter().all(|one| mend.contains(one.name()))), "{error}");
}

#[test]
fn clips_too_short_for_bridges_are_blended_or_cut() {
    let film = |clip_frames, join, continuity| {
        let shape = Shape { clip_frames, ..shape(3000) };
        let cutting = Cutting { continuity, join, ..Cutting::default() };
        lay(cutting, &Score { shape, fps: Fps::PAL, pauses: None, shots: &[] }).map(|seams| {
            Plan::cut(shape, &cuts(&seams, cutting, &shape)).unwrap();
            seams.len()
        })
    };
    for continuity in [Continuity::Anchored, Continuity::Parallel] {
        let error = film(2, Join::Bridge, continuity).unwrap_err();
        assert!(error.mending().is_some_and(|mend| mend.contains("--join")), "{error}");
        assert!(film(2, Join::Blend, continuity).unwrap() > 0 && film(2, Join::Cut, continuity).unwrap() > 0);
        assert!(film(3, Join::Bridge, continuity).unwrap() > 0);
    }
    assert_eq!(film(2, Join::Bridge, Continuity::Auto).unwrap(), 0);
}

#[test]
fn slow_films_and_short_tracks_are_cut_as_far_as_they_can_be() {
    // At one frame a second, thirty seconds are shorter than two clips.
    let score = Score { shape: shape(3600), fps: Fps::new(1, 1).unwrap(), pauses: None, shots: &[] };
    assert!(lay(anchored(), &score).is_err());
    for join in Join::ALL {
        let cutting = Cutting { continuity: Continuity::Parallel, join, ..Cutting::default() };
        for frames in 1..150 {
            let score = Score { shape: shape(frames), ..score };
            let seams = lay(cutting, &score).unwrap();
            Plan::cut(score.shape, &cuts(&seams, cutting, &score.shape)).unwrap();
        }
    }
}
