//! Packs whose files are not what they should be, and portraits that a pack does not take.

use std::{fs, path::Path};

use shared::{
    FaceBox, Picture, Portrait,
    face::FaceSearch,
    job::Settings,
    ports::{Control, model::Model as _},
};

use super::{folder, pack};
use crate::{
    hallo::{
        HalloModel,
        model::{faces, fits},
    },
    import, inspect,
    pack::{hallo::HalloPack, stored::row_by_row, weights::Weights},
    pickle::tests::Saved,
};

const NETWORK: &str = "pretrained_models/hallo/net.pth";
const VAE: &str = "pretrained_models/sd-vae-ft-mse/diffusion_pytorch_model.safetensors";
const SPEECH: &str = "pretrained_models/wav2vec/wav2vec2-base-960h/model.safetensors";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A copy of the toy release.
fn release(to: &Path) {
    copy(&folder().join("pretrained_models"), &to.join("pretrained_models"));
    fs::copy(folder().join("network.json"), to.join("network.json")).unwrap();
}

/// An import of the toy release with a detector and a recogniser.
fn seeing(dir: &Path) -> HalloPack {
    let from = dir.join("release");
    release(&from);
    for (name, place) in [("yunet.onnx", "yunet.onnx"), ("arcface.onnx", "face_analysis/models/glintr100.onnx")] {
        let place = from.join("pretrained_models").join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/face").join(name), place).unwrap();
    }
    import(&from, &dir.join("seeing"), "seeing", &mut |_| Control::Continue).unwrap();
    HalloPack::open(&dir.join("seeing")).unwrap()
}

/// A portrait with a face, `edge` pixels wide.
fn portrait(width: u32, height: u32) -> Portrait {
    let picture = Picture::new(width, height, vec![90; 3 * (width * height) as usize]).unwrap();
    Portrait::with_face(picture, FaceBox { x: 30, y: 20, w: 60, h: 60 })
}

#[test]
fn altered_files_for_faces_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let pack = seeing(dir.path());
    let settings = Settings::default();
    let whole = HalloModel::load(&pack, crate::Device::Cpu).unwrap();
    assert!(matches!(whole.find_faces(&portrait(128, 128).picture).unwrap(), FaceSearch::Found(_)));
    let alter = |name: &str| {
        let file = pack.dir.join(name);
        let mut bytes = fs::read(&file).unwrap();
        bytes.push(0);
        fs::write(&file, bytes).unwrap();
    };
    alter("glintr100.onnx");
    let error = HalloModel::load(&pack, crate::Device::Cpu)
        .unwrap()
        .prepare(&portrait(128, 128), &settings)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("glintr100.onnx was altered"), "{error}");
    alter("yunet.onnx");
    for error in [faces(&pack).err(), HalloModel::load(&pack, crate::Device::Cpu).err()] {
        let error = error.unwrap().to_string();
        assert!(error.contains("yunet.onnx was altered"), "{error}");
    }
}

