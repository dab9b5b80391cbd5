//! One job under way: clips from prepared conditions, pictures from latents.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use shared::{
    Bundle, Error, FaceBox, Fps, Picture, Result,
    path::HeadPath,
    ports::model::{ClipInput, Control, Renderer},
};

use crate::{
    cuda::read,
    finish::{Detail, Turned},
    known::{self, ClipNoise, KnownFrames},
    latents::{self, channels_first, channels_last, finite},
    net::{Network, unet::Conditions},
    pack::manifest::Manifest,
    sampler::{Sampling, Start, failed},
};

/// What is the same for all clips of a job; maps and tokens with their channels last.
pub(crate) struct Prepared {
    /// The portrait's latent, `[1, s, s, channels]`.
    pub(crate) latent: Tensor,
    /// The Face Locator's map, `[1, s, s, c]`.
    pub(crate) face: Tensor,
    /// The `ReferenceNet`'s feature of each layer, `[1, hw, c]`.
    pub(crate) reference: Vec<Tensor>,
    /// The portrait's colours in -1..=1, `[1, size, size, 3]`, for a pack that carries its detail over.
    pub(crate) picture: Option<Tensor>,
    /// Left, top, width and height of the face in pixels, for a pack whose heads are turned after decoding.
    pub(crate) face_box: Option<[u32; 4]>,
}

impl Prepared {
    /// As named tensors: `latent`, `face`, `reference.00` and so on, `picture`, `face_box`.
    pub(crate) fn to_bundle(&self) -> Result<Bundle> {
        let mut bundle = Bundle::default();
        let mut keep = |name: String, tensor: &Tensor| {
            let numbers = read(tensor).map_err(failed)?;
            bundle.tensors.insert(name, shared::Tensor::new(tensor.dims(), numbers)?);
            Ok::<_, Error>(())
        };
        keep("latent".into(), &self.latent)?;
        keep("face".into(), &self.face)?;
        if let Some(picture) = &self.picture {
            keep("picture".into(), picture)?;
        }
        for (index, feature) in self.reference.iter().enumerate() {
            keep(format!("reference.{index:02}"), feature)?;
        }
        if let Some(sides) = self.face_box {
            let sides = sides.map(|pixels| pixels as f32).to_vec();
            bundle.tensors.insert("face_box".into(), shared::Tensor::new([4], sides)?);
        }
        Ok(bundle)
    }

    /// Reads a bundle back and checks that it belongs to this network.
    pub(crate) fn from_bundle(bundle: &Bundle, manifest: &Manifest, network: &Network) -> Result<Self> {
        let (size, channels) = (manifest.latent_size(), manifest.unet.channels[0]);
        let take = |name: &str, shape: &[usize]| {
            let tensor = bundle.get(name)?;
            if tensor.shape() != shape {
                let found = tensor.shape();
                let message = format!("\"{name}\" of the prepared bundle has shape {found:?}, not {shape:?}");
                return Err(Error::world(message).mend("the bundle belongs to another model pack"));
            }
            Tensor::from_slice(tensor.data(), shape, &Device::Cpu).map_err(failed)
        };
        let maps = network.denoiser.map_sizes(size).enumerate();
        let edge = manifest.picture.size;
        let turned = manifest.sampler.path.is_some_and(|path| path.after_decoding);
        let sides = turned.then(|| take("face_box", &[4])).transpose()?;
        let sides = sides.map(|sides| sides.to_vec1::<f32>().map_err(failed)).transpose()?;
        Ok(Self {
            face_box: sides.and_then(|sides| Some(<[f32; 4]>::try_from(sides).ok()?.map(|pixels| pixels as u32))),
            picture: manifest.detail.map(|_| take("picture", &[1, edge, edge, 3])).transpose()?,
            latent: take("latent", &[1, size, size, manifest.vae.latent_channels])?,
            face: take("face", &[1, size, size, channels])?,
            reference: maps
                .map(|(index, (pixels, channels))| take(&format!("reference.{index:02}"), &[1, pixels, channels]))
                .collect::<Result<_>>()?,
        })
    }
}

