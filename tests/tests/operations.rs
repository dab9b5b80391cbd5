//! What the run book, the chart and compose say must exist in the program.

use std::{collections::BTreeSet, path::Path};

fn read(path: &str) -> String {
    std::fs::read_to_string(tests::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every word of `text` that begins with `prefix`.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let of_a_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !of_a_word(c))
        .filter(|word| word.starts_with(prefix) && *word != prefix)
        .map(str::to_owned)
        .collect()
}

fn sources() -> String {
    let rooms = ["coordinator/src", "worker/src", "stores/src", "cli/src", "diffusion/src"];
    let files = rooms.iter().flat_map(|room| tests::files(&tests::root().join(room), "rs"));
    files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn metrics_of_alerts_and_the_run_book_are_exported() {
    let said = read("helm/emofarm/alerts.yaml") + &read("docs/operations.md");
    let sources = sources();
    // A metric is named by a text of the program; comments and paths may hold words that look like one.
    let texts: String =
        sources.split('"').filter(|text| text.starts_with("emofarm_")).flat_map(|text| [text, " "]).collect();
    let exported = words(&texts, "emofarm_");
    for metric in words(&said, "emofarm_") {
        let base = ["_count", "_sum", "_bucket"].iter().find_map(|end| metric.strip_suffix(end)).unwrap_or(&metric);
        assert!(exported.contains(base), "{metric} is named, but nothing exports it");
    }
    for metric in exported.iter().filter(|metric| !metric.starts_with("emofarm_probed")) {
        assert!(said.contains(metric.as_str()), "{metric} is exported, but the run book does not know it");
    }
}

#[test]
fn every_alert_has_its_section() {
    let book = read("docs/operations.md");
    let alerts: Vec<String> = read("helm/emofarm/alerts.yaml")
        .lines()
        .filter(|l| l.starts_with("Emofarm"))
        .map(|l| l.trim_end_matches(':').to_owned())
        .collect();
    assert!(alerts.len() >= 8, "{alerts:?}");
    for alert in &alerts {
        assert!(book.contains(&format!("### {alert}\n")), "{alert} has no section");
    }
    let sections = book.lines().filter(|line| line.starts_with("### Emofarm")).count();
    assert_eq!(sections, alerts.len(), "a section tells of an alert that is not there");
}

/// The roles and flags that the chart and compose start.
#[test]
fn commands_that_are_started_exist() {
    let house = tests::binary::House::new();
    for (role, flags) in [
        ("coordinator", &["--listen"][..]),
        ("worker", &["--pool", "--gpu-memory", "--health"]),
        ("stitcher", &["--pool", "--health"]),
        ("migrate", &[]),
    ] {
        let output = house.run(&[role, "--help"]);
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{role}: {}", String::from_utf8_lossy(&output.stderr));
        for flag in flags {
            assert!(help.contains(flag), "{role} has no {flag}");
        }
        let compose = read("compose.yaml");
        assert!(compose.contains(&format!("command: [{role}")), "compose.yaml does not start {role}");
    }
}

/// Settings in the environment: each must be one that the program reads.
#[test]
fn variables_of_chart_and_compose_are_settings() {
    let chart: String = tests::files(&tests::root().join("helm/emofarm/templates"), "tpl")
        .into_iter()
        .chain(tests::files(&tests::root().join("helm/emofarm/templates"), "yaml"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let said = chart + &read("compose.yaml") + &read("Dockerfile") + &read("Dockerfile.cuda");
    let book = read("docs/settings.md");
    for variable in words(&said, "EMOFARM_") {
        assert!(book.contains(&variable.to_lowercase()["emofarm_".len()..]), "{variable} is not in docs/settings.md");
    }
}

#[test]
fn images_and_workflows_are_where_they_are_said_to_be() {
    for path in ["Dockerfile", "Dockerfile.cuda", "compose.yaml", ".env.example", "helm/emofarm/Chart.yaml"] {
        assert!(Path::new(&tests::root().join(path)).exists(), "{path} is missing");
    }
    let compose = read("compose.yaml");
    assert!(!compose.contains(":latest"), "an image without a version can be another program tomorrow");
    for line in compose.lines().filter(|line| line.contains("PASS") || line.contains("SECRET")) {
        assert!(line.contains("${"), "a password in plain sight: {line}");
    }
}
