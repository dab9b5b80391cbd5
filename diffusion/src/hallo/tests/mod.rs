//! The network on the published toy weights.

mod full_width;
mod handoff;
mod parity;
mod savings;
mod shapes;

use std::path::PathBuf;

use candle_core::{Device, Tensor};

use crate::pack::hallo::HalloPack;

/// The directory of the toy weights.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hallo-tiny"))
}

fn pack() -> HalloPack {
    HalloPack::open(&folder()).unwrap()
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
