//! The published layout, manifests made from it, and layouts that are not whole.

use std::{fs, path::Path};

use shared::Verdict;

use super::{
    HalloManifest, HalloPack, Role,
    files::RESEARCH,
    manifest::FileEntry,
    published::{NETWORKS, SPEECH, VAE},
};
use crate::{
    find::AnyPack,
    inspect,
    pack::{MANIFEST, manifest::Betas},
    packs,
    parity::hallo_dir,
};

/// A copy of the toy release in which only the small files are copies.
fn copy(to: &Path) {
    let from = hallo_dir();
    fs::create_dir_all(to).unwrap();
    fs::copy(from.join("network.json"), to.join("network.json")).unwrap();
    let root = to.join("pretrained_models");
    for file in [
        NETWORKS[1],
        VAE,
        SPEECH,
        "sd-vae-ft-mse/config.json",
        "stable-diffusion-v1-5/unet/config.json",
        "wav2vec/wav2vec2-base-960h/config.json",
    ] {
        let (from, to) = (from.join("pretrained_models").join(file), root.join(file));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

fn complaint(dir: &Path) -> String {
    let error = HalloPack::open(dir).expect_err("it must be refused");
    assert_eq!(error.verdict(), Verdict::Fail);
    assert!(error.mending().is_some(), "{error}");
    error.to_string()
}

#[test]
fn sizes_come_from_the_files_of_the_release() {
    let pack = HalloPack::open(&hallo_dir()).unwrap();
    let config = &pack.config;
    assert_eq!((config.clip.frames, config.clip.motion_frames, config.clip.fps), (6, 2, 25));
    assert_eq!((config.picture.size, config.factor(), config.latent_size()), (128, 8, 16));
    assert_eq!((&config.unet.channels[..], config.unet.cross_attention_dim), (&[32, 32, 64, 64][..], 48));
    assert_eq!((config.audio.window, config.audio.hidden, config.audio.tokens, config.audio.token_dim), (5, 96, 8, 64));
    assert_eq!((config.sampler.schedule, config.sampler.steps), (Betas::Linear, 4));
    assert_eq!((config.wav2vec.layers, config.wav2vec.channels, config.feature_width()), (4, 64, 256));
    assert!((config.vae.scale - 0.18215).abs() < 1e-7);
    assert_eq!(pack.about.name, "hallo-tiny");
    assert_eq!(pack.about.licence, "MIT AND Apache-2.0 AND CreativeML-OpenRAIL-M");
    assert!(config.is_dead("denoising_unet.down_blocks.3.motion_modules.0.temporal_transformer.norm.weight"));
    assert!(config.is_dead("denoising_unet.up_blocks.0.motion_modules.2.temporal_transformer.norm.weight"));
    assert!(!config.is_dead("denoising_unet.up_blocks.1.motion_modules.0.temporal_transformer.norm.weight"));
    assert!(!config.is_dead("reference_unet.up_blocks.0.resnets.0.norm1.weight"));
}

#[test]
fn the_release_itself_has_no_network_file_and_gets_the_published_numbers() {
    let dir = tempfile::tempdir().unwrap();
    copy(dir.path());
    fs::remove_file(dir.path().join("network.json")).unwrap();
    // The release's sizes do not fit the toy's speech encoder, so that one must say what the release's says.
    let speech = dir.path().join("pretrained_models/wav2vec/wav2vec2-base-960h/config.json");
    assert!(complaint(dir.path()).contains("4 hidden states of width 64; the network reads 12 of width 768"));
    let text = fs::read_to_string(&speech).unwrap();
    let text = text.replace("\"hidden_size\": 64", "\"hidden_size\": 768");
    fs::write(&speech, text.replace("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 12")).unwrap();
    let config = HalloPack::open(dir.path()).unwrap().config;
    assert_eq!((config.clip.frames, config.clip.motion_frames, config.picture.size), (16, 2, 512));
    assert_eq!((config.sampler.steps, config.sampler.train_steps), (40, 1000));
    assert!((config.sampler.guidance - 3.5).abs() < 1e-6);
    assert_eq!((config.audio.tokens, config.audio.hidden, config.face.embedding), (32, 512, 512));
}

#[test]
fn a_layout_is_found_from_within_too_and_a_newer_network_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let release = dir.path().join("release");
    copy(&release);
    let within = release.join("pretrained_models");
    fs::copy(release.join("network.json"), within.join("network.json")).unwrap();
    let pack = HalloPack::open(&within).unwrap();
    assert_eq!((pack.about.name.as_str(), pack.about.created_by.as_str()), ("release", "fudan-generative-ai/hallo"));
    fs::create_dir_all(within.join("hallo2")).unwrap();
    fs::rename(within.join(NETWORKS[1]), within.join(NETWORKS[0])).unwrap();
    let pack = HalloPack::open(&release).unwrap();
    assert!(pack.need(Role::Network).unwrap().path.ends_with(NETWORKS[0]));
    assert_eq!(pack.about.created_by, "fudan-generative-ai/hallo2");
}

#[test]
fn face_models_are_optional_and_carry_their_licences() {
    let dir = tempfile::tempdir().unwrap();
    copy(dir.path());
    let pack = HalloPack::open(dir.path()).unwrap();
    assert!(pack.file(Role::Detector).is_none() && pack.file(Role::FaceEmbedding).is_none());
    let error = pack.need(Role::Detector).err().unwrap().to_string();
    assert!(error.contains("holds no face detector"), "{error}");
    let models = dir.path().join("pretrained_models/face_analysis/models");
    fs::create_dir_all(&models).unwrap();
    for name in ["scrfd_10g_bnkps.onnx", "glintr100.onnx"] {
        fs::write(models.join(name), name).unwrap();
    }
    let pack = HalloPack::open(dir.path()).unwrap();
    assert_eq!(pack.need(Role::Detector).unwrap().licence, RESEARCH);
    assert!(pack.about.licence.contains(RESEARCH), "{}", pack.about.licence);
    for name in ["face_detection_yunet_2023mar.onnx", "yunet.onnx"] {
        for place in [dir.path().join("pretrained_models"), models.clone()] {
            fs::write(place.join(name), "").unwrap();
            let pack = HalloPack::open(dir.path()).unwrap();
            let detector = pack.need(Role::Detector).unwrap();
            assert_eq!((&detector.path, detector.licence.as_str()), (&place.join(name), "MIT"));
            fs::remove_file(place.join(name)).unwrap();
        }
    }
}

#[test]
fn layouts_that_are_not_whole_are_refused_by_file() {
    let dir = tempfile::tempdir().unwrap();
    assert!(complaint(dir.path()).contains("holds neither model.toml nor hallo2/net.pth nor hallo/net.pth"));
    let root = dir.path().join("pretrained_models");
    for (file, wrong, by, says) in [
        ("stable-diffusion-v1-5/unet/config.json", "block_out_channels", "channels", "block_out_channels"),
        (
            "stable-diffusion-v1-5/unet/config.json",
            "\"attention_head_dim\": 8",
            "\"attention_head_dim\": 5",
            "unet.heads",
        ),
        ("wav2vec/wav2vec2-base-960h/config.json", "\"group\"", "\"layer\"", "base size"),
        (
            "wav2vec/wav2vec2-base-960h/config.json",
            "\"num_attention_heads\": 4",
            "\"num_attention_heads\": 5",
            "multiple of heads",
        ),
        ("sd-vae-ft-mse/config.json", "\"norm_num_groups\": 32", "\"norm_num_groups\": 3", "vae.norm_groups"),
        ("../network.json", "\"trailing\"", "\"leading\"", "scheduler is not Hallo's"),
        ("../network.json", "\"fps\"", "\"colour\"", "colour"),
        ("../network.json", "\"image_size\": 128", "\"image_size\": 96", "not a multiple of 64"),
        ("../network.json", "\"clip_length\": 6", "\"clip_length\": 31", "motion.positions"),
    ] {
        copy(dir.path());
        let path = root.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(wrong), "{wrong}");
        fs::write(&path, text.replace(wrong, by)).unwrap();
        let error = complaint(dir.path());
        assert!(error.contains(says), "{error}");
    }
    for (file, role) in [(VAE, Role::Vae), (SPEECH, Role::Speech)] {
        copy(dir.path());
        fs::remove_file(root.join(file)).unwrap();
        let pack = HalloPack::open(dir.path()).unwrap();
        let error = if role == Role::Vae { pack.vae() } else { pack.speech() }.err().unwrap().to_string();
        assert!(error.contains(file), "{error}");
    }
}

