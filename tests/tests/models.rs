//! Packs through the program: import, its memory, and what a pull asks for first.

use std::{
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};

use tests::binary::House;

/// The published Hallo layout at toy width.
fn toy() -> std::path::PathBuf {
    tests::root().join("diffusion/tests/data/hallo-tiny")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn an_imported_release_is_found_by_its_name() {
    let house = House::new();
    let toy = toy();
    let imported = house.json(&["model", "import", toy.to_str().unwrap(), "--name", "photo", "--json"]);
    assert_eq!(imported["files"].as_array().unwrap().len(), 3);
    let known = house.json(&["model", "list", "--json"]);
    let names: Vec<_> = known["packs"].as_array().unwrap().iter().map(|pack| pack["name"].clone()).collect();
    assert_eq!(names, ["test-pattern", "demo", "photo"]);
    let pack = &house.json(&["model", "inspect", "photo", "--json"])["pack"];
    assert_eq!((&pack["family"], &pack["clip_frames"]), (&"hallo".into(), &6.into()));
    assert!(pack["files"].as_array().unwrap().iter().all(|file| file["compared"] == true));
    let again = house.run(&["model", "import", toy.to_str().unwrap(), "--name", "photo"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"));
}

/// Peak resident memory in bytes of `emofarm model import` of `from`.
fn import_peak(house: &House, from: &Path, to: &str) -> u64 {
    let mut child = house.start(&["model", "import", from.to_str().unwrap(), "-o", to]);
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        peak = peak.max(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    assert!(peak > 0);
    peak
}

#[test]
fn the_memory_of_an_import_does_not_grow_with_the_release() {
    let house = House::new();
    let release = house.path("release");
    copy(&toy(), &release);
    let small = import_peak(&house, &release, "small");
    // An autoencoder of a hundred tensors of 4 MiB each, its numbers a hole in the file.
    let (count, size) = (100usize, 4usize << 20);
    let tensors: Vec<String> = (0..count)
        .map(|i| {
            let (from, to) = (i * size, (i + 1) * size);
            format!("\"t{i:03}\":{{\"dtype\":\"F32\",\"shape\":[{}],\"data_offsets\":[{from},{to}]}}", size / 4)
        })
        .collect();
    let header = format!("{{{}}}", tensors.join(","));
    let path = release.join("pretrained_models/sd-vae-ft-mse/diffusion_pytorch_model.safetensors");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.seek(SeekFrom::Current((count * size) as i64 - 1)).unwrap();
    file.write_all(&[0]).unwrap();
    drop(file);
    let large = import_peak(&house, &release, "large");
    assert!(large < small + (24 << 20), "{} MiB after {} MiB for 400 MiB more", large >> 20, small >> 20);
    assert!(house.path("large/vae.safetensors").metadata().unwrap().len() > (count * size) as u64);
}

#[test]
fn a_pull_asks_for_the_licences_first() {
    let house = House::new();
    let refused = house.run(&["model", "pull", "hallo"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("non-commercial research") && said.contains("--accept-licence"), "{said}");
    let unknown = house.run(&["model", "pull", "nobody"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("choose hallo or hallo2"));
    // Nobody listens there; with the licences accepted, that is what is wrong.
    let mut offline = house.command(&["model", "pull", "hallo", "--accept-licence"]);
    let offline = offline.env("HF_HUB_OFFLINE", "1").env("HF_HOME", house.path("hub")).output().unwrap();
    assert_eq!(offline.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&offline.stderr).contains("not in the hub's cache"));
}
