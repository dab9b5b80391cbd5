//! `emofarm bench quality` on two short cases: what the demo model must show, with margin.

use std::path::PathBuf;

use serde_json::Value;
use tests::binary::House;

fn set() -> PathBuf {
    tests::root().join("tests/data/heldout")
}

/// What was found of a measure.
fn found(told: &Value, measure: &str) -> f64 {
    let all = told["measures"].as_array().unwrap();
    let one = all.iter().find(|one| one["measure"] == measure).unwrap_or_else(|| panic!("no {measure} in {told}"));
    one["found"].as_f64().unwrap()
}

/// A run of the bench; bars that are missed are no fault of it.
fn bench(house: &House, args: &[&str]) -> Value {
    let output = house.command(&[&["bench", "quality", "--json"], args].concat()).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_demo_model_does_as_it_should_on_speech_and_faces_it_never_saw() {
    let house = House::new();
    let set = set();
    let set = set.to_str().unwrap();
    let told = bench(&house, &["--set", set, "--seeds", "0", "--speeds", "", "-o", "films"]);
    assert_eq!(told["films"].as_array().unwrap().len(), 2);
    assert!(found(&told, "mouth against truth") > 0.88, "{told}");
    assert!(found(&told, "mouth lag, frames") <= 1.0, "{told}");
    assert!(found(&told, "identity, colour error of 255") < 3.5, "{told}");
    assert!(found(&told, "background change of 255") < 1.0, "{told}");
    assert!(found(&told, "mouth shut in silence") > 0.97, "{told}");
    assert!(house.path("films/case-0.png").is_file(), "a chart of each film");
    // Films that are there are not rendered again, so they may not be of something else.
    let again = ["bench", "quality", "--set", set, "--seed", "2", "-o", "films"];
    tests::copy(std::path::Path::new(set), &house.path("copy"));
    let others: [(&[&str], &str); 4] = [
        (&again, "25"),
        (&["bench", "quality", "--set", set, "--model", "test-pattern", "-o", "films"], "25"),
        (&["bench", "quality", "--set", "copy", "-o", "films"], "25"),
        (&["bench", "quality", "--set", set, "-o", "films"], "24"),
    ];
    for (other, fps) in others {
        let output = house.command(other).env("EMOFARM_FPS", fps).output().unwrap();
        let refusal = String::from_utf8_lossy(&output.stderr).into_owned();
        let named = refusal.contains("another model, set, seed or frame rate");
        assert!(output.status.code() == Some(2) && named, "{other:?}: {refusal}");
    }
    std::fs::remove_file(house.path("films/made-by.txt")).unwrap();
    assert_eq!(house.command(&again).output().unwrap().status.code(), Some(2), "nobody knows what made these films");
    // The same film against what somebody else says: a mouth that does not follow is found out.
    let (film, other) = (house.path("films/case-0.mp4"), set.to_owned() + "/truth_2.json");
    let wrong = bench(&house, &["--film", film.to_str().unwrap(), "--truth", &other]);
    let (right, other) = (found(&told, "mouth against truth"), found(&wrong, "mouth against truth"));
    assert!(other < right - 0.2, "{other} of {right}: {wrong}");
    assert!(found(&wrong, "identity, colour error of 255") > 10.0, "another face: {wrong}");
}

#[test]
fn what_is_no_set_is_refused_by_name() {
    let house = House::new();
    std::fs::create_dir(house.path("empty")).unwrap();
    let output = house.command(&["bench", "quality", "--set", "empty"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("empty has 0 files truth_"), "{told}");
}
