//! What a step and a clip cost, counted by walking through the very calls that compute them.

use std::collections::BTreeSet;

use candle_core::{Device, Tensor};
use serde::Serialize;
use shared::{
    Error, Result,
    effort::{Level, Spent, Step},
    job::{MotionHandoff, ReferenceReading, Settings},
};

use super::{
    film::{Deep, Film, Manner, Prepared},
    network::Network,
    plain,
    region::Masks,
};
use crate::{
    kernels::meter::{Counts, measure},
    net::face_locator,
    pack::{hallo::HalloConfig, weights::Weights},
    sampler::{Sampling, failed},
};

/// Multiply-accumulates of one part of the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlopPart {
    /// What it is.
    pub name: String,
    /// As the published program computes it.
    pub published: u64,
    /// As this one does.
    pub ours: u64,
}

/// What the network costs in multiply-accumulates, each of which is two floating-point operations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlopReport {
    /// Edge of the picture in pixels.
    pub size: usize,
    /// Frames of a clip.
    pub frames: usize,
    /// The parts of one denoising step with guidance.
    pub step: Vec<FlopPart>,
    /// One step by what it computes of it.
    pub kinds: StepKinds,
    /// What a clip's steps come to at each quality level, the cheapest first.
    pub levels: Vec<LevelCost>,
    /// What comes once a clip besides its steps.
    pub clip: Vec<FlopPart>,
    /// What comes once a film, in the published form with every clip.
    pub film: Vec<FlopPart>,
}

/// Multiply-accumulates of one side of guidance in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StepKinds {
    /// The side that sees everything, the whole network.
    pub seeing: u64,
    /// The blind side, the whole network.
    pub blind: u64,
    /// The side that sees everything, with what deep layers made earlier.
    pub seeing_reused: u64,
    /// The blind side, with what deep layers made earlier.
    pub blind_reused: u64,
}

impl StepKinds {
    /// What a step costs.
    fn of(&self, step: &Step) -> u64 {
        let [seeing, blind] =
            if step.whole { [self.seeing, self.blind] } else { [self.seeing_reused, self.blind_reused] };
        seeing + if step.guided { blind } else { 0 }
    }
}

/// What the steps of a clip come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LevelCost {
    /// The level.
    pub level: Level,
    /// What is in effect.
    #[serde(flatten)]
    pub spent: Spent,
    /// Multiply-accumulates of all steps of a clip.
    pub steps_of_a_clip: u64,
}

impl FlopReport {
    /// Sums of parts: published and ours.
    pub fn total(parts: &[FlopPart]) -> [u64; 2] {
        [parts.iter().map(|part| part.published).sum(), parts.iter().map(|part| part.ours).sum()]
    }
}

/// Counts the network of `config` at another picture size and clip length; no weights are read.
///
/// # Errors
/// When there is no such network.
pub(crate) fn flops(config: &HalloConfig, size: usize, frames: usize) -> Result<FlopReport> {
    let mut config = config.clone();
    config.picture.size = size;
    config.clip.frames = frames;
    if let Some(fault) = config.fault() {
        return Err(Error::order(format!(
            "a network for pictures of {size} pixels and clips of {frames} frames cannot be built: {fault}"
        ))
        .mend("give --size a multiple of 64 and --frames a number that the motion modules have position codes for"));
    }
    Walk { config: &config }.report().map_err(failed)
}

struct Walk<'a> {
    config: &'a HalloConfig,
}