/// A manifest for the toy's own files, put beside one another.
fn manifest() -> HalloManifest {
    let pack = HalloPack::open(&hallo_dir()).unwrap();
    let entry = |role| FileEntry {
        name: format!("{role:?}.safetensors"),
        role,
        licence: "MIT".into(),
        source: "here".into(),
        sha256: "0".repeat(64),
    };
    HalloManifest {
        pack: pack.about,
        network: pack.config,
        files: Role::ALL[..3].iter().map(|role| entry(*role)).collect(),
    }
}

#[test]
fn a_manifest_survives_the_way_to_text_and_back() {
    let manifest = manifest();
    let text = toml::to_string(&manifest).unwrap();
    assert_eq!(HalloManifest::parse(&text, MANIFEST).unwrap(), manifest);
}

#[test]
fn manifests_that_are_not_sound_are_refused() {
    let refused = |change: &dyn Fn(&mut HalloManifest), says: &str| {
        let mut manifest = manifest();
        change(&mut manifest);
        let error = HalloManifest::parse(&toml::to_string(&manifest).unwrap(), MANIFEST).unwrap_err().to_string();
        assert!(error.contains(MANIFEST) && error.contains(says), "{error}");
    };
    refused(&|m| m.files.truncate(2), "names no file for the speech encoder");
    refused(&|m| m.files.push(m.files[0].clone()), "names 2 files for the network");
    refused(&|m| m.files[0].name = "../x".into(), "names the file \"../x\"");
    refused(&|m| m.pack.family = "emo".into(), "pack.family");
    refused(&|m| m.pack.name = "a/b".into(), "pack.name");
    refused(&|m| m.network.sampler.steps = 0, "sampler.steps");
    refused(&|m| m.network.unet.channels = vec![usize::MAX / 2], "a width of zero or above 65536");
    let unknown = format!("{}\n[colour]\n", toml::to_string(&manifest()).unwrap());
    assert!(HalloManifest::parse(&unknown, MANIFEST).unwrap_err().to_string().contains("colour"));
}