#[test]
fn a_detector_is_what_the_manifest_says_and_its_outputs_show() {
    let dir = tempfile::tempdir().unwrap();
    let pack = seeing(dir.path());
    let manifest = pack.dir.join("model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    // Names mean nothing where the manifest has roles.
    fs::rename(pack.dir.join("yunet.onnx"), pack.dir.join("eyes.onnx")).unwrap();
    fs::rename(pack.dir.join("glintr100.onnx"), pack.dir.join("scrfd_10g_bnkps.onnx")).unwrap();
    let text =
        text.replace("\"yunet.onnx\"", "\"eyes.onnx\"").replace("\"glintr100.onnx\"", "\"scrfd_10g_bnkps.onnx\"");
    fs::write(&manifest, text).unwrap();
    let analysis = faces(&HalloPack::open(&pack.dir).unwrap()).unwrap();
    let portrait = portrait(128, 128);
    assert!(matches!(analysis.find(&portrait.picture).unwrap(), FaceSearch::Found(_)));
    assert!(analysis.embedding(&portrait).unwrap().iter().any(|x| *x != 0.0));
}

/// Saves the toy network anew, the tensor `renamed` under another name and `reshaped` with as many numbers in two rows.
fn save(to: &Path, renamed: &str, reshaped: &str) {
    let whole = Weights::open(&folder().join(NETWORK)).unwrap();
    let mut saved = Saved::new();
    for (name, stored) in whole.stored() {
        let mut bytes = Vec::new();
        stored.bytes(&whole.map(stored).unwrap(), &mut bytes);
        let shape = if name == reshaped { vec![2, stored.shape[0] / 2] } else { stored.shape.clone() };
        let name = if name == renamed { format!("{name}es") } else { name.clone() };
        let [shape, strides] =
            [&shape, &row_by_row(&shape)].map(|extents| extents.iter().map(|x| *x as i64).collect::<Vec<_>>());
        saved = saved.tensor(&name, "HalfStorage", &shape, &strides, &bytes);
    }
    saved.close().write(to);
}

/// What import and inspection say of a release, which is what loading it says.
fn complaint(dir: &Path) -> String {
    let pack = HalloPack::open(dir).unwrap();
    let loaded = HalloModel::load(&pack, crate::Device::Cpu).err().expect("it must be refused").to_string();
    let to = dir.with_extension("imported");
    let imported = import(dir, &to, "imported", &mut |_| panic!("nothing is to be written")).unwrap_err().to_string();
    assert!(!to.exists());
    let inspected = inspect(dir.to_str().unwrap(), &[]).unwrap_err().to_string();
    assert_eq!((&imported, &inspected), (&loaded, &loaded));
    loaded
}

#[test]
fn a_network_that_cannot_be_built_is_refused_by_the_name_of_the_tensor() {
    let dir = tempfile::tempdir().unwrap();
    let release_dir = dir.path().join("release");
    release(&release_dir);
    let network = release_dir.join(NETWORK);
    save(&network, "none", "none");
    HalloModel::load(&HalloPack::open(&release_dir).unwrap(), crate::Device::Cpu).unwrap();
    save(&network, "imageproj.norm.bias", "none");
    let error = complaint(&release_dir);
    assert!(error.contains("net.pth") && error.contains("tensor imageproj.norm.bias is missing"), "{error}");
    save(&network, "none", "audioproj.norm.bias");
    let error = complaint(&release_dir);
    assert!(error.contains("tensor audioproj.norm.bias has shape [2, 32] where the pack's sizes need [64]"), "{error}");
    fs::copy(folder().join(NETWORK), &network).unwrap();
    for (file, name, other, says) in [
        (VAE, "decoder.conv_in.weight", "decoder.conv_in.weighs", "tensor decoder.conv_in.weight is missing"),
        (SPEECH, "encoder.layer_norm.bias", "encoder.layer_norm.bits", "tensor encoder.layer_norm.bias is missing"),
    ] {
        let bytes = fs::read(folder().join(file)).unwrap();
        let at = bytes.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
        let mut renamed = bytes.clone();
        renamed[at..at + name.len()].copy_from_slice(other.as_bytes());
        fs::write(release_dir.join(file), renamed).unwrap();
        let error = complaint(&release_dir);
        assert!(error.contains(file.rsplit('/').next().unwrap()) && error.contains(says), "{error}");
        fs::write(release_dir.join(file), bytes).unwrap();
    }
    inspect(release_dir.to_str().unwrap(), &[]).unwrap();
}

#[test]
fn whether_tensors_fit_is_told_without_reading_them() {
    let dir = tempfile::tempdir().unwrap();
    release(dir.path());
    let pack = HalloPack::open(dir.path()).unwrap();
    let [net, vae, speech] = [pack.network(), pack.vae(), pack.speech()].map(Result::unwrap);
    for file in [NETWORK, VAE, SPEECH] {
        fs::File::options().write(true).open(dir.path().join(file)).unwrap().set_len(0).unwrap();
    }
    fits(&pack.config, &net, &vae, &speech).unwrap();
}

#[test]
fn portraits_of_another_shape_are_refused() {
    let model = HalloModel::load(&pack(), crate::Device::Cpu).unwrap();
    let refused = |width, height| model.prepare(&portrait(width, height), &Settings::default()).err().unwrap();
    let error = refused(128, 96);
    assert!(error.to_string().contains("128x96 pixels is not square"), "{error}");
    assert!(error.mending().unwrap().contains("crop"), "{error}");
    let error = refused(192, 192).to_string();
    assert!(error.contains("192"), "{error}");
}
