use super::*;

const CLIP: u64 = 8;
const MOTION: u64 = 2;
const PINNED: u32 = 2;

fn model() -> ModelShape {
    ModelShape {
        clip_frames: CLIP as u32,
        motion_frames: MOTION as u32,
        audio_margin: 0,
        feature_width: 1,
        image_size: 64,
        latent: [1, 1, 2],
    }
}

/// Latents of `frames`: the frame's number and `side`.
fn latents(frames: Frames, side: f32) -> Tensor {
    let data: Vec<f32> = (frames.start..frames.end).flat_map(|frame| [frame as f32, side]).collect();
    Tensor::new([frames.len() as usize, 1, 1, 2], data).unwrap()
}

/// The banks of a seam at frame 40 with an overlap of `reach` frames on either side.
fn banks(reach: u64, left: f32, right: f32) -> Banks {
    let overlap = Frames::new(40 - reach, 40 + reach);
    let before = Banks::before(overlap, &model());
    Banks::new(overlap, 40, PINNED, &model(), latents(before, left), latents(overlap, right)).unwrap()
}

fn sides(latents: &Tensor) -> Vec<f32> {
    latents.data().iter().skip(1).step_by(2).copied().collect()
}

fn pinned(pass: &Pass, window: Frames) -> Vec<u64> {
    let known = pass.known(window, Bridging::default()).unwrap();
    let held = (window.start..window.end).zip(known.pinned).filter(|(_, held)| *held);
    held.map(|(frame, _)| frame).collect()
}

#[test]
fn the_middle_is_held_to_both_sides_and_faded_in_between() {
    let banks = banks(8, 0.0, 1.0);
    let pass = banks.middle().unwrap();
    let window = Frames::new(36, 44);
    assert_eq!(pass.windows(), [window]);
    assert_eq!(pinned(&pass, window), [36, 37, 42, 43]);
    assert_eq!(pass.motion(window).unwrap(), latents(Frames::new(34, 36), 0.0));
    let known = sides(&pass.known(window, Bridging::default()).unwrap().latents);
    assert_eq!((&known[..2], &known[6..]), (&[0.0, 0.0][..], &[1.0, 1.0][..]));
    assert!(known.windows(2).skip(1).take(5).all(|pair| pair[0] < pair[1]), "{known:?}");
    // Outside of the window both chains stay as they are.
    let all = sides(&banks.bridged(&pass).unwrap());
    assert_eq!((all.len(), &all[..6], &all[10..]), (16, &[0.0; 6][..], &[1.0; 6][..]));
}

#[test]
fn windows_over_the_whole_overlap_follow_one_another() {
    let banks = banks(8, 0.0, 1.0);
    let mut pass = banks.whole().unwrap();
    let [first, second] = [Frames::new(32, 40), Frames::new(40, 48)];
    assert_eq!(pass.windows(), [first, second]);
    assert_eq!(pass.motion(first).unwrap(), latents(Frames::new(30, 32), 0.0));
    assert_eq!(pinned(&pass, first), [32, 33]);
    pass.put(first, &latents(first, 5.0)).unwrap();
    assert_eq!(pinned(&pass, second), [46, 47]);
    assert_eq!(pass.motion(second).unwrap(), latents(Frames::new(38, 40), 5.0), "of the window before");
    pass.put(second, &latents(second, 6.0)).unwrap();
    assert_eq!(sides(&banks.bridged(&pass).unwrap()), [[5.0; 8], [6.0; 8]].concat());
    assert!(pass.put(second, &latents(first, 6.0).slice(0, 3).unwrap()).is_err());
}

#[test]
fn windows_that_overlap_hold_some_frames_of_the_one_before() {
    let banks = banks(6, 0.0, 1.0);
    let mut pass = banks.whole().unwrap();
    let [first, second] = [Frames::new(34, 42), Frames::new(38, 46)];
    assert_eq!(pass.windows(), [first, second]);
    pass.put(first, &latents(first, 5.0)).unwrap();
    assert_eq!(pinned(&pass, second), [38, 39, 44, 45]);
    let known = pass.known(second, Bridging::default()).unwrap().latents;
    assert_eq!(sides(&known)[..4], [5.0; 4]);
}

#[test]
fn an_overlap_of_one_clip_has_one_window() {
    let banks = banks(4, 0.0, 1.0);
    assert_eq!(banks.middle().unwrap().windows(), [Frames::new(36, 44)]);
    assert_eq!(banks.whole().unwrap().windows(), [Frames::new(36, 44)]);
}

#[test]
fn sides_that_are_equal_stay_what_they_are() {
    let banks = banks(8, 0.75, 0.75);
    let same = latents(Frames::new(32, 48), 0.75);
    assert_eq!(banks.blended().unwrap(), same);
    let pass = banks.middle().unwrap();
    assert_eq!(banks.bridged(&pass).unwrap(), same);
    assert!((banks.disagreement(&pass) - 1.0).abs() < 1e-9);
}

/// The middle window with a side for each of its eight frames.
fn rendered(pass: &Pass, sides: [f32; 8]) -> Pass {
    let window = Frames::new(36, 44);
    let data = (36_u16..44).zip(sides).flat_map(|(frame, side)| [f32::from(frame), side]).collect();
    let mut pass = pass.clone();
    pass.put(window, &Tensor::new([8, 1, 1, 2], data).unwrap()).unwrap();
    pass
}

