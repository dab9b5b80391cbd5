//! A long film of the demo network through a farm: what every role holds, how many frames, whether picture and sound end together, whether it
//! drifts, and what a retake in it changes.
//!
//! It takes as long as the film takes to render, twice over, so that it is run by `make longfilm` and not with the other tests.

use std::{fs::File, io::Write as _, path::Path};

use shared::{Fps, Timecode, digest::sha256};
use tests::farm::{Farm, Role};

/// One process for each role that a studio starts.
const ROLES: [&str; 3] = ["coordinator", "worker", "stitcher"];

/// Minutes of the long film.
fn minutes() -> f64 {
    std::env::var("EMOFARM_FILM_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(10.0)
}

/// Speech of a length: the file that `EMOFARM_FILM_SPEECH` names (16-bit mono WAV), or the demo's, again and again.
fn speech(path: &Path, seconds: f64) {
    let named = std::env::var_os("EMOFARM_FILM_SPEECH").map(std::path::PathBuf::from);
    let bytes = std::fs::read(named.unwrap_or_else(|| tests::root().join("demo/speech.wav"))).unwrap();
    let data = bytes.windows(4).position(|at| at == b"data").expect("the WAV has data") + 8;
    let rate = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
    let wanted = (seconds * f64::from(rate)).round() as usize * 2;
    let mut header = bytes[..data].to_vec();
    header[4..8].copy_from_slice(&((data + wanted - 8) as u32).to_le_bytes());
    header[data - 4..].copy_from_slice(&(wanted as u32).to_le_bytes());
    let mut file = File::create(path).unwrap();
    file.write_all(&header).unwrap();
    let spoken = &bytes[data..data + (bytes.len() - data) / 2 * 2];
    let mut left = wanted;
    while left > 0 {
        let piece = left.min(spoken.len());
        file.write_all(&spoken[..piece]).unwrap();
        left -= piece;
    }
}

/// The most memory that a process has held, in MB.
fn peak(role: &Role) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", role.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<f64>().ok()).unwrap() / 1024.0
}

/// A film that was made.
struct Made {
    job: String,
    /// The most memory of each role, in MB.
    peaks: [f64; 3],
    /// Seconds from the order to the film.
    took: f64,
}

/// Renders a film of so many seconds by fresh roles.
fn film(farm: &Farm, seconds: f64, name: &str) -> Made {
    speech(&farm.house.path("speech.wav"), seconds);
    let mut roles = start(farm);
    farm.wait_for_api(&mut roles[0]);
    let began = std::time::Instant::now();
    // Such as "--steps 1" for a film that is made sooner, or "--continuity strict" for one chain.
    let more = std::env::var("EMOFARM_FILM_ARGS").unwrap_or_default();
    let mut args = vec!["submit", "portrait.png", "speech.wav", "--model", "demo", "--wait", "-o", name];
    args.extend(more.split_whitespace());
    let job = farm.json(&args)["id"].as_str().expect("the job has an id").to_owned();
    let took = began.elapsed().as_secs_f64();
    let peaks = [0, 1, 2].map(|n| peak(&roles[n]));
    let info = media::probe::film(&farm.house.path(name)).unwrap();
    let frames = (seconds * 25.0).ceil() as u64;
    assert_eq!(info.frames, frames, "not a frame more or less");
    let sound = info.audio.unwrap();
    let offset = (sound.start + sound.seconds - info.video_seconds).abs();
    eprintln!(
        "{seconds} s: {took:.0} s, frames {frames}, sound from {} s, ends {offset:.4} s apart, MB {peaks:.1?}",
        sound.start
    );
    assert!(sound.start.abs() < 0.02 && offset < 0.5 / Fps::PAL.as_f64(), "picture and sound drift apart: {offset} s");
    Made { job, peaks, took }
}

fn start(farm: &Farm) -> [Role; 3] {
    ROLES.map(|role| match role {
        "coordinator" => farm.start(&["coordinator", "--listen", farm.listen()]),
        role => farm.start(&[role]),
    })
}

