//! Whole renders with the `test-pattern` model: the film is exact, and crashes do not change it.

use std::{path::Path, process::Child, time::Duration};

use tests::{
    binary::House,
    inputs,
    kept::{attempts, latents},
};

fn arguments<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["render", "portrait.png", "tone.wav", "-o", out, "--model", "test-pattern", "--json"];
    args.extend(more);
    args
}

fn house(seconds: f64) -> House {
    let house = House::new();
    std::fs::copy(inputs::portrait(), house.path("portrait.png")).unwrap();
    inputs::tone(&house.path("tone.wav"), seconds, 22_050);
    house
}

#[test]
fn the_film_has_every_frame_and_its_audio() {
    let house = house(7.03);
    for (fps, frames) in [("25", 176), ("24000/1001", 169), ("29.97", 211)] {
        let out = house.json(&arguments("film.mp4", &["--fps", fps, "--overwrite"]));
        assert_eq!(out["frames"], frames, "{out}");
        let info = media::probe::film(&house.path("film.mp4")).unwrap();
        assert_eq!(info.frames, frames, "{fps}");
        let audio = info.audio.unwrap().seconds;
        assert!((audio - 7.03).abs() < 0.03, "{fps}: {audio} s of audio");
        let film = frames as f64 / info.fps.as_f64();
        assert!((film - audio).abs() < 1.0 / info.fps.as_f64() + 0.03, "{fps}: {film} s of pictures for {audio} s");
    }
    assert!(house.path("data/renders").read_dir().unwrap().next().is_none(), "a finished render leaves no work behind");
}

#[test]
fn the_same_seed_gives_the_same_latents_and_another_seed_others() {
    let house = house(5.0);
    let render = |out, seed| {
        let document = house.json(&arguments(out, &["--seed", seed, "--keep-latents"]));
        let kept = std::path::PathBuf::from(document["kept"].as_str().unwrap());
        let found = latents(&kept);
        std::fs::remove_dir_all(kept).unwrap();
        found
    };
    let first = render("a.mp4", "1");
    assert_eq!(first.len(), 3, "{:?}", first.keys());
    assert!(first == render("b.mp4", "1"));
    assert!(first != render("c.mp4", "2"));
    assert_eq!(std::fs::read(house.path("a.mp4")).unwrap(), std::fs::read(house.path("b.mp4")).unwrap());
}

/// Waits until some segment's latents are on the disk, or the program has ended.
fn wait_for_segment(child: &mut Child, data: &Path, segment: usize) {
    let name = format!("segment-0-{segment:05}");
    while child.try_wait().unwrap().is_none() {
        if attempts(data).keys().any(|(task, _)| *task == name) {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_render_killed_at_any_segment_goes_on_and_ends_the_same() {
    let house = house(20.0);
    let whole = house.json(&arguments("whole.mp4", &["--keep-latents"]));
    let kept = std::path::PathBuf::from(whole["kept"].as_str().unwrap());
    let expected = latents(&kept);
    std::fs::remove_dir_all(&kept).unwrap();
    for segment in [0, 4, 8] {
        let mut child = house.start(&arguments("resumed.mp4", &["--keep-latents", "--overwrite"]));
        wait_for_segment(&mut child, &house.path("data"), segment);
        let _ = child.kill();
        child.wait().unwrap();
        let before = attempts(&house.path("data"));
        let document = house.json(&arguments("resumed.mp4", &["--keep-latents", "--overwrite"]));
        let kept = std::path::PathBuf::from(document["kept"].as_str().unwrap());
        let after = latents(&kept);
        assert!(after == expected, "killed at segment {segment}");
        // What was finished before the kill still counts: the last of them may have been killed between keeping and
        // committing, every other stands under the attempt that made it.
        let counts = attempts(&kept);
        let lost: Vec<_> = before.keys().filter(|key| !counts.contains_key(key)).collect();
        assert!(lost.len() <= 1, "rendered again: {lost:?}");
        std::fs::remove_dir_all(&kept).unwrap();
    }
    assert_eq!(std::fs::read(house.path("whole.mp4")).unwrap(), std::fs::read(house.path("resumed.mp4")).unwrap());
}

#[test]
fn an_interrupt_ends_with_130_and_leaves_no_film() {
    let house = house(120.0);
    let mut child = house.start(&arguments("film.mp4", &[]));
    wait_for_segment(&mut child, &house.path("data"), 1);
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(!house.path("film.mp4").exists());
    let document = house.json(&arguments("film.mp4", &[]));
    assert_eq!(document["frames"], 3000);
}

#[test]
fn memory_does_not_grow_with_the_film() {
    let peak = |seconds| {
        let house = house(seconds);
        let mut child = house.start(&arguments("film.mp4", &[]));
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
            most = most.max(line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0));
            std::thread::park_timeout(Duration::from_millis(20));
        }
        assert!(child.wait().unwrap().success());
        most
    };
    // The peak of one and the same render varies by some percent with the scheduling of its threads: the largest of three
    // short films against the smaller of two long ones. A film that is kept in memory would be ten times as large.
    let short = (0..3).map(|_| peak(60.0)).max().unwrap();
    let long = (0..2).map(|_| peak(600.0)).min().unwrap();
    eprintln!("peak memory: {short} KiB for 1 minute, {long} KiB for 10 minutes");
    assert!(long as f64 <= 1.1 * short as f64, "{short} KiB for 1 minute, {long} KiB for 10 minutes");
}
