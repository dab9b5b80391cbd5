//! `emofarm quality` after renders on this machine.

use tests::{binary::House, inputs};

fn house(seconds: f64) -> House {
    let house = House::new();
    std::fs::copy(inputs::portrait(), house.path("portrait.png")).unwrap();
    inputs::tone(&house.path("tone.wav"), seconds, 22_050);
    house
}

fn render(house: &House, more: &[&str]) -> serde_json::Value {
    let mut args = vec!["render", "portrait.png", "tone.wav", "-o", "film.mp4", "--overwrite", "--json"];
    args.extend(more);
    house.json(&args)
}

/// Frames that runs of the given kind cover, and how many runs there are.
fn covered(document: &serde_json::Value, kind: &str) -> (u64, usize) {
    let all = document["records"].as_array().unwrap().iter().filter(|record| record["quality"].get(kind).is_some());
    let frames = |record: &serde_json::Value| {
        record["frames"]["end"].as_u64().unwrap() - record["frames"]["start"].as_u64().unwrap()
    };
    (all.clone().map(frames).sum(), all.count())
}

#[test]
fn a_render_that_is_over_is_measured_and_drawn() {
    let house = house(6.0);
    for more in [&[][..], &["--keep-latents"]] {
        let made = render(&house, &[&["--model", "test-pattern"], more].concat());
        let job = made["job"].as_str().unwrap();
        let told = house.json(&["quality", job, "--json", "--plot", "quality.png"]);
        assert_eq!((&told["job"], &told["fps"]), (&made["job"], &made["fps"]), "{told}");
        assert_eq!(covered(&told, "part"), (150, 13), "every frame once");
        assert_eq!(covered(&told, "clip").1, 13);
        assert_eq!(told["summary"]["clips"], 13);
        assert_eq!(told["summary"]["events"].as_array().unwrap().len(), 0, "a pattern is no likeness");
        let png = std::fs::read(house.path("quality.png")).unwrap();
        assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
        std::fs::remove_file(house.path("quality.png")).unwrap();
    }
    let text = house.run(&["quality", render(&house, &["--model", "test-pattern"])["job"].as_str().unwrap()]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("clips   13: 0 rendered again") && text.contains("00:00:00:00"), "{text}");
}

#[test]
fn the_demo_model_passes_its_gates() {
    let house = house(2.0);
    for (name, file) in [("portrait.png", "demo/portrait.png"), ("tone.wav", "demo/speech.wav")] {
        std::fs::copy(tests::root().join(file), house.path(name)).unwrap();
    }
    let made = render(&house, &[]);
    assert_eq!(made["quality_warnings"], 0, "{made}");
    let told = house.json(&["quality", made["job"].as_str().unwrap(), "--json"]);
    assert_eq!((&told["summary"]["clips"], &told["summary"]["rendered_again"]), (&17.into(), &0.into()), "{told}");
    let follows = &told["summary"]["follows"];
    assert!(follows["correlation"].as_f64().unwrap() > 0.3, "the mouth follows the speech: {follows}");
    for record in told["records"].as_array().unwrap() {
        if let Some(clip) = record["quality"].get("clip") {
            assert!(clip["likeness"]["sharpness"].as_f64().unwrap() > 0.45, "{clip}");
        }
    }
}

#[test]
fn a_job_that_nobody_knows_is_named() {
    let house = house(1.0);
    let job = "0".repeat(32);
    let output = house.run(&["quality", &job, "--data-dir", "elsewhere"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(&job) && told.contains("elsewhere") && told.contains("--data-dir"), "{told}");
    // Without a render here the farm is asked.
    let output = house.run(&["quality", &job, "--api", "http://127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}
