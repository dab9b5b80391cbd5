//! Some frames of a film are rendered anew: as few as possible, and the others do not change.

use std::{collections::BTreeMap, ops::Range, path::Path};

use shared::{Picture, digest::sha256};
use tests::{binary::House, inputs, kept::attempts};

/// Frames in a clip of `test-pattern`.
const CLIP: u64 = 12;

/// Frames in a part.
const PART: u64 = 96;

fn film(house: &House, seconds: f64) -> serde_json::Value {
    std::fs::copy(inputs::portrait(), house.path("portrait.png")).unwrap();
    inputs::tone(&house.path("tone.wav"), seconds, 22_050);
    let args =
        ["render", "portrait.png", "tone.wav", "-o", "film.mp4", "--model", "test-pattern", "--keep-latents", "--json"];
    house.json(&args)
}

fn retake(house: &House, job: &str, range: &str, out: &str, more: &[&str]) -> serde_json::Value {
    let mut args = vec!["retake", job, range, "-o", out, "--json"];
    args.extend(more);
    house.json(&args)
}

/// The digests of a film's pictures, and those of `wanted` themselves.
fn pictures(film: &Path, wanted: &Range<u64>) -> (Vec<String>, BTreeMap<u64, Picture>) {
    let (mut digests, mut kept) = (Vec::new(), BTreeMap::new());
    media::film::decode(film, |frame, picture| {
        digests.push(sha256(picture.data()));
        if wanted.contains(&frame) {
            kept.insert(frame, picture.clone());
        }
        Ok(())
    })
    .unwrap();
    (digests, kept)
}

/// Mean absolute difference of two pictures.
fn difference(a: &Picture, b: &Picture) -> f64 {
    let sum: u64 = a.data().iter().zip(b.data()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.data().len() as f64
}

/// The latents of renders that lie in the house, by job and task.
fn latents(house: &House) -> BTreeMap<(String, String), Vec<u8>> {
    let dir = house.path("data/renders").read_dir().unwrap().next().unwrap().unwrap().path();
    let jobs = dir.join("blobs/jobs").read_dir().unwrap().map(|job| job.unwrap());
    jobs.flat_map(|job| {
        let name = job.file_name().to_string_lossy().into_owned();
        attempts(&job.path()).into_iter().map(move |((task, _), bytes)| ((name.clone(), task), bytes))
    })
    .collect()
}

#[test]
fn ten_seconds_of_a_film_are_rendered_anew_and_the_rest_stays() {
    let house = House::new();
    let base = film(&house, 60.0);
    let (job, before) = (base["job"].as_str().unwrap().to_owned(), latents(&house));
    let again = retake(&house, &job, "00:00:30:00-00:00:40:00", "again.mp4", &[]);
    assert_eq!((again["base"].as_str(), again["frames"].as_u64()), (Some(job.as_str()), Some(250)), "{again}");
    let id = again["job"].as_str().unwrap();
    let after = latents(&house);
    assert!(before.iter().all(|(key, bytes)| after.get(key) == Some(bytes)), "the earlier film stays as it was");
    let rendered: Vec<_> = after.keys().filter(|(of, _)| of == id).map(|(_, task)| task.as_str()).collect();
    // 250 frames, an overlap of a clip at both ends and a clip of warm-up: 286 frames in segments of 48, and two bridges.
    assert_eq!(rendered.len(), 6 + 2, "{rendered:?}");
    let changed = 750 - CLIP..1000 + CLIP;
    let parts = changed.start / PART * PART..changed.end.div_ceil(PART) * PART;
    let [old, new] = ["film.mp4", "again.mp4"].map(|name| pictures(&house.path(name), &parts));
    assert_eq!((old.0.len(), new.0.len()), (1500, 1500));
    let kept = (0..1500).filter(|frame| !parts.contains(frame));
    let other: Vec<u64> = kept.filter(|frame| old.0[*frame as usize] != new.0[*frame as usize]).collect();
    assert!(other.is_empty(), "frames {other:?} lie in parts that are kept");
    let mut different = 0;
    for ((frame, old), new) in old.1.iter().zip(new.1.values()) {
        if changed.contains(frame) {
            different += u64::from(difference(old, new) > 0.5);
        } else {
            assert!(difference(old, new) < 1.0, "frame {frame}: only the encoder saw it again");
        }
    }
    assert!(different > 200, "{different} of 250 frames look different");
}

#[test]
fn a_retake_can_be_taken_again_and_takes_another_track() {
    let house = House::new();
    let base = film(&house, 20.0);
    let job = base["job"].as_str().unwrap();
    let first = retake(&house, job, "00:00:05:00-00:00:08:00", "first.mp4", &["--seed", "7"]);
    // The house is that of the first film: retakes lie beside it.
    inputs::tone(&house.path("other.wav"), 20.0, 16_000);
    let args = ["--audio", "other.wav"];
    let second = retake(&house, job, "00:00:12:00-00:00:15:00", "second.mp4", &args);
    assert_ne!(first["job"], second["job"]);
    let info = media::probe::film(&house.path("second.mp4")).unwrap();
    assert_eq!((info.frames, info.audio.is_some()), (500, true));
    let same = retake(&house, job, "00:00:05:00-00:00:08:00", "same.mp4", &["--seed", "7"]);
    assert_eq!(first["job"], same["job"], "the same retake is the same job");
    assert_eq!(std::fs::read(house.path("first.mp4")).unwrap(), std::fs::read(house.path("same.mp4")).unwrap());
    for (range, what) in [("00:00:19:00-00:00:21:00", "not in a film of 500 frames"), ("x", "is not a range")] {
        let output = house.run(&["retake", job, range, "-o", "never.mp4"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && text.contains(what), "{text}");
    }
    assert!(!house.path("never.mp4").exists());
}