/// A network at work on one job.
pub(crate) struct EmoRenderer {
    manifest: Arc<Manifest>,
    network: Arc<Network>,
    prepared: Prepared,
    sampling: Sampling,
    head_speed: Option<f32>,
    seed: u64,
    /// Conditions that do not change from clip to clip; made by the first clip, since decoding needs none.
    steady: Option<Conditions>,
    /// Keys and values of the motion maps of a first clip.
    blank: Option<Vec<Tensor>>,
    /// What the autoencoder loses of the portrait; made by the first frame that is decoded, since clips need none.
    detail: Option<Detail>,
}

impl EmoRenderer {
    pub(crate) fn new(
        manifest: Arc<Manifest>,
        network: Arc<Network>,
        prepared: Prepared,
        sampling: Sampling,
        head_speed: Option<f32>,
        seed: u64,
    ) -> Self {
        Self { manifest, network, prepared, sampling, head_speed, seed, steady: None, blank: None, detail: None }
    }

    fn latent_shape(&self) -> [usize; 3] {
        let size = self.manifest.latent_size();
        [self.manifest.vae.latent_channels, size, size]
    }

    /// The head path of the pack, at the head speed of the job; a head that nobody asked to move rests and blinks.
    fn head_path(&self) -> Option<(HeadPath, f64)> {
        self.manifest.sampler.path.map(|path| (path, f64::from(self.head_speed.unwrap_or(0.0))))
    }

    /// Conditions without audio and motion.
    fn steady(&mut self) -> candle_core::Result<Conditions> {
        if let Some(steady) = &self.steady {
            return Ok(steady.clone());
        }
        let (denoiser, frames) = (&self.network.denoiser, self.manifest.temporal.clip_frames);
        let speed = match self.head_speed {
            Some(speed) => {
                let film = vec![speed; frames + 2 * self.manifest.speed.window];
                denoiser.speed_keys(&self.network.speed.forward(&film)?)?
            }
            None => Vec::new(),
        };
        let steady = Conditions {
            reference: denoiser.reference_keys(&self.prepared.reference)?,
            base: Some(denoiser.base(&self.prepared.latent, &self.prepared.face)?),
            speed,
            ..Conditions::default()
        };
        self.steady = Some(steady.clone());
        Ok(steady)
    }

    fn conditions(&mut self, clip: &ClipInput) -> candle_core::Result<Conditions> {
        let mut given = self.steady()?;
        let features = Tensor::from_slice(clip.features.data(), clip.features.shape(), &Device::Cpu)?;
        given.audio = self.network.denoiser.audio_keys(&self.network.projection.forward(&features)?)?;
        given.motion = match &clip.motion {
            Some(motion) => {
                let maps = self.network.reference.forward(&channels_last(motion)?)?;
                self.network.denoiser.motion_keys(&maps)?
            }
            None => self.blank()?,
        };
        Ok(given)
    }

    fn blank(&mut self) -> candle_core::Result<Vec<Tensor>> {
        if let Some(blank) = &self.blank {
            return Ok(blank.clone());
        }
        let maps = self.network.reference.blank(self.manifest.temporal.motion_frames, self.manifest.latent_size())?;
        let blank = self.network.denoiser.motion_keys(&maps)?;
        self.blank = Some(blank.clone());
        Ok(blank)
    }

    /// Compares the portrait with what the decoder draws of it, once.
    fn make_detail(&mut self) -> Result<()> {
        let (Some(limits), Some(picture), None) = (self.manifest.detail, &self.prepared.picture, &self.detail) else {
            return Ok(());
        };
        let portrait = read(picture).map_err(failed)?;
        let latent = self.portrait()?.map(shared::Tensor::rounded_to_f16);
        let drawn = latent.map(|latent| latents::colours(&self.network.vae, &latent)).transpose().map_err(failed)?;
        self.detail = drawn.map(|drawn| Detail::new(&portrait, &drawn, limits));
        Ok(())
    }

