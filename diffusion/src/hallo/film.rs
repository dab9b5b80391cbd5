//! One film: what is the same for all its clips, and how a clip is drawn from it.

use candle_core::{Device, Result, Tensor};
use shared::{
    effort::Step,
    job::{MotionHandoff, ReferenceReading},
    ports::model::Control,
};

use super::{
    denoiser::{ClipLayer, Steady, SteadyLayer},
    face::FaceProducts,
    network::Network,
    reading::{self, Side, Tokens},
    region::Masks,
};
use crate::{
    cuda::read,
    pack::hallo::{Branches, HalloConfig},
    sampler::{Outputs, Sampling, Start},
};

/// What the network knows of the portrait; maps with their channels last. Nothing of it depends on the settings.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// Its latent, `[1, s, s, channels]`.
    pub(crate) latent: Tensor,
    /// Its reference features made with blind and with seeing tokens, `[1, hw, c]` for each attention.
    pub(crate) features: [Vec<Tensor>; 2],
    /// The Face Locator's map, `[1, s, s, c]`.
    pub(crate) locator: Tensor,
    /// Blind and seeing face tokens, `[1, tokens, token]`.
    pub(crate) tokens: [Tensor; 2],
    /// The three regions.
    pub(crate) masks: Masks,
}

impl Prepared {
    /// Looks at a portrait `[1, size, size, 3]` in -1..=1, with a `face_region` `[1, size, size, 3]` of zeros and ones and an
    /// embedding `[1, embedding]` of the face in it.
    pub(crate) fn new(
        network: &Network,
        pixels: &Tensor,
        face_region: &Tensor,
        embedding: &Tensor,
        masks: Masks,
    ) -> Result<Self> {
        let latent = network.vae.encode(pixels)?.contiguous()?;
        let blind = network.face.forward(&embedding.zeros_like()?)?;
        let seeing = network.face.forward(embedding)?;
        let features = |tokens: &Tensor| network.reference.forward(&latent, &network.reference.faces(tokens)?);
        Ok(Self {
            features: [features(&blind)?, features(&seeing)?],
            locator: network.face_locator.forward(face_region)?,
            tokens: [blind, seeing],
            latent,
            masks,
        })
    }
}

/// How a film is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// Schedule and guidance.
    pub(crate) sampling: Sampling,
    /// Which reference features are read.
    pub(crate) reading: ReferenceReading,
    /// How motion frames go from clip to clip.
    pub(crate) handoff: MotionHandoff,
    /// Strengths of the audio branches.
    pub(crate) branches: Branches,
}

/// A film under way.
pub(crate) struct Film {
    config: HalloConfig,
    manner: Manner,
    /// The portrait's latent.
    latent: Tensor,
    seeing: Steady,
    /// Nothing without guidance.
    blind: Option<Steady>,
    /// The `ReferenceNet`'s attentions to blind and seeing face tokens.
    reference_faces: [Vec<FaceProducts>; 2],
}

/// What a clip is told, for the seeing side and the blind one.
pub(crate) struct ClipConditions {
    seeing: Vec<ClipLayer>,
    blind: Option<Vec<ClipLayer>>,
}

/// What the deep layers made at an earlier step of a clip, for each side of guidance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deep {
    seeing: Option<Tensor>,
    blind: Option<Tensor>,
}

impl Film {
    /// Makes everything that no clip changes.
    pub(crate) fn new(network: &Network, config: &HalloConfig, portrait: &Prepared, manner: Manner) -> Result<Self> {
        let regions = network.denoiser.regions(&portrait.masks, manner.branches)?;
        let steady = |tokens: Tokens, banks: Vec<Option<Tensor>>, locator| {
            let faces = network.denoiser.faces(&portrait.tokens[tokens as usize])?;
            let layers = faces.into_iter().zip(banks).zip(&regions);
            let layers = layers.map(|((face, bank), region)| SteadyLayer { bank, face, region: region.clone() });
            Ok::<_, candle_core::Error>(Steady { locator, layers: layers.collect() })
        };
        let (frames, motion) = (config.clip.frames, config.clip.motion_frames);
        let guided = manner.sampling.is_guided();
        // Without guidance there are no two sides to be mixed.
        let reading = if guided { manner.reading } else { ReferenceReading::Corrected };
        let read = reading::portraits(reading, frames, motion);
        let banks = network.denoiser.banks(&joined(&portrait.features, &read)?)?;
        let none = vec![None; banks.len()];
        let faces = |tokens: &Tensor| network.reference.faces(tokens);
        Ok(Self {
            seeing: steady(
                Tokens::Seeing,
                banks.into_iter().map(Some).collect(),
                Some(network.denoiser.bring(&portrait.locator)?),
            )?,
            blind: guided.then(|| steady(Tokens::Blind, none, None)).transpose()?,
            reference_faces: [faces(&portrait.tokens[0])?, faces(&portrait.tokens[1])?],
            latent: portrait.latent.clone(),
            config: config.clone(),
            manner: Manner { reading, ..manner },
        })
    }

