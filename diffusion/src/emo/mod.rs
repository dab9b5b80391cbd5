//! The EMO network behind the model port.

mod render;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use shared::{
    Bundle, Error, Fps, Picture, Portrait, Result,
    effort::Spent,
    face::FaceSearch,
    job::Settings,
    ports::model::{self, Bridging, Model, ModelShape, Renderer},
};

use crate::{
    face::{FaceAnalysis, FaceFiles},
    forms::Forms,
    latents::pixels,
    listen::Listener,
    net::{Network, audio_encoder::AudioEncoder, face_locator::mask},
    pack::{Pack, manifest::Manifest},
    sampler::{Sampling, failed},
};
use render::{EmoRenderer, Prepared};

/// A model pack of the EMO family, its weights in memory.
pub(crate) struct EmoModel {
    manifest: Arc<Manifest>,
    digest: String,
    networks: Forms<Network>,
    speech: Arc<AudioEncoder>,
    faces: FaceAnalysis,
}

impl EmoModel {
    /// Loads the weights of `pack`.
    ///
    /// # Errors
    /// When a file is missing or damaged, or its tensors do not belong to the manifest.
    pub(crate) fn load(pack: Pack, device: crate::Device) -> Result<Self> {
        let (manifest, digest, faces) = (Arc::new(pack.manifest.clone()), pack.digest.clone(), faces(&pack)?);
        let networks = Forms::new(device, move |form| Network::load(&pack.manifest, pack.weights()?.computed(form)))?;
        let speech = Arc::clone(&networks.get(None)?.audio);
        Ok(Self { manifest, digest, networks, speech, faces })
    }

    fn sampling(&self, settings: &Settings) -> Result<Sampling> {
        sampling(&self.manifest, settings)
    }

    fn make(&self, network: &Network, portrait: &Portrait) -> candle_core::Result<Prepared> {
        let size = self.manifest.picture.size;
        let face = portrait.face_or_middle();
        let picture = pixels(&portrait.picture)?;
        let latent = network.vae.encode(&picture)?.contiguous()?;
        Ok(Prepared {
            face: network.face_locator.forward(&mask(face, size)?)?,
            reference: network.reference.forward(&latent)?,
            latent,
            picture: self.manifest.detail.map(|_| picture),
            face_box: self
                .manifest
                .sampler
                .path
                .is_some_and(|path| path.after_decoding)
                .then_some([face.x, face.y, face.w, face.h]),
        })
    }
}

/// The sampler's numbers for a job; what is not set is the pack's.
///
/// # Errors
/// Names the setting that this network cannot honour.
pub(crate) fn sampling(manifest: &Manifest, settings: &Settings) -> Result<Sampling> {
    settings.refuse_foreign(&manifest.pack.name, &["head_speed"])?;
    let sampler = &manifest.sampler;
    let effort = sampler.effort().of(&manifest.quality, settings);
    effort.check(sampler.train_steps)?;
    if settings.head_speed.is_some_and(|speed| !(0.0..=90.0).contains(&speed)) {
        let mend = "give 0 to 90 degrees a frame; this network learnt 0 to 1.6 or so";
        return Err(Error::order(format!("a head speed of {:?} is out of range", settings.head_speed)).mend(mend));
    }
    Ok(Sampling::of(sampler, effort))
}

/// The detector that the pack's manifest lists, if it does; this network needs no recogniser.
pub(crate) fn faces(pack: &Pack) -> Result<FaceAnalysis> {
    let names = pack.manifest.checksums.keys().map(String::as_str);
    let FaceFiles { detector, .. } = FaceFiles::listed(&pack.dir, names);
    if let Some(name) = detector.as_ref().and_then(|path| path.file_name()?.to_str()) {
        pack.check(name)?;
    }
    FaceAnalysis::open(&FaceFiles { detector, recogniser: None })
}

/// The sizes of a pack's network.
pub(crate) fn shape(manifest: &Manifest) -> ModelShape {
    let size = manifest.latent_size();
    ModelShape {
        clip_frames: manifest.temporal.clip_frames as u32,
        motion_frames: manifest.temporal.motion_frames as u32,
        audio_margin: manifest.audio_layers.window as u32,
        feature_width: manifest.audio.features,
        image_size: manifest.picture.size as u32,
        latent: [manifest.vae.latent_channels, size, size],
    }
}

impl Model for EmoModel {
    fn name(&self) -> &str {
        &self.manifest.pack.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn shape(&self) -> ModelShape {
        shape(&self.manifest)
    }

    fn audio_encoder(&self, fps: Fps) -> Box<dyn model::AudioEncoder> {
        Box::new(Listener::new(Arc::clone(&self.speech), &self.manifest.audio, fps))
    }

    fn bridging(&self, settings: &Settings) -> Bridging {
        let sampler = &self.manifest.sampler;
        let effort = sampler.effort().of(&self.manifest.quality, settings);
        sampler.bridge.unwrap_or_else(|| Bridging::after(effort.steps))
    }

    fn check(&self, settings: &Settings) -> Result<()> {
        settings.refuse_masks(&self.manifest.pack.name)?;
        self.sampling(settings).map(|_| ())
    }

    fn effort(&self, settings: &Settings) -> Result<Option<Spent>> {
        self.sampling(settings).map(|sampling| Some(sampling.spent()))
    }

    fn find_faces(&self, picture: &Picture) -> Result<FaceSearch> {
        self.faces.find(picture)
    }

    fn prepare(&self, portrait: &Portrait, settings: &Settings) -> Result<Bundle> {
        self.check(settings)?;
        portrait.check(self.manifest.picture.size as u32)?;
        let network = self.networks.get(settings.compute)?;
        self.make(&network, portrait).map_err(failed)?.to_bundle()
    }

    fn renderer(&self, prepared: &Bundle, settings: &Settings, seed: u64) -> Result<Box<dyn Renderer>> {
        let sampling = self.sampling(settings)?;
        let network = self.networks.get(settings.compute)?;
        let prepared = Prepared::from_bundle(prepared, &self.manifest, &network)?;
        let renderer = EmoRenderer::new(
            Arc::clone(&self.manifest),
            network,
            prepared,
            sampling,
            settings.head_speed.or(self.manifest.sampler.head_speed),
            seed,
        );
        Ok(Box::new(renderer))
    }
}
