//! One job under way: clips from prepared conditions, pictures from latents.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use shared::{
    Error, Picture, Result,
    ports::model::{ClipInput, Control, Renderer},
};

use super::{
    film::{Film, Manner, Prepared},
    network::Network,
};
use crate::{
    cuda::read,
    known::{self, ClipNoise, KnownFrames},
    latents::{self, channels_first, channels_last, finite},
    pack::hallo::HalloConfig,
    sampler::{Start, failed},
};

/// A network at work on one job.
pub(crate) struct HalloRenderer {
    config: Arc<HalloConfig>,
    network: Arc<Network>,
    portrait: Prepared,
    manner: Manner,
    seed: u64,
    /// What no clip changes; made by the first clip, since decoding needs nothing of it.
    film: Option<Film>,
}

impl HalloRenderer {
    pub(crate) fn new(
        config: Arc<HalloConfig>,
        network: Arc<Network>,
        portrait: Prepared,
        manner: Manner,
        seed: u64,
    ) -> Self {
        Self { config, network, portrait, manner, seed, film: None }
    }

    /// Channels, height and width of a latent frame.
    fn latent_shape(&self) -> [usize; 3] {
        let size = self.config.latent_size();
        [self.config.vae.latent_channels, size, size]
    }

    fn film(&mut self) -> candle_core::Result<&Film> {
        let film = match self.film.take() {
            Some(film) => film,
            None => Film::new(&self.network, &self.config, &self.portrait, self.manner.clone())?,
        };
        Ok(self.film.insert(film))
    }

    fn check(&self, clip: &ClipInput) -> Result<()> {
        let (frames, motion) = (self.config.clip.frames, self.config.clip.motion_frames);
        let rows = frames + self.config.audio.window - 1;
        let shape = clip.features.shape();
        if clip.frames.len() != frames as u64 || shape != [rows, self.config.feature_width()] {
            let message =
                format!("frames {} with features of shape {shape:?} are not a clip of this model", clip.frames);
            return Err(Error::world(message));
        }
        let [c, height, width] = self.latent_shape();
        clip.known.as_ref().map_or(Ok(()), |known| known.check(frames, [c, height, width]))?;
        match &clip.motion {
            Some(latents) if latents.shape() != [motion, c, height, width] => {
                let (frames, shape) = (clip.frames, latents.shape());
                Err(Error::world(format!("frames {frames} cannot be rendered from motion frames of shape {shape:?}")))
            }
            _ => Ok(()),
        }
    }

    fn draw(&mut self, clip: &ClipInput, whole: bool, step: &mut dyn FnMut(u32) -> Control) -> Result<Vec<f32>> {
        let noise = ClipNoise::of(clip, self.seed, self.latent_shape(), 0.0, None);
        let known = clip.known.as_ref().map(|known| KnownFrames::new(known, noise, |_| ()));
        let network = Arc::clone(&self.network);
        let film = self.film().map_err(failed)?;
        let conditions = || {
            let before = clip.motion.as_ref().map(channels_last).transpose()?;
            let features = Tensor::from_slice(clip.features.data(), clip.features.shape(), &Device::Cpu)?;
            film.conditions(&network, &network.audio.forward(&features)?, &film.motion(&network, before.as_ref())?)
        };
        let (start, given) = (Start::of(known.as_ref(), &noise), conditions().map_err(failed)?);
        if whole { film.clip_whole(&network, start, &given, step) } else { film.clip(&network, start, &given, step) }
    }

    fn finish(
        &mut self,
        clip: &ClipInput,
        whole: bool,
        step: &mut dyn FnMut(u32) -> Control,
    ) -> Result<shared::Tensor> {
        self.check(clip)?;
        let [c, height, width] = self.latent_shape();
        let mut latents = channels_first(&self.draw(clip, whole, step)?, height * width, c);
        known::put_back(clip.known.as_ref(), &mut latents);
        let latents = shared::Tensor::new([self.config.clip.frames, c, height, width], latents)?;
        finite(latents.rounded_to_f16(), clip.frames)
    }
}

impl Renderer for HalloRenderer {
    fn render(&mut self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> Result<shared::Tensor> {
        self.finish(clip, false, step)
    }

    fn reuses(&self) -> bool {
        self.manner.sampling.reuses()
    }

    fn render_whole(&mut self, clip: &ClipInput, step: &mut dyn FnMut(u32) -> Control) -> Result<shared::Tensor> {
        self.finish(clip, true, step)
    }

    fn portrait(&self) -> Result<Option<shared::Tensor>> {
        let [c, height, width] = self.latent_shape();
        let latent = read(&self.portrait.latent).map_err(failed)?;
        shared::Tensor::new([1, c, height, width], channels_first(&latent, height * width, c)).map(Some)
    }

    fn decode(&mut self, latents: &shared::Tensor, first: u64) -> Result<Vec<Picture>> {
        latents::decode(&self.network.vae, latents, first, self.latent_shape(), self.config.picture.size, None)
    }
}
