//! Work of known size, for `emofarm bench`: what the CPU can do at all, single operators, and the picture autoencoder's encoder.

// A loop gets the wide instructions only where it is inlined into the function that was compiled for them.
#![allow(clippy::inline_always)]

mod card;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use candle_core::{Device, Tensor};
use pulp::{Arch, Simd, WithSimd};
use shared::{
    Error, Result,
    job::Compute,
    noise::{Stream, normals},
};

use crate::{
    find::{AnyPack, Found, find},
    hallo,
    kernels::{Form, Geometry, GroupNorm, Heads, Numbers, Packed, Product, attend_self, geglu, meter},
    net::Network,
    sampler::failed,
};

pub use card::{CardCheck, CardReport, StepReport, card};

/// Something that can be timed.
pub struct Piece {
    /// What it is.
    pub name: String,
    /// Floating-point operations of one call, two for each multiply-accumulate.
    pub flops: u64,
    run: Box<dyn FnMut() -> candle_core::Result<Tensor>>,
}

impl Piece {
    fn new(name: impl Into<String>, mut run: impl FnMut() -> candle_core::Result<Tensor> + 'static) -> Result<Self> {
        let (counted, flops) = counted(&mut run);
        counted.map_err(failed)?;
        Ok(Self { name: name.into(), flops, run: Box::new(run) })
    }

    /// Does it once.
    ///
    /// # Errors
    /// When an operator of the network fails.
    pub fn run(&mut self) -> Result<()> {
        (self.run)().map(drop).map_err(failed)
    }
}

/// Calls `f` without its arithmetic and counts the floating-point operations that it would have cost, two for each multiply-accumulate of
/// products and attention. Everything must happen on this thread.
pub fn counted<T>(f: impl FnOnce() -> T) -> (T, u64) {
    let (result, counts) = meter::measure(f);
    (result, 2 * counts.values().sum::<u64>())
}

/// What an operator of the network took, all its calls together.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    /// The part of the network, such as `resnets`.
    pub part: &'static str,
    /// The operator, such as `group-norm`.
    pub operator: &'static str,
    /// The shape that it makes.
    pub shape: Vec<usize>,
    /// Number of calls.
    pub calls: u64,
    /// On the clock.
    pub time: Duration,
    /// Floating-point operations, two for each multiply-accumulate of products and attention; those of the plain form, whatever form ran.
    pub flops: u64,
}

/// Calls `f` and tells what each operator took that it ran on the CPU, the longest first. Those that other threads ask for are not seen.
pub fn clocked<T>(f: impl FnOnce() -> T) -> (T, Vec<Spent>) {
    let (result, times) = meter::clock(f);
    let spent = |((part, operator, shape), spent): (_, meter::Spent)| {
        let meter::Spent { calls, time, multiplies } = spent;
        Spent { part, operator, shape, calls, time, flops: 2 * multiplies }
    };
    let mut all: Vec<Spent> = times.into_iter().map(spent).collect();
    all.sort_by_key(|spent| std::cmp::Reverse(spent.time));
    (result, all)
}

/// The operators that a denoiser in the width of Stable Diffusion 1.5 spends its time in, on one frame of 256 x 256 or 512 x 512 pixels.
///
/// # Errors
/// When one of them fails.
pub fn operators() -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for (channels, edge) in [(320, 32), (320, 64), (640, 32), (1280, 8)] {
        let (conv, x) = (product(channels, channels, Geometry::SAME), maps(&[1, edge, edge, channels])?);
        let name = format!("convolution 3x3, {channels} channels, {edge} x {edge}");
        pieces.push(Piece::new(name, move || conv.maps(&x))?);
    }
    for (rows, inner, outer) in [(4096, 320, 320), (1024, 1280, 1280)] {
        let (linear, x) = (product(outer, inner, Geometry::POINT), maps(&[1, rows, inner])?);
        pieces.push(Piece::new(format!("product {rows} x {inner} x {outer}"), move || linear.rows(&x))?);
    }
    for tokens in [1024, 4096] {
        let (heads, x) =
            (Heads { count: 8, channels: 320, form: Form::of(Compute::default()) }, maps(&[1, tokens, 960])?);
        pieces.push(Piece::new(format!("attention, 8 heads, {tokens} tokens"), move || attend_self(heads, &x))?);
    }
    let (norm, x) = (GroupNorm::new(32, 1e-5, vec![1.0; 320], vec![0.0; 320]), maps(&[1, 64, 64, 320])?);
    pieces.push(Piece::new("group norm and SiLU, 320 channels, 64 x 64", move || norm.forward_silu(&x))?);
    let x = maps(&[1, 4096, 2560])?;
    pieces.push(Piece::new("GEGLU, 4096 x 1280", move || geglu(&x))?);
    Ok(pieces)
}