/// Tells how good the film is; sharpness and colour do not drift from its first minute to its last.
fn judge(farm: &Farm, job: &str) {
    let mut roles = start(farm);
    farm.wait_for_api(&mut roles[0]);
    let told = farm.json(&["quality", job, "--plot", "quality.png"]);
    let summary = &told["summary"];
    let number = |name: &str| summary[name].as_f64().unwrap_or_else(|| panic!("no {name}: {summary}"));
    let (sharpness, colour) = (number("sharpness_drift"), number("colour_drift"));
    eprintln!(
        "clips {}, rendered again {}, anchored again {}; seams {}, 95th percentile {}, within chains {}; sharpness {sharpness}, colour {colour:+} from the first minute to the last",
        summary["clips"],
        summary["rendered_again"],
        summary["anchored_again"],
        summary["seams"].as_array().map_or(0, Vec::len),
        summary["seams_p95"],
        summary["inner_p95"],
    );
    if let Some(dir) = std::env::var_os("EMOFARM_FILM_KEEP") {
        let dir = Path::new(&dir);
        std::fs::copy(farm.house.path("quality.png"), dir.join("quality.png")).unwrap();
        std::fs::copy(farm.house.path("long.mp4"), dir.join("long.mp4")).unwrap();
        std::fs::write(dir.join("quality.json"), told.to_string()).unwrap();
    }
    assert!((sharpness - 1.0).abs() <= 0.03 && colour.abs() <= 0.03, "the film drifts: {sharpness}, {colour}");
}

/// Digests of the pictures of a film.
fn pictures(path: &Path) -> Vec<String> {
    let mut all = Vec::new();
    media::film::decode(path, |_, picture| {
        all.push(sha256(picture.data()));
        Ok(())
    })
    .unwrap();
    all
}

/// Ten seconds in the middle of the film are rendered anew: no more than they and both seams take, and nothing else changes.
fn retake(farm: &Farm, job: &str, seconds: f64) {
    let mut roles = start(farm);
    farm.wait_for_api(&mut roles[0]);
    let middle = (seconds / 2.0).floor() as u64 * 25;
    let at = |frame| Timecode { frame, fps: Fps::PAL };
    let began = std::time::Instant::now();
    let range = format!("{}-{}", at(middle), at(middle + 250));
    let id = farm.json(&["retake", job, &range, "--wait", "-o", "again.mp4"])["id"].as_str().unwrap().to_owned();
    let took = began.elapsed().as_secs_f64();
    let records = farm.json(&["quality", &id])["records"].as_array().unwrap().clone();
    let clips = records.iter().filter(|record| record["quality"].get("clip").is_some()).count();
    let runs = records.iter().filter(|record| record["quality"].get("part").is_some());
    let encoded: Vec<u64> =
        runs.flat_map(|run| run["frames"]["start"].as_u64().unwrap()..run["frames"]["end"].as_u64().unwrap()).collect();
    let [before, after] = ["long.mp4", "again.mp4"].map(|name| pictures(&farm.house.path(name)));
    assert_eq!(before.len(), after.len());
    let changed: Vec<u64> = (0..before.len() as u64).filter(|at| before[*at as usize] != after[*at as usize]).collect();
    eprintln!(
        "retake of {range}: {took:.0} s, {clips} clips of 12 frames, {} frames encoded, {} changed, from {:?} to {:?}",
        encoded.len(),
        changed.len(),
        changed.first(),
        changed.last()
    );
    // An overlap of a clip at both seams, a clip of warm-up, and what bridges take.
    assert!((250 / 12..=36).contains(&clips), "{clips} clips");
    assert!(changed.len() > 200 && changed.iter().all(|frame| encoded.contains(frame)), "other frames changed");
}

#[test]
#[ignore = "takes as long as the film takes to render"]
fn a_long_film_needs_no_more_memory_than_a_short_one() {
    let farm = Farm::on_services();
    std::fs::copy(tests::root().join("demo/portrait.png"), farm.house.path("portrait.png")).unwrap();
    farm.json(&["migrate"]);
    let short = film(&farm, 60.0, "short.mp4");
    let long = film(&farm, minutes() * 60.0, "long.mp4");
    eprintln!("{:.2} s of work for each second of film", long.took / (minutes() * 60.0));
    let ratios = [0, 1, 2].map(|role| long.peaks[role] / short.peaks[role]);
    for (role, n) in ROLES.iter().zip(0..) {
        let (short, long, ratio) = (short.peaks[n], long.peaks[n], ratios[n]);
        eprintln!("{role}: {short:.1} MB for a minute, {long:.1} MB for {} minutes: {ratio:.3}", minutes());
    }
    judge(&farm, &long.job);
    retake(&farm, &long.job, minutes() * 60.0);
    assert!(ratios.iter().all(|ratio| *ratio <= 1.1), "some role holds more for the longer film: {ratios:?}");
}