impl Walk<'_> {
    fn report(&self) -> candle_core::Result<FlopReport> {
        let config = self.config;
        let wrap = |error: Error| candle_core::Error::wrap(error);
        let network = Network::load(config, Weights::absent("net"), Weights::absent("vae")).map_err(wrap)?;
        let (published_step, published_clip) = self.published(&network)?;
        let frames = config.clip.frames;
        let prepared = self.prepared()?;
        let look = || {
            network.face_locator.forward(&zeros(&[1, config.picture.size, config.picture.size, 3])?)?;
            let latent = network.vae.encode(&zeros(&[1, config.picture.size, config.picture.size, 3])?)?;
            for tokens in &prepared.tokens {
                network.reference.forward(&latent, &network.reference.faces(tokens)?)?;
            }
            Film::new(&network, config, &prepared, self.manner())
        };
        let (film, once) = measure(look);
        let film = film?;
        let before = zeros(&[
            config.clip.motion_frames,
            config.latent_size(),
            config.latent_size(),
            config.vae.latent_channels,
        ])?;
        let features = zeros(&[frames + config.audio.window - 1, config.feature_width()])?;
        let (motion, handoff) = measure(|| film.motion(&network, Some(&before)));
        let motion = motion?;
        let (given, conditions) = measure(|| film.conditions(&network, &network.audio.forward(&features)?, &motion));
        let given = given?;
        let (f, height, width, channels) = film.latent_shape();
        let noisy = zeros(&[f, height, width, channels])?;
        let mut deep = Deep::default();
        let mut at = |guided, whole| {
            let (step, counts) =
                measure(|| film.step(&network, &noisy, Step { t: 0, guided, whole }, &given, &mut deep));
            step.map(|_| counts)
        };
        let counts = at(true, true)?;
        let [both, seeing, reused, seeing_reused] =
            [sum(&counts), sum(&at(false, true)?), sum(&at(true, false)?), sum(&at(false, false)?)];
        let kinds = StepKinds { seeing, blind: both - seeing, seeing_reused, blind_reused: reused - seeing_reused };
        let (decoded, decode) = measure(|| network.vae.decode(&noisy));
        decoded?;
        let part = |name: &str, published: u64, ours: u64| FlopPart { name: name.into(), published, ours };
        // Whatever a clip spends on it, though it should be nothing (exact saving 11).
        let located = [&conditions, &handoff].map(|counts| counts.get(face_locator::PART).copied().unwrap_or_default());
        let [reference, locator, encode] = published_clip;
        Ok(FlopReport {
            size: config.picture.size,
            frames,
            step: side_by_side(&published_step, &counts),
            levels: Level::ALL.map(|level| self.level(level, &kinds)).into(),
            kinds,
            clip: vec![
                part(
                    "conditions: reference features, audio tokens, keys and values",
                    sum(&reference),
                    sum(&conditions) - located[0],
                ),
                part(face_locator::PART, sum(&locator), located.iter().sum()),
                part("motion frames: decode, encode", sum(&encode), sum(&handoff) - located[1]),
                part("decode", sum(&decode), sum(&decode)),
            ],
            film: vec![part("portrait, its reference features, keys and values", 0, sum(&once))],
        })
    }

    fn level(&self, level: Level, kinds: &StepKinds) -> LevelCost {
        let (sampler, settings) = (&self.config.sampler, Settings { quality: Some(level), ..Settings::default() });
        let sampling = Sampling::of_velocity_with(sampler.into(), sampler.effort().of(&self.config.quality, &settings));
        let steps_of_a_clip = sampling.course().iter().map(|step| kinds.of(step)).sum();
        LevelCost { level, spent: sampling.spent(), steps_of_a_clip }
    }

    /// The published step, and once a clip: `ReferenceNet` and audio projection, Face Locator, encodings.
    fn published(&self, network: &Network) -> candle_core::Result<(Counts, [Counts; 3])> {
        let config = self.config;
        let (size, latent) = (config.picture.size, config.latent_size());
        let [frames, motion] = [config.clip.frames, config.clip.motion_frames];
        let wrap = |error: Error| candle_core::Error::wrap(error);
        let weights = Weights::absent("net");
        let denoiser = plain::Denoiser::load(&weights.root(), config).map_err(wrap)?;
        let weights = Weights::absent("net");
        let reference = plain::ReferenceNet::load(&weights.root(), config).map_err(wrap)?;
        let sizes: Vec<(usize, usize)> = network.denoiser.map_sizes(latent).collect();
        let maps = |n: usize| {
            sizes
                .iter()
                .map(|(pixels, channels)| zeros(&[n, *pixels, *channels]))
                .collect::<candle_core::Result<Vec<_>>>()
        };
        let (face, token) = (config.face.tokens, config.unet.cross_attention_dim);
        let given = plain::Conditions {
            bank: maps(2)?,
            motion: maps(motion)?.into_iter().map(|map| [map.clone(), map]).collect(),
            face: zeros(&[2, face, token])?,
            audio: zeros(&[frames, config.audio.tokens, config.audio.token_dim])?,
            masks: self.masks()?,
            branches: config.branches,
            locator: zeros(&[frames, latent, latent, config.unet.channels[0]])?,
        };
        let noisy = zeros(&[frames, latent, latent, config.vae.latent_channels])?;
        let (step, counts) = measure(|| denoiser.forward(&noisy, 0, &given));
        step?;
        let samples = 2 * (motion + 1);
        let (features, of_reference) = measure(|| {
            let rows = frames + config.audio.window - 1;
            network.audio.forward(&zeros(&[rows, config.feature_width()])?)?;
            reference.forward(
                &zeros(&[samples, latent, latent, config.vae.latent_channels])?,
                &zeros(&[samples, face, token])?,
            )
        });
        features?;
        let (map, of_locator) = measure(|| network.face_locator.forward(&zeros(&[frames, size, size, 3])?));
        map?;
        let (latents, of_encode) = measure(|| network.vae.encode(&zeros(&[motion + 1, size, size, 3])?));
        latents?;
        Ok((counts, [of_reference, of_locator, of_encode]))
    }

    fn masks(&self) -> candle_core::Result<Vec<Tensor>> {
        let size = self.config.latent_size();
        (0..self.config.unet.channels.len()).map(|level| zeros(&[(size >> level).pow(2), 3])).collect()
    }

    fn prepared(&self) -> candle_core::Result<Prepared> {
        let config = self.config;
        let size = config.latent_size();
        let features = || -> candle_core::Result<Vec<Tensor>> {
            let weights = Weights::absent("net");
            let denoiser =
                super::denoiser::Denoiser::load(&weights.root(), config).map_err(candle_core::Error::wrap)?;
            denoiser.map_sizes(size).map(|(pixels, channels)| zeros(&[1, pixels, channels])).collect()
        };
        let tokens = || zeros(&[1, config.face.tokens, config.unet.cross_attention_dim]);
        Ok(Prepared {
            latent: zeros(&[1, size, size, config.vae.latent_channels])?,
            features: [features()?, features()?],
            locator: zeros(&[1, size, size, config.unet.channels[0]])?,
            tokens: [tokens()?, tokens()?],
            masks: Masks::of_levels(self.masks()?),
        })
    }

    fn manner(&self) -> Manner {
        let sampler = &self.config.sampler;
        Manner {
            // Any scale but 1 needs both sides.
            sampling: Sampling::of_velocity(sampler.into(), 1, 2.0),
            reading: ReferenceReading::Published,
            handoff: MotionHandoff::Pixels,
            branches: self.config.branches,
        }
    }
}

fn zeros(shape: &[usize]) -> candle_core::Result<Tensor> {
    Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu)
}

fn sum(counts: &Counts) -> u64 {
    counts.values().sum()
}

fn side_by_side(published: &Counts, ours: &Counts) -> Vec<FlopPart> {
    let names: BTreeSet<&'static str> = published.keys().chain(ours.keys()).copied().collect();
    let count = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or_default();
    let part = |name: &'static str| FlopPart {
        name: name.to_owned(),
        published: count(published, name),
        ours: count(ours, name),
    };
    names.into_iter().map(part).collect()
}
