//! Packs that are whole, and packs that are not.

use std::{fs, path::Path};

use shared::{Bundle, Tensor, Verdict, digest::sha256, tensor::Precision};

use crate::{
    inspect, open,
    pack::{MANIFEST, WEIGHTS},
    packs,
    parity::fixtures::{manifest_text, weights_file},
};

fn write(dir: &Path, manifest: &str, weights: &[u8]) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join(MANIFEST), manifest).unwrap();
    fs::write(dir.join(WEIGHTS), weights).unwrap();
}

/// Opens and inspects a pack of these weights, whose manifest has the right checksum.
fn complaint(change: impl Fn(&mut Bundle)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut bundle = Bundle::from_bytes(&weights_file()).unwrap();
    change(&mut bundle);
    let weights = bundle.to_bytes(Precision::Single).unwrap();
    write(dir.path(), &manifest_text(&sha256(&weights)), &weights);
    let error = open(dir.path().to_str().unwrap(), &[]).err().unwrap();
    assert_eq!(error.verdict(), Verdict::Fail);
    assert!(error.mending().is_some());
    error.to_string()
}

#[test]
fn wrong_tensors_are_named() {
    let name = "denoising_unet.mid_block.attentions.0.norm.weight";
    let error = complaint(|bundle| drop(bundle.tensors.remove(name)));
    assert!(error.contains(&format!("{WEIGHTS}: tensor {name} is missing")), "{error}");
    let error =
        complaint(|bundle| drop(bundle.tensors.insert(name.into(), Tensor::new([2, 12], vec![0.0; 24]).unwrap())));
    assert!(error.contains(&format!("tensor {name} has shape [2, 12] where the pack's sizes need [24]")), "{error}");
    let error = complaint(|bundle| drop(bundle.tensors.insert("extra".into(), Tensor::new([1], vec![0.0]).unwrap())));
    assert!(error.contains("unexpected tensor extra"), "{error}");
}

#[test]
fn damaged_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let weights = weights_file();
    let manifest = manifest_text(&sha256(&weights));
    let complaint = |manifest: &str, weights: &[u8]| {
        write(dir.path(), manifest, weights);
        let errors = [open(path, &[]).err().unwrap(), inspect(path, &[]).err().unwrap()];
        for error in &errors {
            assert_eq!(error.verdict(), Verdict::Fail, "{error}");
        }
        errors.map(|error| error.to_string())
    };
    write(dir.path(), &manifest, &weights);
    assert!(open(path, &[]).is_ok() && inspect(path, &[]).is_ok());

    for error in complaint(&manifest, &weights[..weights.len() - 100]) {
        assert!(error.contains(WEIGHTS), "{error}");
    }
    let mut altered = weights.clone();
    *altered.last_mut().unwrap() ^= 1;
    for error in complaint(&manifest, &altered) {
        assert!(error.contains(&format!("{WEIGHTS} was altered")), "{error}");
    }
    for (wrong, by, says) in [
        ("[pack]", "[pack]\ncolour = 1", "colour"),
        ("heads = 2", "heads = 5", "unet.channels: every width is a multiple of unet.heads"),
        ("family = \"emo\"", "family = \"other\"", "pack.family"),
        ("\"model.safetensors\" =", "\"../x\" =", "holds no checksum of model.safetensors"),
        ("steps = 4", "steps = 0", "sampler.steps"),
        ("size = 32", "size = 36", "picture.size"),
        ("channels = [2, 4, 6]", "channels = [2, 4]", "face_locator.channels"),
        ("[picture]", "[picture", "not a manifest"),
    ] {
        assert!(manifest.contains(wrong), "{wrong}");
        for error in complaint(&manifest.replace(wrong, by), &weights) {
            assert!(error.contains(MANIFEST) && error.contains(says), "{error}");
        }
    }
    fs::remove_file(dir.path().join(WEIGHTS)).unwrap();
    fs::write(dir.path().join(MANIFEST), &manifest).unwrap();
    assert!(open(path, &[]).err().unwrap().to_string().contains(WEIGHTS));
}

#[test]
fn a_manifest_cannot_name_files_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let weights = weights_file();
    let manifest = manifest_text(&sha256(&weights));
    let line = "[checksums]\n";
    write(dir.path(), &manifest.replace(line, &format!("{line}\"../secret\" = \"00\"\n")), &weights);
    let error = inspect(dir.path().to_str().unwrap(), &[]).err().unwrap().to_string();
    assert!(error.contains("../secret"), "{error}");
}

#[test]
fn packs_are_found_by_name_in_order() {
    let root = tempfile::tempdir().unwrap();
    let search = [root.path().join("a"), root.path().join("none"), root.path().join("b")];
    let weights = weights_file();
    let manifest = manifest_text(&sha256(&weights));
    write(&search[2].join("other-directory"), &manifest, &weights);
    assert_eq!(open("tiny", &search).unwrap().name(), "tiny");
    // A pack in a directory of its own name comes first.
    write(&search[0].join("tiny"), &manifest.replace("version = \"1\"", "version = \"2\""), &weights);
    assert_eq!(inspect("tiny", &search).unwrap().summary.version, "2");
    fs::create_dir_all(search[0].join("broken")).unwrap();
    fs::write(search[0].join("broken").join(MANIFEST), "x").unwrap();
    let names: Vec<_> = packs(&search).into_iter().map(|pack| (pack.name, pack.fault.is_some())).collect();
    let expected = [("test-pattern", false), ("broken", true), ("tiny", false), ("tiny", false)];
    assert_eq!(names, expected.map(|(name, fault)| (name.to_owned(), fault)));
    let error = open("nobody", &search).err().unwrap().to_string();
    assert!(error.contains("nobody") && error.contains("none"), "{error}");
    assert_eq!(open("test-pattern", &[]).unwrap().name(), "test-pattern");
}

#[test]
fn a_report_counts_everything() {
    let dir = tempfile::tempdir().unwrap();
    let weights = weights_file();
    write(dir.path(), &manifest_text(&sha256(&weights)), &weights);
    let report = inspect(dir.path().to_str().unwrap(), &[]).unwrap();
    let bundle = Bundle::from_bytes(&weights).unwrap();
    assert_eq!(report.tensors.len(), bundle.tensors.len());
    let numbers: usize = bundle.tensors.values().map(|tensor| tensor.data().len()).sum();
    assert_eq!(report.parameters, numbers as u64);
    let parts: Vec<_> = report.parts.iter().map(|part| part.name.as_str()).collect();
    let expected = [
        "audio_encoder",
        "audio_projection",
        "denoising_unet",
        "face_locator",
        "reference_unet",
        "speed_layers",
        "vae",
    ];
    assert_eq!(parts, expected);
    assert_eq!(report.files[0].bytes, weights.len() as u64);
}
