//! Whole renders and the verbs on packs with the published Hallo network at toy width.

use std::{
    path::{Path, PathBuf},
    process::Child,
    time::Duration,
};

use tests::{binary::House, inputs, kept};

/// 20 clips of 6 frames.
const CLIPS: usize = 20;
const SECONDS: f64 = CLIPS as f64 * 6.0 / 25.0;

/// The toy weights in the published layout.
fn pack() -> String {
    tests::root().join("diffusion/tests/data/hallo-tiny").display().to_string()
}

fn house() -> House {
    let house = House::new();
    std::fs::copy(inputs::portrait(), house.path("portrait.png")).unwrap();
    inputs::tone(&house.path("tone.wav"), SECONDS, 16_000);
    house
}

/// A render of one step, in segments of two clips, whose latents stay.
fn arguments<'a>(pack: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["render", "portrait.png", "tone.wav", "-o", out, "--model", pack, "--json", "--keep-latents"];
    args.extend(["--steps", "1", "--segment-clips", "2", "--overwrite"]);
    args.extend(more);
    args
}

type Latents = std::collections::BTreeMap<String, Vec<u8>>;

/// Renders and takes the latents away.
fn latents(house: &House, args: &[&str]) -> Latents {
    let document = house.json(args);
    assert_eq!(document["frames"], CLIPS * 6, "{document}");
    let dir = PathBuf::from(document["kept"].as_str().unwrap());
    let found = kept::latents(&dir);
    std::fs::remove_dir_all(dir).unwrap();
    found
}

