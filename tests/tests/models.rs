//! Packs through the program: import, its memory, and what a pull asks for first.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
    time::Duration,
};

use serde_json::Value;
use tests::{binary::House, copy, hub::Hub};
use zip::write::SimpleFileOptions;

/// The published Hallo layout at toy width.
fn toy() -> std::path::PathBuf {
    tests::root().join("diffusion/tests/data/hallo-tiny")
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
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        peak = peak.max(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    assert!(peak > 0);
    peak
}

/// Makes the autoencoder of `release` 15 times as wide, its numbers a hole in the file; gives the bytes of all its tensors.
fn widen_autoencoder(release: &Path) -> usize {
    const TIMES: usize = 15;
    let dir = release.join("pretrained_models/sd-vae-ft-mse");
    let sizes = dir.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&sizes).unwrap()).unwrap();
    let widen = |width: &mut Value| *width = Value::from(width.as_u64().unwrap() as usize * TIMES);
    config["block_out_channels"].as_array_mut().unwrap().iter_mut().for_each(widen);
    fs::write(&sizes, config.to_string()).unwrap();
    let path = dir.join("diffusion_pytorch_model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    header.remove("__metadata__");
    let mut end = 0;
    for tensor in header.values_mut() {
        // All widths are 32; colours, latents, moments and kernels are fewer.
        tensor["shape"].as_array_mut().unwrap().iter_mut().filter(|extent| **extent == 32).for_each(widen);
        let shape = tensor["shape"].as_array().unwrap();
        let from = end;
        end += 4 * shape.iter().map(|extent| extent.as_u64().unwrap() as usize).product::<usize>();
        tensor["data_offsets"] = serde_json::json!([from, end]);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = File::create(&path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    file.set_len((8 + header.len() + end) as u64).unwrap();
    end
}

/// Saves the network of `release` anew, its first tensor as the beginning of a storage of `bytes` bytes.
fn widen_storage(release: &Path, bytes: usize) {
    let path = release.join("pretrained_models/hallo/net.pth");
    let mut old = zip::ZipArchive::new(File::open(&path).unwrap()).unwrap();
    let anew = path.with_extension("anew");
    let mut new = zip::ZipWriter::new(File::create(&anew).unwrap());
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for index in 0..old.len() {
        let mut entry = old.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        if !matches!(name.as_str(), "net/data.pkl" | "net/data/0") {
            new.raw_copy_file(entry).unwrap();
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        new.start_file(name.as_str(), stored).unwrap();
        if name == "net/data/0" {
            new.write_all(&content).unwrap();
            io::copy(&mut io::repeat(0).take((bytes - content.len()) as u64), &mut new).unwrap();
            continue;
        }
        // Storage "0" on "cpu" with 1152 numbers: a whole number of two bytes becomes one of four.
        let (place, count) = (&b"X\x01\0\0\x000q\x05X\x03\0\0\0cpuq\x06"[..], &b"M\x80\x04"[..]);
        let at = content.windows(place.len()).position(|window| window == place).unwrap() + place.len();
        assert_eq!(&content[at..at + count.len()], count);
        let numbers = (bytes as u32 / 2).to_le_bytes();
        content.splice(at..at + count.len(), [b"J".as_slice(), &numbers].concat());
        new.write_all(&content).unwrap();
    }
    new.finish().unwrap();
    fs::rename(anew, path).unwrap();
}

#[test]
fn the_memory_of_an_import_does_not_grow_with_the_release() {
    let house = House::new();
    let release = house.path("release");
    copy(&toy(), &release);
    let small = import_peak(&house, &release, "small");
    let grown = |peak: u64, what: &str| {
        assert!(peak < small + (24 << 20), "{} MiB after {} MiB for {what}", peak >> 20, small >> 20);
    };
    let size = widen_autoencoder(&release);
    assert!(size > 400 << 20, "{size}");
    grown(import_peak(&house, &release, "large"), "an autoencoder of 400 MiB more");
    assert!(house.path("large/vae.safetensors").metadata().unwrap().len() > size as u64);
    fs::remove_dir_all(&release).unwrap();
    copy(&toy(), &release);
    widen_storage(&release, 400 << 20);
    grown(import_peak(&house, &release, "saved"), "a pickle of 400 MiB more");
    // The tensor itself is what it was.
    let network = |pack: &str| fs::read(house.path(pack).join("network.safetensors")).unwrap();
    assert!(network("saved") == network("small"));
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

#[test]
fn a_pull_over_a_bad_line_follows_the_hubs_own_variables() {
    const NETWORK: &str = "hallo/net.pth";
    let root = toy().join("pretrained_models");
    let release = diffusion::hub::release("hallo").unwrap();
    let wanted = release.without_face_models();
    let read = |path: &str| (path.to_owned(), fs::read(root.join(path)).unwrap());
    let files: BTreeMap<_, _> = wanted.files.iter().map(|file| read(file.path)).collect();
    let hub = Hub::start(release.repository, files, "a-token", 6 << 20);
    let house = House::new();
    let address = hub.address();
    let pull = |variables: &[(&str, &str)], to: &str| {
        let mut command =
            house.command(&["model", "pull", "hallo", "--accept-licence", "--without-face-models", "-o", to]);
        for name in ["HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH", "HF_TOKEN"] {
            command.env_remove(name);
        }
        command.env("HF_HOME", house.path("hub")).env("HF_ENDPOINT", &address).envs(variables.iter().copied());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = pull(&[("HF_TOKEN", "another")], "refused");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("401") && said.contains("HF_TOKEN") && said.contains(&address), "{said}");
    let (code, said) = pull(&[("HF_TOKEN", "a-token")], "release");
    assert_eq!(code, Some(0), "{said}");
    let sent = hub.sent(NETWORK);
    assert!(sent.len() >= 3 && sent.windows(2).all(|pair| pair[1].0 > pair[0].0), "{sent:?}");
    for file in wanted.files {
        let pulled = house.path("release/pretrained_models").join(file.path);
        assert!(fs::read(pulled).unwrap() == fs::read(root.join(file.path)).unwrap(), "{}", file.path);
    }
    assert!(fs::read_to_string(house.path("release/licences.toml")).unwrap().contains("CreativeML-OpenRAIL-M"));
    // What the cache below HF_HOME holds is enough without the hub.
    drop(hub);
    let offline = [("HF_HUB_OFFLINE", "1"), ("HF_ENDPOINT", "http://127.0.0.1:9")];
    let (code, said) = pull(&offline, "again");
    assert_eq!(code, Some(0), "{said}");
    assert!(house.path("again/pretrained_models").join(NETWORK).is_file());
}

#[test]
fn a_release_whose_network_cannot_be_built_is_not_imported() {
    let house = House::new();
    let release = house.path("release");
    copy(&toy(), &release);
    let sizes = release.join("pretrained_models/sd-vae-ft-mse/config.json");
    let text = fs::read_to_string(&sizes).unwrap().replace("\"layers_per_block\": 2", "\"layers_per_block\": 3");
    fs::write(&sizes, text).unwrap();
    for args in [&["model", "import", "release", "-o", "pack"][..], &["model", "inspect", "./release"]] {
        let output = house.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("diffusion_pytorch_model.safetensors") && said.contains(".resnets.2."), "{said}");
    }
    assert!(!house.path("pack").exists());
}
