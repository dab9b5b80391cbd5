//! The network on the published toy weights.

mod full_width;
mod handoff;
mod packs;
mod parity;
mod savings;
mod shapes;

use std::{path::PathBuf, sync::LazyLock};

use candle_core::{Device, Tensor};
use shared::job::{MotionHandoff, ReferenceReading};

use super::{
    film::{Film, Manner, Prepared},
    network::Network,
    region::Masks,
};
use crate::{
    pack::hallo::{HalloConfig, HalloPack},
    sampler::Sampling,
};

/// The directory of the toy weights.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hallo-tiny"))
}

fn pack() -> HalloPack {
    HalloPack::open(&folder()).unwrap()
}

/// The toy network, loaded once for all tests.
static TOY: LazyLock<(HalloConfig, Network)> = LazyLock::new(|| {
    let pack = pack();
    let network = Network::load(&pack.config, pack.network().unwrap(), pack.vae().unwrap()).unwrap();
    (pack.config, network)
});

/// A film of the network of `config`, with a made-up portrait.
fn film(config: &HalloConfig, network: &Network, handoff: MotionHandoff, guidance: f32) -> Film {
    let (size, latent) = (config.picture.size, config.latent_size());
    let masks = (0..config.unet.channels.len())
        .map(|level| numbers(&[(latent >> level).pow(2), 3], 1).clamp(0f32, 1f32).unwrap())
        .collect();
    let picture = numbers(&[1, size, size, 3], 2).clamp(-1f32, 1f32).unwrap();
    let region = numbers(&[1, size, size, 3], 3).clamp(0f32, 1f32).unwrap();
    let embedding = numbers(&[1, config.face.embedding], 4);
    let prepared = Prepared::new(network, &picture, &region, &embedding, Masks::of_levels(masks)).unwrap();
    let sampling = Sampling::of_velocity((&config.sampler).into(), config.sampler.steps, guidance);
    let manner = Manner { sampling, reading: ReferenceReading::Published, handoff, branches: config.branches };
    Film::new(network, config, &prepared, manner).unwrap()
}

/// Speech features of a clip.
fn speech(config: &HalloConfig, seed: u64) -> Tensor {
    numbers(&[config.clip.frames + config.audio.window - 1, config.feature_width()], seed)
}

/// Normal numbers, other ones for each seed.
fn numbers(shape: &[usize], seed: u64) -> Tensor {
    let mut data = vec![0.0; shape.iter().product()];
    shared::noise::normals(seed, shared::noise::Stream::Frame, 0, &mut data);
    Tensor::from_vec(data, shape, &Device::Cpu).unwrap()
}

/// Norm of the difference over the norm of `plain`.
fn error(found: &Tensor, plain: &Tensor) -> f64 {
    assert_eq!(found.dims(), plain.dims());
    let flat = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (found, plain) = (flat(found), flat(plain));
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let distance = norm(&mut found.iter().zip(&plain).map(|(a, b)| f64::from(a - b)));
    distance / norm(&mut plain.iter().map(|x| f64::from(*x)))
}
