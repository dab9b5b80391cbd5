//! The verbs beside `render`, and a render with the shipped demo model.

use tests::{binary::House, inputs};

fn house(seconds: f64) -> House {
    let house = House::new();
    std::fs::copy(inputs::portrait(), house.path("portrait.png")).unwrap();
    inputs::tone(&house.path("tone.wav"), seconds, 16_000);
    house
}

#[test]
fn plan_says_what_a_render_does() {
    let house = house(5.0);
    let plan = house.json(&["plan", "tone.wav", "--model", "test-pattern", "--fps", "29.97", "--json"]);
    assert_eq!((&plan["frames"], &plan["clips"], &plan["fps"]), (&150.into(), &13.into(), &"30000/1001".into()));
    let tasks = plan["plan"]["tasks"].as_array().unwrap();
    assert_eq!(tasks.last().unwrap()["id"], "film");
    assert!(!house.path("data").exists(), "a plan writes nothing");
    let text = house.run(&["plan", "tone.wav", "--model", "test-pattern"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("125 frames"));
}

#[test]
fn plan_tells_chains_and_seams_and_why_they_lie_there() {
    let house = house(20.0);
    let line = |at: &str, to: &str| format!("001 AX V C 00:00:00:00 00:00:10:00 01:00:{at} 01:00:{to}\n");
    std::fs::write(house.path("cut.edl"), [line("00:00", "09:12"), line("09:12", "20:00")].concat()).unwrap();
    let args = [
        "plan",
        "tone.wav",
        "--model",
        "test-pattern",
        "--continuity",
        "anchored",
        "--chain-seconds",
        "10",
        "--shots",
        "cut.edl",
    ];
    let plan = house.json(&[&args[..], &["--json"]].concat());
    let seam = &plan["seams"][0];
    assert_eq!((&seam["frame"], &seam["why"], &seam["wanted"]), (&237.into(), &"shot".into(), &250.into()));
    assert_eq!((&seam["timecode"], &plan["plan"]["cuts"]["join"]), (&"00:00:09:12".into(), &"bridge".into()));
    assert_eq!((&plan["chains"][0]["owned"]["end"], &plan["chains"][1]["owned"]["start"]), (&237.into(), &237.into()));
    let text = String::from_utf8_lossy(&house.run(&args).stdout).into_owned();
    let told = "00:00:09:12 where a shot begins, wanted at 00:00:10:00, bridge over";
    assert!(text.contains("2 chains side by side") && text.contains(told), "{text}");
    let refused =
        house.run(&["plan", "tone.wav", "--model", "test-pattern", "--continuity", "strict", "--shots", "cut.edl"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("--shots") && said.contains("--continuity"), "{said}");
}

#[test]
fn the_demo_model_is_whole_and_makes_a_film() {
    let house = house(0.5);
    let pack = &house.json(&["model", "inspect", "demo", "--json"])["pack"];
    assert!(pack["files"].as_array().unwrap().iter().all(|file| file["bytes"].as_u64().unwrap() <= 40 << 20));
    let known = house.json(&["model", "list", "--json"]);
    let names: Vec<_> = known["packs"].as_array().unwrap().iter().map(|pack| pack["name"].clone()).collect();
    assert_eq!(names, ["test-pattern", "demo"]);
    let film = house.json(&["render", "portrait.png", "tone.wav", "-o", "film.mp4", "--size", "256", "--json"]);
    assert_eq!((&film["frames"], &film["width"]), (&13.into(), &256.into()));
    // What it draws is the portrait, not noise: its corner has the portrait's colour.
    let mut corners = Vec::new();
    media::film::decode(&house.path("film.mp4"), |_, picture| {
        corners.push(picture.pixel(8, 8).unwrap());
        Ok(())
    })
    .unwrap();
    let portrait = media::portrait::load(&house.path("portrait.png")).unwrap().pixel(16, 16).unwrap();
    for corner in &corners {
        let off = corner.iter().zip(portrait).map(|(a, b)| a.abs_diff(b)).max().unwrap();
        assert!(off < 24, "{corner:?} where the portrait has {portrait:?}");
    }
}

#[test]
fn doctor_finds_a_damaged_pack() {
    let house = house(0.1);
    assert_eq!(house.json(&["doctor", "--json"])["ok"], true);
    let pack = house.path("packs/demo");
    std::fs::create_dir_all(&pack).unwrap();
    for entry in std::fs::read_dir(tests::root().join("models/demo")).unwrap().flatten() {
        std::fs::copy(entry.path(), pack.join(entry.file_name())).unwrap();
    }
    let weights = pack.join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let output = house.command(&["doctor", "--json"]).env("EMOFARM_MODEL_PATH", house.path("packs")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("model.safetensors"), "{text}");
    let mut render = house.command(&["render", "portrait.png", "tone.wav", "-o", "film.mp4"]);
    assert_eq!(render.env("EMOFARM_MODEL_PATH", house.path("packs")).output().unwrap().status.code(), Some(2));
}

#[test]
fn completions_and_mistyped_commands() {
    let house = House::new();
    let script = house.run(&["completions", "bash"]);
    assert!(script.status.success() && String::from_utf8_lossy(&script.stdout).contains("render"));
    let wrong = house.run(&["render", "--json"]);
    assert_eq!(wrong.status.code(), Some(2));
    let document: serde_json::Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(document["exit_code"], 2);
}