/// Waits until the latents of `segment` lie in the data directory, or the program has ended.
fn wait_for_segment(child: &mut Child, house: &House, segment: usize) {
    let name = format!("segment-0-{segment:05}");
    while child.try_wait().unwrap().is_none() {
        if kept::attempts(&house.path("data")).keys().any(|(task, _)| *task == name) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn twenty_clips_end_to_end_both_ways_and_after_a_kill() {
    let (house, pack) = (house(), pack());
    let mut films = Vec::new();
    for way in ["pixels", "latents"] {
        let args = arguments(&pack, "film.mp4", &["--handoff", way]);
        let whole = latents(&house, &args);
        assert_eq!(whole.len(), CLIPS / 2, "{:?}", whole.keys());
        let info = media::probe::film(&house.path("film.mp4")).unwrap();
        assert_eq!((info.frames, info.width), (CLIPS as u64 * 6, 128));
        // Killed in the middle, the same command goes on and ends the same.
        let mut child = house.start(&args);
        wait_for_segment(&mut child, &house, 4);
        let _ = child.kill();
        child.wait().unwrap();
        let before = kept::attempts(&house.path("data")).len();
        assert!((1..CLIPS / 2).contains(&before), "killed after {before} segments");
        assert!(latents(&house, &args) == whole, "{way}");
        films.push(whole);
    }
    // The first clip starts from the portrait both ways; then they part.
    assert!(films[0] != films[1]);
}

#[test]
fn settings_are_honoured_or_refused() {
    let (house, pack) = (house(), pack());
    inputs::tone(&house.path("tone.wav"), 0.24, 16_000);
    let render = |more: &[&str]| {
        let document = house.json(&arguments(&pack, "film.mp4", more));
        let dir = PathBuf::from(document["kept"].as_str().unwrap());
        let found = kept::latents(&dir);
        std::fs::remove_dir_all(dir).unwrap();
        found
    };
    let plain = render(&[]);
    assert!(
        plain == render(&["--reference", "published", "--handoff", "pixels"]),
        "the defaults are the published ones"
    );
    // The toy pack has no recogniser, so its face embedding is zeros and both readings find the same features.
    assert!(plain == render(&["--reference", "corrected"]), "without a recogniser there is one reference only");
    for more in [["--pose-weight", "0.5"], ["--face-weight", "2"], ["--lip-weight", "0"]] {
        assert!(plain != render(&more), "{more:?} changes nothing");
    }
    let refused = |model: &str, more: &[&str], says: &str| {
        let output = house.run(&arguments(model, "film.mp4", more));
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(says), "{text}");
    };
    refused(&pack, &["--head-speed", "0.5"], "has nothing that --head-speed could set");
    refused("demo", &["--lip-weight", "0.5"], "has nothing that --lip-weight could set");
    refused("test-pattern", &["--reference", "corrected"], "has nothing that --reference could set");
}

/// The toy weights with a detector and a recogniser, and a drawn face that they know.
fn seeing() -> House {
    let (house, from) = (House::new(), tests::root().join("diffusion/tests/face"));
    tests::copy(Path::new(&pack()), &house.path("seeing"));
    let models = house.path("seeing/pretrained_models/face_analysis/models");
    std::fs::create_dir_all(&models).unwrap();
    std::fs::copy(from.join("yunet.onnx"), models.join("face_detection_yunet_2023mar.onnx")).unwrap();
    std::fs::copy(from.join("arcface.onnx"), models.join("glintr100.onnx")).unwrap();
    inputs::png(&house.path("portrait.png"), &inputs::faces(320, 320, &[[160.0, 150.0, 80.0]]));
    inputs::tone(&house.path("tone.wav"), 0.24, 16_000);
    house
}

#[test]
fn what_is_known_of_the_face_shapes_the_film() {
    let house = seeing();
    let latents = |more: &[&str]| {
        let document = house.json(&arguments("./seeing", "film.mp4", more));
        let dir = PathBuf::from(document["kept"].as_str().unwrap());
        let found = kept::latents(&dir);
        std::fs::remove_dir_all(dir).unwrap();
        (found, document["face"].clone())
    };
    let (plain, face) = latents(&[]);
    let [x, y, w, h] = ["x", "y", "w", "h"].map(|edge| face[edge].as_i64().unwrap());
    assert!((x - 80).abs() < 10 && (y - 70).abs() < 10 && (w - 160).abs() < 20 && (h - 160).abs() < 20, "{face}");
    let changes = [
        ["--reference", "corrected"],
        ["--face", "100,90,120,120"],
        ["--mask-face", "90,80,100,140"],
        ["--mask-lip", "140,180,40,30"],
        ["--face-expand", "1.6"],
    ];
    let mut films = vec![plain];
    for more in &changes {
        let (film, _) = latents(more);
        assert!(!films.contains(&film), "{more:?} changes nothing, or no more than another");
        films.push(film);
    }
    // The embedding alone: the same face, which nobody recognises.
    std::fs::remove_file(house.path("seeing/pretrained_models/face_analysis/models/glintr100.onnx")).unwrap();
    assert!(!films.contains(&latents(&[]).0), "the face embedding changes nothing");
}

#[test]
fn the_networks_picture_has_the_size_that_the_pack_says() {
    let house = house();
    inputs::tone(&house.path("tone.wav"), 0.24, 16_000);
    tests::copy(Path::new(&pack()), &house.path("sized"));
    let file = house.path("sized/network.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut bytes = Vec::new();
    for size in [64, 192] {
        std::fs::write(&file, text.replace("\"image_size\": 128", &format!("\"image_size\": {size}"))).unwrap();
        let document = house.json(&arguments("./sized", "film.mp4", &[]));
        let info = media::probe::film(&house.path("film.mp4")).unwrap();
        assert_eq!((info.width, info.frames), (size, 6));
        let dir = PathBuf::from(document["kept"].as_str().unwrap());
        bytes.extend(kept::latents(&dir).values().map(Vec::len));
    }
    // Six frames of 4 channels in half or single precision, an eighth of the edge along each side, and a header.
    assert_eq!(bytes.len(), 2);
    let (small, large) = (6 * 4 * 8 * 8, 6 * 4 * 24 * 24);
    assert!(bytes[0] >= 2 * small && bytes[1] >= bytes[0] + 2 * (large - small), "{bytes:?}");
    std::fs::write(&file, text.replace("\"image_size\": 128", "\"image_size\": 100")).unwrap();
    let output = house.run(&arguments("./sized", "film.mp4", &[]));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("not a multiple of 64"));
}

#[test]
fn a_pack_is_verified_against_golden_tensors() {
    let (house, pack) = (House::new(), pack());
    let document = house.json(&["model", "verify", &pack, "--compute", "exact", "--tolerance", "1e-4", "--json"]);
    let rows = document["verify"]["rows"].as_array().unwrap();
    assert_eq!((rows.len(), document["verify"]["reference"].as_str()), (29, Some("published")));
    assert!(rows.iter().all(|row| row["passes"] == true), "{document}");
    // As films are drawn unless they ask for more: rougher by the parts that numbers are split into, still far within the usual tolerance.
    let output = house.run(&["model", "verify", &pack, "--reference", "corrected", "--compute", "f32"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("all 29 tensors agree"), "{text}");
    // Read the other way, the network's outputs move by percents: the tolerance tells right from wrong.
    let golden = format!("{pack}/golden_corrected.safetensors");
    let output = house.run(&["model", "verify", &pack, "--golden", &golden, "--reference", "published"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.lines().any(|line| line.starts_with("clip0.step0.model_output") && line.ends_with("FAILED")),
        "{text}"
    );
    assert!(text.lines().any(|line| line.starts_with("face_locator") && line.ends_with("ok")), "{text}");
    for (args, says) in [
        (["model", "verify", "demo", "--json"], "not of the Hallo family"),
        (["model", "verify", "nowhere", "--json"], "nowhere"),
    ] {
        let output = house.run(&args);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stdout).contains(says));
    }
    let missing = house.run(&["model", "verify", &pack, "--golden", "none.safetensors"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("none.safetensors"));
}

#[test]
fn the_cost_of_a_step_is_counted_without_weights() {
    let house = House::new();
    let tera = |value: &serde_json::Value| 2.0 * value.as_u64().unwrap() as f64 / 1e12;
    let args = ["model", "inspect", "hallo", "--flops", "--size", "512", "--frames", "16", "--json"];
    let step = house.json(&args)["totals"]["step"].clone();
    assert!((tera(&step["published"]) - 53.95).abs() < 0.01, "{step}");
    assert!((tera(&step["ours"]) - 45.0).abs() < 0.2, "{step}");
    let output = house.run(&["model", "inspect", "hallo", "--flops"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("one denoising step") && text.contains("resnets"), "{text}");
    let output = house.run(&["model", "inspect", "hallo", "--flops", "--size", "500"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("multiple of 64"));
}