#[test]
fn an_altered_file_is_refused_by_name_after_its_own_faults() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(MANIFEST), toml::to_string(&manifest()).unwrap()).unwrap();
    let speech = dir.path().join("Speech.safetensors");
    fs::copy(hallo_dir().join("pretrained_models").join(SPEECH), &speech).unwrap();
    let pack = HalloPack::open(dir.path()).unwrap();
    let error = pack.speech().err().unwrap().to_string();
    assert!(error.contains("Speech.safetensors was altered"), "{error}");
    let bytes = fs::read(&speech).unwrap();
    fs::write(&speech, &bytes[..bytes.len() - 7]).unwrap();
    let error = pack.speech().err().unwrap().to_string();
    assert!(error.contains("Speech.safetensors") && error.contains("cut short"), "{error}");
}

#[test]
fn published_layouts_are_found_by_the_name_of_their_directory() {
    let dir = tempfile::tempdir().unwrap();
    copy(&dir.path().join("portrait"));
    let search = [dir.path().to_owned()];
    let found: Vec<_> = packs(&search).into_iter().map(|pack| (pack.name, pack.image_size, pack.fault)).collect();
    assert_eq!(found[1], ("portrait".to_owned(), 128, None));
    let report = inspect("portrait", &search).unwrap();
    assert_eq!((report.family.as_str(), report.clip_frames, report.latent), ("hallo", 6, [4, 16, 16]));
    let parts: Vec<_> = report.parts.iter().map(|part| part.name.as_str()).collect();
    let network = ["audioproj", "denoising_unet", "face_locator", "imageproj", "reference_unet"];
    assert_eq!(parts, [&network[..], &["vae", "wav2vec"]].concat());
    assert!(report.files.iter().all(|file| !file.compared && file.licence.is_some()));
    let AnyPack::Hallo(pack) = AnyPack::open(&dir.path().join("portrait")).unwrap() else { panic!("another family") };
    // The digest is a matter of contents, not of place or name.
    assert_eq!(pack.digest().unwrap(), HalloPack::open(&hallo_dir()).unwrap().digest().unwrap());
    assert_eq!(report.digest, pack.digest().unwrap());
    let config = dir.path().join("portrait/network.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("\"cfg_scale\": 3.5", "\"cfg_scale\": 3.0")).unwrap();
    assert_ne!(report.digest, HalloPack::open(&dir.path().join("portrait")).unwrap().digest().unwrap());
}
