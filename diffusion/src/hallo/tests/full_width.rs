//! The network at the published width on a generated `net.pth`. It takes 5 GB of disk, 6 GB of memory and minutes:
//!
//! `cargo test --workspace --lib full_width -- --ignored --nocapture`
//!
//! `EMOFARM_FULL_WIDTH` names a directory for the checkpoint; a temporary one is used otherwise. `EMOFARM_FULL_WIDTH_SIZE` is the edge of
//! the picture in pixels, 256 where it is not set.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use candle_core::{Device, Tensor};
use half::f16;
use shared::job::{MotionHandoff, ReferenceReading};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{numbers, shapes::published};
use crate::{
    hallo::{
        dead,
        film::{Film, Manner, Prepared},
        network::Network,
        region::Masks,
    },
    pack::{
        hallo::{HalloConfig, names},
        stored::row_by_row,
        weights::Weights,
    },
    pickle::tests::Saved,
    sampler::Sampling,
};

/// Peak memory while loading over the size of the tensors.
const PEAK: f64 = 1.15;

/// Half-precision numbers without a pattern, small enough for a deep network; norms scale by one. The numbers are a table of a few
/// thousand, begun at another place for each tensor, so that generation costs nothing.
struct Noise(Vec<f32>);

impl Noise {
    fn new() -> Self {
        let mut state = 1u64;
        let number = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        Self((0..65_521).map(number).collect())
    }

    /// Writes the numbers of tensor `index`.
    fn write(&self, index: usize, name: &str, shape: &[usize], file: &mut impl Write) {
        let inner: usize = shape.iter().skip(1).product::<usize>().max(1);
        let scale = if shape.len() > 1 { (1.0 / inner as f32).sqrt() } else { 0.02 };
        let base = if shape.len() == 1 && name.contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 };
        let bytes: Vec<u8> = self.0.iter().flat_map(|x| f16::from_f32(base + scale * x).to_le_bytes()).collect();
        let mut left = 2 * shape.iter().product::<usize>();
        let mut from = 2 * (index * 7919 % self.0.len());
        while left > 0 {
            let count = left.min(bytes.len() - from);
            file.write_all(&bytes[from..from + count]).unwrap();
            (left, from) = (left - count, 0);
        }
    }
}