/// The encoder of a pack's picture autoencoder on one picture; nothing for the test pattern, which has none.
///
/// # Errors
/// When there is no such pack, or it cannot be loaded.
pub fn encoder(name_or_dir: &str, search: &[PathBuf]) -> Result<Option<Piece>> {
    let picture = |size: usize| maps(&[1, size, size, 3]);
    let name = |size: usize| format!("encoding of a picture of {size} x {size}");
    match find(name_or_dir, search)? {
        Found::TestPattern => Ok(None),
        Found::Pack(AnyPack::Emo(pack)) => {
            let (network, size) = (Network::load(&pack.manifest, pack.weights()?)?, pack.manifest.picture.size);
            let x = picture(size)?;
            Piece::new(name(size), move || network.vae.encode(&x)).map(Some)
        }
        Found::Pack(AnyPack::Hallo(pack)) => {
            let (vae, size) = (hallo::autoencoder(&pack)?, pack.config.picture.size);
            let x = picture(size)?;
            Piece::new(name(size), move || vae.encode(&x)).map(Some)
        }
    }
}

/// Floating-point operations a second that all threads together reach with nothing but fused multiply-adds of single precision in registers: what
/// a matrix product could reach at best without instructions for smaller numbers. Takes about `time`.
pub fn peak(time: Duration) -> f64 {
    let threads = rayon::current_num_threads();
    let began = Instant::now();
    let counts = rayon::broadcast(|_| {
        let mut rounds = 0_u64;
        while began.elapsed() < time {
            rounds += Arch::new().dispatch(Multiply);
        }
        rounds
    });
    debug_assert_eq!(counts.len(), threads, "every thread counts");
    counts.iter().sum::<u64>() as f64 / began.elapsed().as_secs_f64()
}

/// Independent chains of fused multiply-adds: as many as hide the latency of each.
struct Multiply;

impl WithSimd for Multiply {
    /// Floating-point operations.
    type Output = u64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> u64 {
        const CHAINS: usize = 16;
        const ROUNDS: u64 = 20_000;
        let (a, b) = (simd.splat_f32s(std::hint::black_box(0.999_9)), simd.splat_f32s(std::hint::black_box(1e-4)));
        let mut sums = [simd.splat_f32s(1.0); CHAINS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, a, b);
            }
        }
        let total = sums.into_iter().fold(simd.splat_f32s(0.0), |total, sum| simd.add_f32s(total, sum));
        std::hint::black_box(simd.reduce_sum_f32s(total));
        2 * ROUNDS * (CHAINS * S::F32_LANES) as u64
    }
}

fn product(outer: usize, inner: usize, geometry: Geometry) -> Product {
    let taps = geometry.taps();
    let mut weights = vec![0.0; outer * inner * taps];
    normals(1, Stream::Frame, 0, &mut weights);
    let scale = 1.0 / ((inner * taps) as f32).sqrt();
    for weight in &mut weights {
        *weight *= scale;
    }
    let packed = Packed::new(Form::of(Compute::default()), &Numbers::Single(weights), outer, inner, taps);
    Product::new(packed, None, geometry)
}

fn maps(shape: &[usize]) -> Result<Tensor> {
    let mut data = vec![0.0; shape.iter().product()];
    normals(2, Stream::Frame, 0, &mut data);
    Tensor::from_vec(data, shape, &Device::Cpu)
        .map_err(|e| Error::world("numbers for a benchmark cannot be made").from_source(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_count_what_they_compute() {
        let pieces = operators().unwrap();
        let flops = |name: &str| pieces.iter().find(|piece| piece.name.starts_with(name)).unwrap().flops;
        assert_eq!(flops("convolution 3x3, 320 channels, 32"), 2 * 32 * 32 * 320 * 320 * 9);
        assert_eq!(flops("product 4096"), 2 * 4096 * 320 * 320);
        assert_eq!(flops("attention, 8 heads, 1024"), 2 * 2 * 1024 * 1024 * 320);
        let small = pieces.into_iter().filter(|piece| piece.flops < 2_000_000_000);
        assert!(small.map(|mut piece| piece.run()).all(|ran| ran.is_ok()));
    }

    #[test]
    fn the_peak_is_above_what_one_number_at_a_time_reaches() {
        let peak = peak(Duration::from_millis(100));
        assert!(peak > 1e8 && peak.is_finite(), "{peak}");
    }

    #[test]
    fn encoders_of_both_families_run_and_the_pattern_has_none() {
        let search =
            ["/../models", "/tests/data"].map(|dir| PathBuf::from(format!("{}{dir}", env!("CARGO_MANIFEST_DIR"))));
        for name in ["demo", "hallo-tiny"] {
            let mut piece = encoder(name, &search).unwrap().unwrap();
            piece.run().unwrap();
            assert!(piece.flops > 0, "{name}");
        }
        assert!(encoder("test-pattern", &search).unwrap().is_none());
        assert!(encoder("none", &search).is_err());
    }
}