    /// The latents `[n, s, s, channels]` of motion frames as the `ReferenceNet` reads them; `before` are the last latents of the
    /// clip before, or nothing for a first clip, which starts from the portrait.
    pub(crate) fn motion(&self, network: &Network, before: Option<&Tensor>) -> Result<Tensor> {
        match (before, self.manner.handoff) {
            (None, _) => self.latent.repeat((self.config.clip.motion_frames, 1, 1, 1)),
            (Some(latents), MotionHandoff::Latents) => Ok(latents.clone()),
            (Some(latents), MotionHandoff::Pixels) => {
                network.vae.encode(&network.vae.decode(latents)?.clamp(-1f32, 1f32)?)?.contiguous()
            }
        }
    }

    /// What a clip is told: `audio` tokens `[f, tokens, token]`, and `motion` latents from [`Self::motion`].
    pub(crate) fn conditions(&self, network: &Network, audio: &Tensor, motion: &Tensor) -> Result<ClipConditions> {
        let [blind, seeing] = &self.reference_faces;
        let seeing = network.reference.forward(motion, seeing)?;
        let features = match &self.blind {
            Some(_) => [network.reference.forward(motion, blind)?, seeing],
            None => [Vec::new(), seeing],
        };
        let side = |side: Side, audio: Vec<Option<Tensor>>| {
            let read = reading::motion(self.manner.reading, side, self.config.clip.motion_frames);
            let rows = network.denoiser.motion(&frame_by_frame(&features, &read)?)?;
            let layers = rows.into_iter().zip(audio).map(|(motion, audio)| ClipLayer { audio, motion });
            Ok::<_, candle_core::Error>(layers.collect::<Vec<_>>())
        };
        let audio: Vec<_> = network.denoiser.audio(audio)?.into_iter().map(Some).collect();
        let none = vec![None; audio.len()];
        Ok(ClipConditions {
            seeing: side(Side::Seeing, audio)?,
            blind: self.blind.as_ref().map(|_| side(Side::Blind, none)).transpose()?,
        })
    }

    /// The outputs of the seeing side and of the blind one, if there is guidance, for noisy latents
    /// `[f, s, s, channels]` at a diffusion step.
    pub(crate) fn predict(
        &self,
        network: &Network,
        noisy: &Tensor,
        t: usize,
        given: &ClipConditions,
    ) -> Result<(Vec<f32>, Option<Vec<f32>>)> {
        self.step(network, noisy, Step { t, guided: self.blind.is_some(), whole: true }, given, &mut Deep::default())
    }

    /// The outputs of the seeing side and, in a guided step, of the blind one, for noisy latents `[f, s, s, channels]`. What the deep layers
    /// made is kept in `deep`, or taken from there.
    pub(crate) fn step(
        &self,
        network: &Network,
        noisy: &Tensor,
        at: Step,
        given: &ClipConditions,
        deep: &mut Deep,
    ) -> Result<(Vec<f32>, Option<Vec<f32>>)> {
        let (seeing, blind) = self.outputs(network, noisy, at, given, deep)?;
        Ok((read(&seeing)?, blind.as_ref().map(read).transpose()?))
    }

