//! Portraits with one face, several and none, through the binary: a demo pack with a detector, and drawings in place of photographs.

use std::path::Path;

use shared::digest::sha256;
use tests::{binary::House, inputs};

/// The demo pack with the drawn faces' detector beside its weights and in its manifest.
fn pack_with_detector(to: &Path) {
    let (demo, detector) = (tests::root().join("models/demo"), tests::root().join("diffusion/tests/face/yunet.onnx"));
    std::fs::create_dir_all(to).unwrap();
    std::fs::copy(demo.join("model.safetensors"), to.join("model.safetensors")).unwrap();
    std::fs::copy(&detector, to.join("yunet.onnx")).unwrap();
    let sum = sha256(&std::fs::read(detector).unwrap());
    let manifest = std::fs::read_to_string(demo.join("model.toml")).unwrap();
    let manifest = manifest.replacen("[checksums]\n", &format!("[checksums]\n\"yunet.onnx\" = \"{sum}\"\n"), 1);
    assert!(manifest.contains("yunet.onnx"));
    std::fs::write(to.join("model.toml"), manifest).unwrap();
}

fn house() -> House {
    let house = House::new();
    pack_with_detector(&house.path("seeing"));
    inputs::tone(&house.path("tone.wav"), 0.3, 16_000);
    house
}

const RENDER: [&str; 8] = ["render", "faces.png", "tone.wav", "-o", "film.mp4", "--steps", "1", "--overwrite"];

fn render<'a>(model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = RENDER.to_vec();
    args.extend(["--model", model]);
    args.extend(more);
    args
}

/// The numbers of a box in a JSON document.
fn numbers(face: &serde_json::Value) -> [i64; 4] {
    ["x", "y", "w", "h"].map(|key| face[key].as_i64().unwrap_or(-1))
}

#[test]
fn the_largest_face_is_taken_and_the_others_are_named() {
    let house = house();
    inputs::png(&house.path("faces.png"), &inputs::faces(640, 480, &[[150.0, 160.0, 60.0], [450.0, 300.0, 100.0]]));
    let document = house.json(&render("./seeing", &["--json"]));
    let [x, y, w, h] = numbers(&document["face"]);
    assert!((x - 350).abs() < 12 && (y - 200).abs() < 12 && (w - 200).abs() < 24 && (h - 200).abs() < 24, "{document}");
    assert_eq!(document["faces"].as_array().unwrap().len(), 2, "{document}");
    let other = numbers(&document["faces"][1]["box"]).map(|n| n.to_string()).join(",");
    let remark = document["remarks"][0].as_str().unwrap();
    assert!(remark.contains("2 faces") && remark.contains("--face") && remark.contains(&other), "{remark}");

    let output = house.run(&render("./seeing", &["--face", &other]));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !text.contains("faces"), "the order chose: {text}");
    let output = house.run(&render("./seeing", &[]));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("2 faces") && text.contains(&other), "{text}");
}

#[test]
fn a_picture_without_a_face_is_refused_before_anything_is_queued() {
    let house = house();
    inputs::png(&house.path("faces.png"), &inputs::faces(300, 200, &[]));
    let output = house.run(&render("./seeing", &[]));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("faces.png") && text.contains("--face x,y,w,h"), "{text}");
    assert!(!house.path("film.mp4").exists() && !house.path("data/renders").exists());
    let document = house.json(&render("./seeing", &["--face", "100,40,90,110", "--json"]));
    assert_eq!(numbers(&document["face"]), [100, 40, 90, 110]);
    assert!(document["remarks"][0].as_str().unwrap().contains("100,40,90,110"), "{document}");
}

#[test]
fn without_a_detector_the_command_says_what_it_takes_for_the_face() {
    let house = house();
    inputs::png(&house.path("faces.png"), &inputs::faces(300, 200, &[[150.0, 100.0, 60.0]]));
    let output = house.run(&render("demo", &[]));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("no face detector") && text.contains("--face"), "{text}");
    let output = house.run(&render("demo", &["--mask-lip", "100,100,40,20"]));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && text.contains("--mask-lip"), "{text}");
}

#[test]
fn a_detector_that_was_altered_is_refused_by_name() {
    let house = house();
    inputs::png(&house.path("faces.png"), &inputs::faces(300, 200, &[[150.0, 100.0, 60.0]]));
    let file = house.path("seeing/yunet.onnx");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[3000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let output = house.run(&render("./seeing", &[]));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && text.contains("yunet.onnx") && text.contains("SHA-256"), "{text}");
}
