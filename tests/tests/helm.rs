//! The Helm chart: rendered by Helm's own engine for every file in `helm/emofarm/ci`, checked against Kubernetes' schemas and the
//! rules of the house, and compared with manifests that somebody looked at.
//!
//! After a wanted change `EMOFARM_UPDATE_GOLDEN=1 cargo test --workspace --test helm` writes the new manifests; look at the difference.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Versions of Kubernetes whose schemas the manifests must satisfy. Image volumes came with the first.
const VERSIONS: [&str; 3] = ["1.33", "1.35", "1.37"];

fn script(name: &str) -> Command {
    let python = tests::root().join("target/tools/helm/bin/python");
    assert!(python.exists(), "the tools that render the chart are missing: run tools/helm.sh (make test does)");
    let mut command = Command::new(python);
    command.arg(tests::root().join("tests/helm").join(name));
    command
}

fn render(values: &Path) -> Output {
    let chart = tests::root().join("helm/emofarm");
    script("render.py").arg(chart).arg(values).output().expect("python runs")
}

fn rendered(values: &Path) -> String {
    let output = render(values);
    assert!(output.status.success(), "{}: {}", values.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("manifests are UTF-8")
}

fn value_files() -> Vec<PathBuf> {
    let files = tests::files(&tests::root().join("helm/emofarm/ci"), "yaml");
    assert!(files.len() >= 10, "value files are missing: {files:?}");
    files
}

fn golden(values: &Path) -> PathBuf {
    let name = values.file_name().expect("a file").to_string_lossy().replace("-values.yaml", ".yaml");
    tests::root().join("tests/helm/golden").join(name)
}

#[test]
fn every_value_file_renders_what_was_looked_at() {
    let update = std::env::var_os("EMOFARM_UPDATE_GOLDEN").is_some();
    for values in value_files() {
        let (now, path) = (rendered(&values), golden(&values));
        if update {
            std::fs::write(&path, &now).unwrap();
        }
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let line = now.lines().zip(before.lines()).position(|(a, b)| a != b);
        assert!(now == before, "{} differs from {} at line {line:?}", values.display(), path.display());
    }
    assert_eq!(tests::files(&tests::root().join("tests/helm/golden"), "yaml").len(), value_files().len());
}

#[test]
fn manifests_satisfy_kubernetes_and_the_house() {
    for values in value_files() {
        let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(file.path(), rendered(&values)).unwrap();
        let output = script("check.py").arg(file.path()).args(VERSIONS).output().unwrap();
        let findings = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{findings}", values.display());
    }
}

/// A check that finds nothing wrong with anything would pass the test above too.
#[test]
fn the_check_finds_what_is_wrong() {
    let good = rendered(&tests::root().join("helm/emofarm/ci/minimal-values.yaml"));
    let spoilt = [
        ("runAsNonRoot: true", "runAsNonRoot: false", "root"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "restricted"),
        ("emofarm/emofarm:0.1.0", "emofarm/emofarm:latest", "another program tomorrow"),
        ("replicas: 2", "replica: 2", "replica"),
        ("terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 10800", "sit on a GPU"),
        ("failureThreshold: 120", "failureThreshold: 3", "15 minutes"),
    ];
    for (right, wrong, finding) in spoilt {
        assert!(good.contains(right), "{right}");
        let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(file.path(), good.replace(right, wrong)).unwrap();
        let output = script("check.py").arg(file.path()).arg(VERSIONS[0]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success() && said.contains(finding), "{wrong}: {said}");
    }
}

#[test]
fn wrong_values_are_refused_by_name() {
    for values in tests::files(&tests::root().join("tests/helm/refused"), "yaml") {
        let output = render(&values);
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        let named = std::fs::read_to_string(&values).unwrap();
        let named = named.lines().next().unwrap().trim_start_matches("# ").to_owned();
        assert_eq!(output.status.code(), Some(1), "{} is not refused", values.display());
        assert!(why.contains(&named), "{}: {why}", values.display());
    }
}