    /// As [`Self::step`], where the network is computed.
    fn outputs(
        &self,
        network: &Network,
        noisy: &Tensor,
        at: Step,
        given: &ClipConditions,
        deep: &mut Deep,
    ) -> Result<Outputs> {
        let run = |steady, clip, deep: &mut Option<Tensor>| {
            network.denoiser.step(noisy, (at.t, !at.whole), (steady, clip), deep)
        };
        let seeing = run(&self.seeing, &given.seeing[..], &mut deep.seeing)?;
        let blind = self.blind.as_ref().zip(given.blind.as_ref()).filter(|_| at.guided);
        let blind = blind.map(|(steady, clip)| run(steady, &clip[..], &mut deep.blind)).transpose()?;
        Ok((seeing, blind))
    }

    /// Denoises a clip of latents `[f, s, s, channels]`; `step` is asked before each step.
    ///
    /// # Errors
    /// When stopped, or when the network fails.
    pub(crate) fn clip<'a>(
        &self,
        network: &Network,
        start: impl Into<Start<'a>>,
        given: &ClipConditions,
        step: &mut dyn FnMut(u32) -> Control,
    ) -> shared::Result<Vec<f32>> {
        self.clip_with(&self.manner.sampling, network, start, given, step)
    }

    /// As [`Self::clip`], with the whole network in every step.
    ///
    /// # Errors
    /// As [`Self::clip`].
    pub(crate) fn clip_whole<'a>(
        &self,
        network: &Network,
        start: impl Into<Start<'a>>,
        given: &ClipConditions,
        step: &mut dyn FnMut(u32) -> Control,
    ) -> shared::Result<Vec<f32>> {
        self.clip_with(&self.manner.sampling.whole(), network, start, given, step)
    }

    fn clip_with<'a>(
        &self,
        sampling: &Sampling,
        network: &Network,
        start: impl Into<Start<'a>>,
        given: &ClipConditions,
        step: &mut dyn FnMut(u32) -> Control,
    ) -> shared::Result<Vec<f32>> {
        let (mut deep, start) = (Deep::default(), start.into());
        if network.denoiser.is_on_card()
            && sampling.stays_on_card(&start)
            && let Start::Noise(noise) = start
        {
            let (frames, height, width, channels) = self.latent_shape();
            let shape = [frames, height, width, channels];
            return sampling.run_on_card(noise, shape, step, |x, at| self.outputs(network, x, at, given, &mut deep));
        }
        sampling.run(start, step, |x, at| {
            let noisy = Tensor::from_slice(x, self.latent_shape(), &Device::Cpu)?;
            let (mut seeing, blind) = self.step(network, &noisy, at, given, &mut deep)?;
            if let Some(blind) = blind {
                sampling.guide(&mut seeing, &blind);
            }
            Ok(seeing)
        })
    }

    /// Schedule and guidance.
    pub(crate) fn sampling(&self) -> &Sampling {
        &self.manner.sampling
    }

    /// The shape of a clip's latents, channels last.
    pub(crate) fn latent_shape(&self) -> (usize, usize, usize, usize) {
        let size = self.config.latent_size();
        (self.config.clip.frames, size, size, self.config.vae.latent_channels)
    }
}

/// For each attention, the features made with the `wanted` tokens one after the other, `[m, hw, c]`.
fn joined(features: &[Vec<Tensor>; 2], wanted: &[Tokens]) -> Result<Vec<Tensor>> {
    let layers = features[Tokens::Seeing as usize].len();
    let layer = |layer: usize| {
        let all: Vec<&Tensor> = wanted.iter().map(|tokens| &features[*tokens as usize][layer]).collect();
        Tensor::cat(&all, 0)
    };
    (0..layers).map(layer).collect()
}

/// For each attention, entry i of the features made with the i-th of the `wanted` tokens, `[n, hw, c]`.
fn frame_by_frame(features: &[Vec<Tensor>; 2], wanted: &[Tokens]) -> Result<Vec<Tensor>> {
    let layers = features[Tokens::Seeing as usize].len();
    let layer = |layer: usize| {
        let one = |(frame, tokens): (usize, &Tokens)| features[*tokens as usize][layer].narrow(0, frame, 1);
        Tensor::cat(&wanted.iter().enumerate().map(one).collect::<Result<Vec<_>>>()?, 0)
    };
    (0..layers).map(layer).collect()
}