    fn check(&self, clip: &ClipInput) -> Result<()> {
        let frames = self.manifest.temporal.clip_frames;
        let rows = frames + 2 * self.manifest.audio_layers.window;
        let shape = clip.features.shape();
        if clip.frames.len() != frames as u64 || shape != [rows, self.manifest.audio.features] {
            let message =
                format!("frames {} with features of shape {shape:?} are not a clip of this model", clip.frames);
            return Err(Error::world(message));
        }
        let [c, height, width] = self.latent_shape();
        clip.known.as_ref().map_or(Ok(()), |known| known.check(frames, [c, height, width]))?;
        match &clip.motion {
            Some(motion) if motion.shape() != [self.manifest.temporal.motion_frames, c, height, width] => {
                let (frames, shape) = (clip.frames, motion.shape());
                Err(Error::world(format!("frames {frames} cannot be rendered from motion frames of shape {shape:?}")))
            }
            _ => Ok(()),
        }
    }

    fn draw(
        &mut self,
        clip: &ClipInput,
        sampling: &Sampling,
        step: &mut dyn FnMut(u32) -> Control,
    ) -> Result<shared::Tensor> {
        self.check(clip)?;
        let given = self.conditions(clip).map_err(failed)?;
        let [c, height, width] = self.latent_shape();
        let f = self.manifest.temporal.clip_frames;
        let portrait = read(&self.prepared.latent).map_err(failed)?;
        let noise =
            ClipNoise::of(clip, self.seed, [c, height, width], self.manifest.sampler.noise_shared, self.head_path());
        let off_portrait = |latents: &mut [f32]| self.sampling.off_portrait(latents, &portrait);
        let known = clip.known.as_ref().map(|known| KnownFrames::new(known, noise, off_portrait));
        let start = Start::of(known.as_ref(), &noise);
        let mut x = sampling.denoise(&self.network.denoiser, start, [f, height, width, c], &given, step)?;
        self.sampling.onto_portrait(&mut x, &portrait);
        let mut latents = channels_first(&x, height * width, c);
        known::put_back(clip.known.as_ref(), &mut latents);
        let latents = shared::Tensor::new([f, c, height, width], latents)?;
        finite(latents.rounded_to_f16(), clip.frames)
    }
}

impl Renderer for EmoRenderer {
    fn render(&mut self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> Result<shared::Tensor> {
        let sampling = self.sampling.clone();
        self.draw(clip, &sampling, step)
    }

    fn reuses(&self) -> bool {
        self.sampling.reuses()
    }

    fn render_whole(&mut self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> Result<shared::Tensor> {
        let whole = self.sampling.whole();
        self.draw(clip, &whole, step)
    }

    fn portrait(&self) -> Result<Option<shared::Tensor>> {
        let [c, height, width] = self.latent_shape();
        let latent = read(&self.prepared.latent).map_err(failed)?;
        shared::Tensor::new([1, c, height, width], channels_first(&latent, height * width, c)).map(Some)
    }

    fn decode(&mut self, latents: &shared::Tensor, first: u64) -> Result<Vec<Picture>> {
        self.make_detail()?;
        let size = self.manifest.picture.size;
        latents::decode(&self.network.vae, latents, first, self.latent_shape(), size, self.detail.as_ref())
    }

    fn show(&self, pictures: &[Picture], first: u64, fps: Fps) -> Result<Option<Vec<Picture>>> {
        let (Some([x, y, w, h]), Some((path, speed))) = (self.prepared.face_box, self.head_path()) else {
            return Ok(None);
        };
        let head = Turned::new(FaceBox { x, y, w, h }, self.manifest.picture.size);
        let pose = |row: usize| path.pose(self.seed, speed, first + row as u64, fps);
        pictures
            .par_iter()
            .enumerate()
            .map(|(row, picture)| head.turn(picture, &pose(row)))
            .collect::<Result<_>>()
            .map(Some)
    }
}