/// Writes a safetensors file.
fn write_safetensors(path: &Path, tensors: &BTreeMap<String, Vec<usize>>) {
    let mut offset = 0;
    let mut header = serde_json::Map::new();
    for (name, shape) in tensors {
        let end = offset + 2 * shape.iter().product::<usize>();
        header
            .insert(name.into(), serde_json::json!({ "dtype": "F16", "shape": shape, "data_offsets": [offset, end] }));
        offset = end;
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    let noise = Noise::new();
    for (index, (name, shape)) in tensors.iter().enumerate() {
        noise.write(index, name, shape, &mut file);
    }
    file.flush().unwrap();
}

/// Writes a state dictionary as `PyTorch` saves it, one storage to a tensor.
fn write_pth(path: &Path, tensors: &BTreeMap<String, Vec<usize>>) {
    let mut saved = Saved::new();
    for (index, (name, shape)) in tensors.iter().enumerate() {
        let narrow = |extents: &[usize]| extents.iter().map(|extent| *extent as i64).collect::<Vec<_>>();
        let (key, count) = (index.to_string(), shape.iter().product::<usize>() as i64);
        saved = saved.tensor_at(name, "HalfStorage", &key, count, 0, &narrow(shape), &narrow(&row_by_row(shape)));
    }
    let mut zip = ZipWriter::new(BufWriter::with_capacity(1 << 20, File::create(path).unwrap()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("net/data.pkl", saved.close().pickle()), ("net/byteorder", b"little".to_vec())] {
        zip.start_file(name, options).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    let noise = Noise::new();
    for (index, (name, shape)) in tensors.iter().enumerate() {
        zip.start_file(format!("net/data/{index}"), options).unwrap();
        noise.write(index, name, shape, &mut zip);
    }
    zip.finish().unwrap();
}

/// Peak resident memory since the last [`forget_peak`], and what is resident now, in bytes.
fn memory() -> [u64; 2] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    ["VmHWM:", "VmRSS:"].map(|name| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    })
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// A checkpoint of every published tensor as the release saves it, and one of the autoencoder.
fn checkpoint(dir: &Path, config: &HalloConfig) -> [PathBuf; 2] {
    let [net, vae] = ["net.pth", "vae.safetensors"].map(|name| dir.join(name));
    write_pth(&net, &published());
    write_safetensors(&vae, &Network::needs(config).unwrap()[1]);
    [net, vae]
}

#[test]
#[ignore = "needs 5 GB of disk, 6 GB of memory and minutes"]
fn a_generated_checkpoint_loads_in_its_own_size_and_draws_a_step() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = std::env::var_os("EMOFARM_FULL_WIDTH").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let mut config = HalloConfig::release();
    let size = std::env::var("EMOFARM_FULL_WIDTH_SIZE").map_or(256, |size| size.parse().unwrap());
    config.picture.size = size;
    let [net, vae] = checkpoint(&dir, &config);

    forget_peak();
    let [_, before] = memory();
    let started = Instant::now();
    let net = Weights::open_as(&net, |name| names::network(&config, name)).unwrap();
    net.passed_over(&dead(&config).unwrap()).unwrap();
    let vae = Weights::open(&vae).unwrap();
    let size = net.bytes() + vae.bytes();
    let network = Network::load(&config, net, vae).unwrap();
    let [peak, after] = memory();
    let giga = |bytes: u64| bytes as f64 / 1e9;
    println!(
        "tensors {:.3} GB, loaded in {:.1} s, peak {:.3} GB ({:.3} of the tensors), then {:.3} GB",
        giga(size),
        started.elapsed().as_secs_f64(),
        giga(peak - before),
        (peak - before) as f64 / size as f64,
        giga(after - before),
    );
    assert!((peak - before) as f64 <= PEAK * size as f64);

    let (edge, latent) = (config.picture.size, config.latent_size());
    let picture = numbers(&[1, edge, edge, 3], 2).clamp(-1f32, 1f32).unwrap();
    let masks = (0..4).map(|level| numbers(&[(latent >> level).pow(2), 3], 1).clamp(0f32, 1f32).unwrap()).collect();
    let region = numbers(&[1, edge, edge, 3], 3).clamp(0f32, 1f32).unwrap();
    let timed = |what: &str, started: Instant| println!("{what}: {:.1} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let embedding = numbers(&[1, config.face.embedding], 4);
    let prepared = Prepared::new(&network, &picture, &region, &embedding, Masks::of_levels(masks)).unwrap();
    timed("once a film: portrait", started);
    let sampling = Sampling::of_velocity((&config.sampler).into(), config.sampler.steps, config.sampler.guidance);
    let (reading, handoff) = (ReferenceReading::Published, MotionHandoff::Pixels);
    let manner = Manner { sampling, reading, handoff, branches: config.branches };
    let film = Film::new(&network, &config, &prepared, manner).unwrap();
    let started = Instant::now();
    let features = numbers(&[config.clip.frames + config.audio.window - 1, config.feature_width()], 5);
    let audio = network.audio.forward(&features).unwrap();
    let given = film.conditions(&network, &audio, &film.motion(&network, None).unwrap()).unwrap();
    timed("once a clip: conditions", started);
    let (frames, height, width, channels) = film.latent_shape();
    let noise = numbers(&[frames, height, width, channels], 6);
    let noise =
        Tensor::from_vec(noise.flatten_all().unwrap().to_vec1::<f32>().unwrap(), film.latent_shape(), &Device::Cpu);
    let started = Instant::now();
    let (seeing, blind) = film.predict(&network, &noise.unwrap(), 999, &given).unwrap();
    timed(&format!("one step of 16 frames at {edge} x {edge}, both sides"), started);
    let blind = blind.unwrap();
    assert!(seeing.iter().chain(&blind).all(|x| x.is_finite()));
    // The network does something: its two sides differ, and neither is flat.
    let spread = |x: &[f32]| x.iter().map(|x| f64::from(x * x)).sum::<f64>() / x.len() as f64;
    let apart = seeing.iter().zip(&blind).map(|(a, b)| f64::from((a - b) * (a - b))).sum::<f64>() / blind.len() as f64;
    println!("mean squares: {:.4} and {:.4}, of their difference {apart:.2e}", spread(&seeing), spread(&blind));
    assert!(spread(&seeing) > 1e-6 && spread(&blind) > 1e-6 && apart > 0.0);
    println!("peak of everything {:.3} GB", giga(memory()[0]));
}
