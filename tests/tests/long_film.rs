//! A long film of the demo network through a farm: what every role holds, how many frames, and whether picture and sound end together.
//!
//! It takes as long as the film takes to render, twice over, so that it is run by `make longfilm` and not with the other tests.

use std::{fs::File, io::Write as _, path::Path};

use shared::Fps;
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

/// Renders a film of so many seconds by fresh roles: the most memory of each, and the seconds it took.
fn film(farm: &Farm, seconds: f64, name: &str) -> ([f64; 3], f64) {
    speech(&farm.house.path("speech.wav"), seconds);
    let mut roles = ROLES.map(|role| match role {
        "coordinator" => farm.start(&["coordinator", "--listen", farm.listen()]),
        role => farm.start(&[role]),
    });
    farm.wait_for_api(&mut roles[0]);
    let began = std::time::Instant::now();
    let args = ["submit", "portrait.png", "speech.wav", "--model", "demo", "--wait", "-o", name];
    farm.json(&args);
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
    (peaks, took)
}

#[test]
#[ignore = "takes as long as the film takes to render"]
fn a_long_film_needs_no_more_memory_than_a_short_one() {
    let farm = Farm::on_services();
    std::fs::copy(tests::root().join("demo/portrait.png"), farm.house.path("portrait.png")).unwrap();
    farm.json(&["migrate"]);
    let (short, _) = film(&farm, 60.0, "short.mp4");
    let (long, took) = film(&farm, minutes() * 60.0, "long.mp4");
    for ((role, short), long) in ROLES.iter().zip(short).zip(long) {
        let ratio = long / short;
        eprintln!("{role}: {short:.1} MB for a minute, {long:.1} MB for {} minutes: {ratio:.3}", minutes());
        assert!(ratio <= 1.1, "the {role} holds {ratio} times as much for the longer film");
    }
    eprintln!("{:.2} s of work for each second of film", took / (minutes() * 60.0));
}
