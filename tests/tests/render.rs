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

#[test]
fn a_film_over_a_minute_is_cut_into_chains_unless_it_is_told_not_to_be() {
    let house = house(62.0);
    let render = |out, more: &[&str]| {
        let document = house.json(&arguments(out, &[&["--keep-latents"], more].concat()));
        assert_eq!(document["frames"], 1550);
        assert_eq!(media::probe::film(&house.path(out)).unwrap().frames, 1550);
        let job = document["job"].as_str().unwrap().to_owned();
        let kept = std::path::PathBuf::from(document["kept"].as_str().unwrap());
        let tasks: Vec<String> = latents(&kept).into_keys().collect();
        let chains = tasks.iter().filter(|task| task.ends_with("-00000") && task.starts_with("segment")).count();
        let bridges = tasks.iter().filter(|task| task.starts_with("bridge")).count();
        let seams = house.json(&["quality", &job, "--json"])["summary"]["seams"].as_array().unwrap().len();
        (job, chains, bridges, seams)
    };
    let (auto, chains, bridges, seams) = render("auto.mp4", &[]);
    assert_eq!((chains, bridges, seams), (2, 1, 1));
    assert_eq!(render("anchored.mp4", &["--continuity", "anchored"]).0, auto, "the same order");
    let (strict, chains, bridges, seams) = render("strict.mp4", &["--continuity", "strict"]);
    assert_eq!((chains, bridges, seams), (1, 0, 0));
    assert_ne!(strict, auto);
    // A cut leaves no bridge, and its seam is measured all the same.
    let (_, chains, bridges, seams) = render("cut.mp4", &["--join", "cut"]);
    assert_eq!((chains, bridges, seams), (2, 0, 1));
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

/// The fragments that a playlist in `dir` names, after what stands before them all: what a player has seen.
fn stream(dir: &Path, playlist: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(dir.join("init.mp4")).unwrap();
    for name in playlist.lines().filter(|line| !line.starts_with('#')) {
        bytes.extend(std::fs::read(dir.join(name)).unwrap());
    }
    bytes
}

#[test]
fn a_film_can_be_watched_while_it_is_rendered() {
    let house = house(40.0);
    let dir = house.path("watch");
    let args = arguments("film.mp4", &["--watch-dir", "watch", "--fps", "24000/1001"]);
    let mut child = house.start(&args);
    let mut grew = Vec::new();
    while child.try_wait().unwrap().is_none() {
        let Ok(playlist) = std::fs::read_to_string(dir.join("watch.m3u8")) else { continue };
        if grew.last() != Some(&playlist) {
            // Every fragment that a playlist names is there, whole.
            let seen = house.path("seen.mp4");
            std::fs::write(&seen, stream(&dir, &playlist)).unwrap();
            media::film::decode(&seen, |_, _| Ok(())).unwrap();
            grew.push(playlist);
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    assert!(child.wait().unwrap().success());
    let last = std::fs::read_to_string(dir.join("watch.m3u8")).unwrap();
    assert!(last.ends_with("#EXT-X-ENDLIST\n"), "{last}");
    assert!(grew.iter().any(|playlist| !playlist.contains("ENDLIST")), "nothing could be seen before the end");
    assert!(grew.windows(2).all(|pair| pair[1].starts_with(&pair[0])), "a playlist only grows");
    let seen = house.path("seen.mp4");
    std::fs::write(&seen, stream(&dir, &last)).unwrap();
    let pictures = |path: &Path| {
        let mut all = Vec::new();
        media::film::decode(path, |_, picture| {
            all.push(shared::digest::sha256(picture.data()));
            Ok(())
        })
        .unwrap();
        all
    };
    let film = pictures(&house.path("film.mp4"));
    assert_eq!(film.len(), 960);
    assert!(pictures(&seen) == film, "the same pictures as in the film");
    let sound = media::audio::measure(&seen).unwrap();
    assert!((sound.seconds() - 40.0).abs() < 0.05, "{} s of sound", sound.seconds());
}

#[test]
fn a_preview_is_rendered_once_and_changes_nothing() {
    let house = house(20.0);
    let whole = house.json(&arguments("whole.mp4", &["--keep-latents"]));
    let kept = std::path::PathBuf::from(whole["kept"].as_str().unwrap());
    let expected = latents(&kept);
    std::fs::remove_dir_all(&kept).unwrap();
    let document = house.json(&arguments("film.mp4", &["--preview", "first,middle,last"]));
    let excerpts: Vec<_> = document["preview"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    // A film of one chain can be looked at where it begins.
    assert_eq!(excerpts, ["film.part-00000.mp4"]);
    assert!(!house.path("film.mp4").exists());
    let info = media::probe::film(&house.path(excerpts[0])).unwrap();
    let sound = info.audio.unwrap();
    assert_eq!(info.frames, 96);
    assert!((sound.start.abs() < 0.05) && (sound.seconds - 96.0 / 25.0).abs() < 0.1, "{sound:?}");
    let before = attempts(&kept);
    assert!(!before.is_empty() && before.len() < expected.len(), "{:?}", before.keys());
    let again = house.json(&arguments("film.mp4", &["--preview", "first", "--overwrite"]));
    assert_eq!(again["preview"], document["preview"]);
    house.json(&arguments("film.mp4", &["--keep-latents"]));
    let after = attempts(&kept);
    assert!(before.keys().all(|key| after.contains_key(key)), "rendered again: {:?} {:?}", before.keys(), after.keys());
    assert!(latents(&kept) == expected);
    assert_eq!(std::fs::read(house.path("whole.mp4")).unwrap(), std::fs::read(house.path("film.mp4")).unwrap());
}

#[test]
fn what_renders_left_is_listed_and_removed() {
    let house = house(5.0);
    let whole = house.json(&arguments("film.mp4", &["--keep-latents"]));
    let kept = std::path::PathBuf::from(whole["kept"].as_str().unwrap());
    std::fs::create_dir_all(house.path("data/renders/of-somebody-else")).unwrap();
    let listed = house.json(&["clean", "--json"]);
    let renders = listed["renders"].as_array().unwrap();
    assert_eq!((renders.len(), &renders[0]["job"], &renders[0]["state"]), (1, &whole["job"], &"done".into()));
    assert!(renders[0]["bytes"].as_u64().unwrap() > 10_000, "{listed}");
    assert_eq!(house.json(&["clean", "--older", "1h", "--yes", "--json"])["renders"].as_array().unwrap().len(), 0);
    assert!(kept.exists());
    // What another process works in stays.
    let lock = std::fs::File::create(kept.join("lock")).unwrap();
    lock.lock().unwrap();
    let busy = house.json(&["clean", "--yes", "--json"]);
    assert_eq!((&busy["renders"][0]["state"], &busy["renders"][0]["removed"]), (&"in use".into(), &false.into()));
    drop(lock);
    let done = house.json(&["clean", "--yes", "--json"]);
    assert_eq!(done["renders"][0]["removed"], true);
    assert!(!kept.exists() && house.path("data/renders/of-somebody-else").exists());
    assert_eq!(house.json(&["clean", "--json"])["renders"].as_array().unwrap().len(), 0);
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
