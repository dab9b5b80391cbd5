//! The network at the width of Stable Diffusion 1.5 with random weights: what benchmarks time beside other engines.
//!
//! `diffusion/benches/peers` holds the same networks in `PyTorch`, built from the same table of sizes.

mod spatial;

use candle_core::{DType, Tensor};
use shared::{Result, job::Compute};

use crate::{
    device::Device,
    kernels::Form,
    net::{
        unet::{Conditions, Denoiser},
        vae::Vae,
    },
    pack::{manifest::Manifest, weights::Weights},
    sampler::failed,
};
use spatial::Spatial;

/// The table of sizes.
const SIZES: &str = include_str!("model.toml");
/// Diffusion step of every run.
const STEP: usize = 499;
/// Frames of a clip of [`Piece::Step`].
const STEP_FRAMES: usize = 16;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// One step of the plain network, which draws one picture from 77 tokens: residual blocks and spatial transformers.
    Spatial,
    /// One step of the denoiser with reference attention, audio layers and temporal modules, for a clip of four frames; keys and
    /// values of all its conditions included.
    Clip,
    /// One step of the same denoiser for a clip of sixteen frames with guidance; keys and values are made beforehand.
    Step,
    /// One picture of a latent.
    Decode,
}

/// A network that is ready to run.
pub struct Trial {
    network: Network,
    edge: usize,
}

enum Network {
    Spatial(Box<Spatial>),
    Clip(Box<Denoiser>, Box<Manifest>),
    Step(Box<Denoiser>, Box<Conditions>, usize),
    Decode(Box<Vae>),
}

impl Trial {
    /// The network of `piece`, for pictures of `size` pixels.
    ///
    /// # Errors
    /// When its weights do not fit.
    pub fn new(piece: Piece, compute: Compute, size: usize) -> Result<Self> {
        Self::on(Device::Cpu, piece, compute, size)
    }

    /// As [`Self::new`], with weights in the half precision in which packs are published; products widen them on the way.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_halves(piece: Piece, compute: Compute, size: usize) -> Result<Self> {
        Self::with(Weights::drawn_halves("trial"), Device::Cpu, piece, compute, size)
    }

    /// As [`Self::new`], on a device.
    ///
    /// # Errors
    /// As [`Self::new`]; when the device has no such form, or not enough memory.
    pub fn on(device: Device, piece: Piece, compute: Compute, size: usize) -> Result<Self> {
        Self::with(Weights::drawn("trial"), device, piece, compute, size)
    }

    fn with(weights: Weights, device: Device, piece: Piece, compute: Compute, size: usize) -> Result<Self> {
        let mut manifest = Manifest::parse(SIZES, "trial")?;
        if piece == Piece::Step {
            manifest.temporal.clip_frames = STEP_FRAMES;
        }
        let weights = weights.computed(Form::on(device, Some(compute))?);
        let network = match piece {
            Piece::Spatial => Network::Spatial(Box::new(Spatial::load(&weights.root(), &manifest)?)),
            Piece::Step => {
                let denoiser = Denoiser::load(&weights.root(), &manifest)?;
                let given = conditions(&denoiser, &manifest, size / 8).map_err(failed)?;
                Network::Step(Box::new(denoiser), Box::new(given), STEP_FRAMES)
            }
            Piece::Clip => Network::Clip(Box::new(Denoiser::load(&weights.root(), &manifest)?), Box::new(manifest)),
            Piece::Decode => Network::Decode(Box::new(Vae::load(&weights.root(), &manifest.vae)?)),
        };
        Ok(Self { network, edge: size / 8 })
    }

    /// Runs it once; gives the sum of what came out, for people to see that something did.
    ///
    /// # Errors
    /// When a tensor has another shape than a layer needs.
    pub fn run(&self) -> Result<f32> {
        let sum = |out: Tensor| out.to_dtype(DType::F32)?.abs()?.mean_all()?.to_scalar();
        self.once().and_then(sum).map_err(failed)
    }

    fn once(&self) -> candle_core::Result<Tensor> {
        let edge = self.edge;
        match &self.network {
            Network::Spatial(network) => {
                network.forward(&noise(&[1, edge, edge, 4])?, STEP, &noise(&[1, 77, spatial::TOKEN])?)
            }
            Network::Decode(vae) => vae.decode(&noise(&[1, edge, edge, 4])?),
            Network::Clip(denoiser, manifest) => {
                let given = conditions(denoiser, manifest, edge)?;
                denoiser.forward(&noise(&[manifest.temporal.clip_frames, edge, edge, 4])?, STEP, &given, false)
            }
            Network::Step(denoiser, given, frames) => {
                denoiser.forward(&noise(&[*frames, edge, edge, 4])?, STEP, given, true)
            }
        }
    }
}

/// What a denoiser is told of a clip, for latents of edge `edge`.
fn conditions(denoiser: &Denoiser, manifest: &Manifest, edge: usize) -> candle_core::Result<Conditions> {
    let frames = manifest.temporal.clip_frames;
    let sizes: Vec<_> = denoiser.map_sizes(edge).collect();
    let maps = |n: usize| {
        let maps = sizes.iter().map(|(pixels, channels)| noise(&[n, *pixels, *channels]));
        maps.collect::<candle_core::Result<Vec<_>>>()
    };
    let token = manifest.audio_layers.token_dim;
    let base = noise(&[1, edge, edge, manifest.unet.channels[0]])?;
    Ok(Conditions {
        reference: denoiser.reference_keys(&maps(1)?)?,
        audio: denoiser.audio_keys(&noise(&[frames, 2 * manifest.audio_layers.window + 1, token])?)?,
        motion: denoiser.motion_keys(&maps(manifest.temporal.motion_frames)?)?,
        speed: denoiser.speed_keys(&noise(&[1, frames, manifest.speed.token_dim])?)?,
        base: Some(denoiser.bring(&base.repeat((frames, 1, 1, 1))?)?),
    })
}

/// Numbers between -1 and 1 without a pattern.
fn noise(shape: &[usize]) -> candle_core::Result<Tensor> {
    let mut state = 1u32;
    let number = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let numbers: Vec<f32> = (0..shape.iter().product()).map(number).collect();
    Tensor::from_vec(numbers, shape, &candle_core::Device::Cpu)
}
