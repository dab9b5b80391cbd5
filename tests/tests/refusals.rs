//! Bad input: exit code 2, an error that names the file and the mend, nothing written.

use std::path::Path;

use tests::{
    binary::House,
    inputs::{self, crc32},
};

/// A house with a good portrait and a good track.
fn house() -> House {
    let house = House::new();
    std::fs::copy(inputs::portrait(), house.path("portrait.png")).unwrap();
    inputs::tone(&house.path("tone.wav"), 1.0, 16_000);
    house
}

/// Runs a render that must be refused, and returns what it said.
fn refused(house: &House, portrait: &str, audio: &str, more: &[&str]) -> String {
    let mut args = vec!["render", portrait, audio, "-o", "film.mp4", "--model", "test-pattern"];
    args.extend(more);
    let output = house.run(&args);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    assert!(
        std::fs::read(house.path("film.mp4")).is_ok_and(|film| film == b"mine") || !house.path("film.mp4").exists()
    );
    let renders = house.path("data/renders");
    assert!(!renders.exists() || renders.read_dir().unwrap().next().is_none(), "{args:?} left work behind");
    text
}

fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "\"{text}\" does not say \"{word}\"");
    }
}

/// A PNG header that promises a picture of `width` x `height` and holds nothing.
fn huge_png(path: &Path, width: u32, height: u32) {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0]);
    let crc = crc32(&bytes[12..]);
    bytes.extend(crc.to_be_bytes());
    // An empty data chunk: the header must be enough to refuse.
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(b"IDAT");
    bytes.extend(crc32(b"IDAT").to_be_bytes());
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn tracks_that_are_none() {
    let house = house();
    std::fs::write(house.path("empty.wav"), b"").unwrap();
    std::fs::write(house.path("words.txt"), b"not a sound at all, just words\n".repeat(50)).unwrap();
    inputs::tone(&house.path("silent.wav"), 0.0, 16_000);
    for track in ["missing.wav", "empty.wav", "words.txt", "silent.wav", "portrait.png"] {
        says(&refused(&house, "portrait.png", track, &[]), &[track, "("]);
    }
    let whole = std::fs::read(house.path("tone.wav")).unwrap();
    std::fs::write(house.path("cut.wav"), &whole[..whole.len() / 3]).unwrap();
    says(&refused(&house, "portrait.png", "cut.wav", &[]), &["cut.wav"]);
}

#[test]
fn playlists_do_not_open_other_files() {
    let house = house();
    std::fs::write(house.path("list.wav"), "#EXTM3U\n#EXTINF:1,\ntone.wav\n#EXT-X-ENDLIST\n").unwrap();
    says(&refused(&house, "portrait.png", "list.wav", &[]), &["list.wav"]);
    std::fs::write(house.path("concat.wav"), "ffconcat version 1.0\nfile tone.wav\n").unwrap();
    says(&refused(&house, "portrait.png", "concat.wav", &[]), &["concat.wav"]);
}

#[test]
fn portraits_that_are_none() {
    let house = house();
    std::fs::write(house.path("words.png"), b"not a picture").unwrap();
    huge_png(&house.path("huge.png"), 20_000, 20_000);
    huge_png(&house.path("dot.png"), 1, 1);
    for portrait in ["missing.png", "words.png", "huge.png", "dot.png", "tone.wav"] {
        says(&refused(&house, portrait, "tone.wav", &[]), &[portrait, "("]);
    }
}

#[test]
fn faces_outside_of_the_picture() {
    let house = house();
    let text = refused(&house, "portrait.png", "tone.wav", &["--face", "500,0,100,100"]);
    says(&text, &["face", "512x512"]);
    refused(&house, "portrait.png", "tone.wav", &["--face", "0,0,0,9"]);
}

#[test]
fn places_that_cannot_take_a_film() {
    let house = house();
    std::fs::write(house.path("film.mp4"), b"mine").unwrap();
    says(&refused(&house, "portrait.png", "tone.wav", &[]), &["film.mp4", "--overwrite"]);
    assert_eq!(std::fs::read(house.path("film.mp4")).unwrap(), b"mine");
    std::fs::remove_file(house.path("film.mp4")).unwrap();
    let output = house.run(&["render", "portrait.png", "tone.wav", "-o", "none/film.mp4", "--model", "test-pattern"]);
    assert_eq!(output.status.code(), Some(2));
    says(&String::from_utf8_lossy(&output.stderr), &["none", "exists"]);
}

#[test]
fn models_and_settings_that_are_wrong() {
    let house = house();
    let output = house.run(&["render", "portrait.png", "tone.wav", "-o", "film.mp4", "--model", "nobody"]);
    assert_eq!(output.status.code(), Some(2));
    says(&String::from_utf8_lossy(&output.stderr), &["nobody", "model list"]);
    std::fs::write(house.path("emofarm.toml"), "colour = \"blue\"\n").unwrap();
    says(&refused(&house, "portrait.png", "tone.wav", &[]), &["colour"]);
    std::fs::remove_file(house.path("emofarm.toml")).unwrap();
    let output = house.command(&["doctor"]).env("EMOFARM_COLOUR", "blue").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let house = house();
    let output =
        house.run(&["render", "portrait.png", "none.wav", "-o", "film.mp4", "--model", "test-pattern", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["ok"], false);
    assert_eq!(document["exit_code"], 2);
    assert!(document["error"].as_str().unwrap().contains("none.wav"));
}
