//! The layer rule of `docs/architecture.md`, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// What each room may know of the house.
const MAY_KNOW: [(&str, &[&str]); 9] = [
    ("shared", &[]),
    ("stores", &["shared"]),
    ("media", &["shared"]),
    ("diffusion", &["shared"]),
    ("coordinator", &["shared", "media"]),
    ("worker", &["shared", "media"]),
    ("cli", &["shared", "media", "stores", "diffusion", "coordinator", "worker"]),
    ("tests", &["shared", "media", "stores", "diffusion", "coordinator", "worker", "services"]),
    ("services", &[]),
];

/// Outside crates that belong to one room.
const BELONGS_TO: [(&str, &str); 17] = [
    ("sqlx", "stores"),
    ("lapin", "stores"),
    ("aws-sdk-s3", "stores"),
    ("axum", "coordinator"),
    ("utoipa", "coordinator"),
    ("hf-hub", "diffusion"),
    ("rten", "diffusion"),
    ("s3s", "services"),
    ("ffmpeg-next", "media"),
    ("image", "media"),
    ("candle-core", "diffusion"),
    ("libloading", "diffusion"),
    ("pulp", "diffusion"),
    ("realfft", "diffusion"),
    ("clap", "cli"),
    ("indicatif", "cli"),
    ("tracing-subscriber", "cli"),
];

/// Outside crates that would give the pure room a way to the world.
const WORLDLY: [&str; 6] = ["tokio", "tokio-util", "async-std", "reqwest", "tempfile", "rand"];

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(tests::root().join("Cargo.toml")).no_deps().exec().unwrap()
}

/// For every room, what it depends on when it is not being tested.
fn dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .workspace_packages()
        .iter()
        .map(|package| {
            let needs = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
            (package.name.to_string(), needs.map(|d| d.name.clone()).collect())
        })
        .collect()
}

#[test]
fn rooms_know_only_whom_they_may() {
    let found = dependencies(&metadata());
    let rooms: BTreeSet<&str> = MAY_KNOW.iter().map(|(room, _)| *room).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), rooms, "a room is missing from this table");
    for (room, may_know) in MAY_KNOW {
        for need in found[room].iter().filter(|need| rooms.contains(need.as_str())) {
            assert!(may_know.contains(&need.as_str()), "`{room}` must not know `{need}`");
        }
    }
}

#[test]
fn outside_crates_stay_in_their_room() {
    let found = dependencies(&metadata());
    for (name, home) in BELONGS_TO {
        for (room, needs) in &found {
            assert!(room == home || !needs.contains(name), "`{name}` belongs to `{home}`, but `{room}` uses it");
        }
    }
    for name in WORLDLY {
        assert!(!found["shared"].contains(name), "`shared` is pure and must not use `{name}`");
    }
}

#[test]
fn versions_stand_in_one_table() {
    for package in metadata().workspace_packages() {
        let room = &package.name;
        let text = std::fs::read_to_string(&package.manifest_path).unwrap();
        let mut in_dependencies = false;
        for line in text.lines() {
            if line.starts_with('[') {
                in_dependencies = line.contains("dependencies");
            } else if in_dependencies && line.contains('=') {
                assert!(line.contains("workspace = true"), "{room}/Cargo.toml: `{line}` names its own version");
            }
        }
    }
}

#[test]
fn files_stay_small() {
    let mut lengths: Vec<(usize, String)> = tests::files(tests::root(), "rs")
        .into_iter()
        .map(|path| (std::fs::read_to_string(&path).unwrap().lines().count(), path.display().to_string()))
        .collect();
    lengths.sort();
    let (longest, path) = lengths.last().unwrap();
    assert!(*longest <= 600, "{path} has {longest} lines");
    let median = lengths[lengths.len() / 2].0;
    assert!(median <= 150, "the median file has {median} lines");
}