#[test]
fn a_jump_is_a_disagreement_wherever_it_is_and_a_fade_is_less_of_one() {
    let banks = banks(8, 0.0, 60.0);
    let faded = banks.middle().unwrap();
    let seen = |sides| banks.disagreement(&rendered(&faded, sides));
    // Frames inside change by 0.5 on average; a jump adds 30.
    for at in 2..=6 {
        let jump: Vec<f32> = (0..8).map(|frame| if frame < at { 0.0 } else { 60.0 }).collect();
        assert!((seen(jump.try_into().unwrap()) - 30.5 / 0.5).abs() < 1e-6, "at {at}");
    }
    let fade = banks.disagreement(&faded);
    assert!(fade > UNSEEN && fade < 30.0, "{fade}");
}

#[test]
fn what_the_chains_do_themselves_is_no_disagreement() {
    // Both blink at frame 40; one of them at 38 too.
    let overlap = Frames::new(32, 48);
    let blink = |frames: Frames, at: &[u64]| {
        let row = |frame: u64| [frame as f32, if at.contains(&frame) { 50.0 } else { 0.0 }];
        Tensor::new([frames.len() as usize, 1, 1, 2], (frames.start..frames.end).flat_map(row).collect()).unwrap()
    };
    let left = blink(Banks::before(overlap, &model()), &[38, 40]);
    let banks = Banks::new(overlap, 40, PINNED, &model(), left, blink(overlap, &[40])).unwrap();
    let middle = banks.middle().unwrap();
    let side = |at: &[usize]| std::array::from_fn(|frame| if at.contains(&(frame + 36)) { 50.0 } else { 0.0 });
    for (at, seen) in [(&[40][..], 1.0), (&[38, 40], 1.0), (&[38], 1.0), (&[42], 51.0), (&[], 1.0)] {
        assert!((banks.disagreement(&rendered(&middle, side(at))) - seen).abs() < 1e-6, "{at:?}");
    }
}

/// Runs a search in which each trial comes out as `make` says; what was tried, and what was found.
fn search(banks: &Banks, make: impl Fn(&Trial) -> (Pass, bool)) -> (Vec<&'static str>, &'static str, Tensor) {
    let mut search = Search::new(banks, Bridging::default()).unwrap();
    let mut tried = Vec::new();
    while let Some(trial) = search.trial() {
        tried.push(trial.name);
        let (pass, good) = make(&trial);
        search.put(trial.name, pass, good);
    }
    let (name, _, latents) = search.end().unwrap();
    (tried, name, latents)
}

/// A slow way from one side to the other, and a jump.
const SMOOTH: [f32; 8] = [0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4];
const JUMP: [f32; 8] = [0.0, 0.0, 0.0, 0.0, 60.0, 60.0, 60.0, 60.0];

#[test]
fn a_bridge_that_nobody_sees_is_taken_at_once() {
    let banks = banks(8, 0.0, 0.4);
    let (tried, name, latents) = search(&banks, |trial| (rendered(&trial.pass, SMOOTH), true));
    assert_eq!((&tried[..], name), (&["middle"][..], "middle"));
    assert_eq!(sides(&latents)[4..12], SMOOTH);
}

#[test]
fn the_bridge_counts_that_is_seen_least_and_the_cross_fade_where_none_is_better() {
    let banks = banks(8, 0.0, 60.0);
    let jumps = |trial: &Trial| match trial.name {
        "whole" => (trial.pass.clone(), true),
        _ => (rendered(&trial.pass, JUMP), true),
    };
    let (tried, name, _) = search(&banks, jumps);
    // The whole overlap, left at its cross-fade over twelve frames here, is slower than that over four in the middle.
    assert_eq!((&tried[..], name), (&["middle", "whole", "gentle"][..], "whole"));
    let (_, name, latents) = search(&banks, |trial| (rendered(&banks.middle().unwrap(), JUMP), trial.name != "gentle"));
    assert_eq!((name, latents), ("fade", banks.bridged(&banks.middle().unwrap()).unwrap()));
    // What is not good enough to be shown is not shown, however smooth it is.
    let (tried, name, _) = search(&banks, |trial| (trial.pass.clone(), false));
    assert_eq!((tried.len(), name), (3, "fade"));
}

#[test]
fn gentle_bridges_keep_more_of_the_cross_fade() {
    let banks = banks(4, 0.0, 60.0);
    let mut search = Search::new(&banks, Bridging { steps: 3, strength: 0.4, jumps: 1 }).unwrap();
    let all: Vec<_> = std::iter::from_fn(|| search.trial()).map(|trial| (trial.name, trial.bridging)).collect();
    let how = |strength| Bridging { steps: 3, strength, jumps: 1 };
    assert_eq!(all, [("middle", how(0.4)), ("gentle", how(0.2))], "an overlap of one clip has no larger bridge");
}

#[test]
fn a_cross_fade_is_as_long_as_a_clip() {
    let blended = sides(&banks(8, 0.0, 1.0).blended().unwrap());
    assert_eq!((&blended[..4], &blended[12..]), (&[0.0; 4][..], &[1.0; 4][..]));
    let middle = &blended[4..12];
    assert!(middle.iter().zip(1..).all(|(x, step)| (x - step as f32 / 9.0).abs() < 1e-3), "{middle:?}");
}

#[test]
fn latents_of_other_frames_are_refused() {
    let overlap = Frames::new(32, 48);
    let before = latents(Banks::before(overlap, &model()), 0.0);
    let new = |left: &Tensor, right| Banks::new(overlap, 40, PINNED, &model(), left.clone(), right);
    assert!(new(&before, latents(overlap, 0.0)).is_ok());
    assert!(new(&before, latents(Frames::new(32, 47), 0.0)).is_err());
    assert!(new(&latents(overlap, 0.0), latents(overlap, 0.0)).is_err());
    let small = Frames::new(37, 43);
    let left = latents(Banks::before(small, &model()), 0.0);
    assert!(Banks::new(small, 40, PINNED, &model(), left, latents(small, 0.0)).is_err(), "shorter than a clip");
}
