//! The Hallo network behind the model port.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use shared::{
    Bundle, Error, Fps, Picture, Portrait, Result,
    effort::Spent,
    face::FaceSearch,
    job::Settings,
    ports::model::{AudioEncoder, Bridging, Model, ModelShape, PackCard, Renderer},
};

use super::{
    film::{Manner, Prepared},
    network::{Network, vae_of},
    region::Masks,
    render::HalloRenderer,
};
use crate::{
    face::{FaceAnalysis, FaceFiles, MaskLevel, RegionMasks, face_region},
    forms::Forms,
    latents,
    net::vae::Vae,
    pack::{
        hallo::{Branches, HalloConfig, HalloPack, PackFile, Role},
        weights::Weights,
    },
    sampler::{Sampling, failed},
    wav2vec::{SpeechListener, Wav2Vec},
};

/// Settings that this network has besides those of every model.
const SETTINGS: [&str; 8] =
    ["reference", "handoff", "pose_weight", "face_weight", "lip_weight", "mask_face", "mask_lip", "face_expand"];

/// A model pack of the Hallo family, its weights in memory.
pub(crate) struct HalloModel {
    name: String,
    digest: String,
    config: Arc<HalloConfig>,
    networks: Forms<Network>,
    speech: Arc<Wav2Vec>,
    faces: FaceAnalysis,
    recogniser: Option<PackFile>,
}

impl HalloModel {
    /// Loads the weights of `pack`.
    ///
    /// # Errors
    /// When a file is missing or damaged, or its tensors do not belong to the pack's sizes.
    pub(crate) fn load(pack: &HalloPack, device: crate::Device) -> Result<Self> {
        let source = pack.clone();
        Ok(Self {
            name: pack.about.name.clone(),
            digest: pack.digest()?,
            speech: Arc::new(Wav2Vec::load(pack.speech()?, &pack.config.wav2vec)?),
            faces: faces(pack)?,
            recogniser: pack.file(Role::FaceEmbedding).cloned(),
            config: Arc::new(pack.config.clone()),
            networks: Forms::new(device, move |form| {
                Network::load(&source.config, source.network()?.computed(form), source.vae()?.computed(form.decoding()))
            })?,
        })
    }

    fn manner(&self, settings: &Settings) -> Result<Manner> {
        manner(&self.name, &self.config, settings)
    }

    fn make(&self, portrait: &Portrait, settings: &Settings) -> Result<Prepared> {
        let size = self.config.picture.size;
        let masks = RegionMasks::of(portrait, settings, self.config.latent_size());
        let levels: Vec<[&[f32]; 3]> = masks.levels.iter().map(MaskLevel::branches).collect();
        // The published program's mask has three equal channels.
        let region = face_region(portrait, settings).into_iter().flat_map(|inside| [inside; 3]).collect();
        // It is read here and nowhere else, once a job.
        self.recogniser.as_ref().map_or(Ok(()), PackFile::check)?;
        let embedding = self.faces.embedding(portrait)?;
        let masks = Masks::new(&levels)?;
        let network = self.networks.get(settings.compute)?;
        let make = || {
            let embedding = Tensor::from_vec(embedding, (1, self.config.face.embedding), &Device::Cpu)?;
            let region = Tensor::from_vec(region, (1, size, size, 3), &Device::Cpu)?;
            Prepared::new(&network, &latents::pixels(&portrait.picture)?, &region, &embedding, masks)
        };
        make().map_err(failed)
    }
}

/// How a film is drawn with the network of `config`, of a pack called `name`; no weights are needed to say so.
///
/// # Errors
/// Names the setting that this network does not have, or that is out of range.
pub(crate) fn manner(name: &str, config: &HalloConfig, settings: &Settings) -> Result<Manner> {
    settings.refuse_foreign(name, &SETTINGS)?;
    let (sampler, branches) = (&config.sampler, config.branches);
    let wrong = |what: String, mend: String| Err(Error::order(what).mend(mend));
    let effort = sampler.effort().of(&config.quality, settings);
    effort.check(sampler.train_steps)?;
    let branches = Branches {
        pose: settings.pose_weight.unwrap_or(branches.pose),
        face: settings.face_weight.unwrap_or(branches.face),
        lip: settings.lip_weight.unwrap_or(branches.lip),
    };
    let strengths = [("pose weight", branches.pose), ("face weight", branches.face), ("lip weight", branches.lip)];
    if let Some((name, value)) = strengths.iter().find(|(_, value)| !(0.0..=100.0).contains(value)) {
        return wrong(format!("a {name} of {value} is out of range"), "give 0 to 100".into());
    }
    Ok(Manner {
        sampling: Sampling::of_velocity_with(sampler.into(), effort),
        reading: settings.reference.unwrap_or_default(),
        handoff: settings.handoff.unwrap_or_default(),
        branches,
    })
}

/// The card of `pack`, from its sizes and its digest alone.
///
/// # Errors
/// When a file of a published layout, whose digest is made from all of them, cannot be read.
pub(crate) fn card(pack: &HalloPack) -> Result<PackCard> {
    Ok(PackCard { name: pack.about.name.clone(), digest: pack.digest()?, shape: shape(&pack.config) })
}

/// Whether the network that `config` describes can be built from the tensors of these files; none of their numbers is read.
///
/// # Errors
/// Names a tensor that is missing, has another shape or precision, or belongs to no part of the network.
pub(crate) fn fits(config: &HalloConfig, net: &Weights, vae: &Weights, speech: &Weights) -> Result<()> {
    Network::load(config, net.outline(), vae.outline())?;
    Wav2Vec::load(speech.outline(), &config.wav2vec).map(drop)
}

/// The picture autoencoder of `pack` alone.
///
/// # Errors
/// When its file is missing or damaged, or its tensors do not belong to the pack's sizes.
pub(crate) fn autoencoder(pack: &HalloPack) -> Result<Vae> {
    Vae::load(&pack.vae()?.root(), &vae_of(&pack.config))
}

/// What `pack` brings for faces; its network is not read.
///
/// # Errors
/// When the detector's file was altered, or cannot be used.
pub(crate) fn faces(pack: &HalloPack) -> Result<FaceAnalysis> {
    let path = |role| pack.file(role).map(|file| file.path.clone());
    pack.file(Role::Detector).map_or(Ok(()), PackFile::check)?;
    FaceAnalysis::open(&FaceFiles { detector: path(Role::Detector), recogniser: path(Role::FaceEmbedding) })
}

/// The sizes of the network of `config`.
fn shape(config: &HalloConfig) -> ModelShape {
    let size = config.latent_size();
    ModelShape {
        clip_frames: config.clip.frames as u32,
        motion_frames: config.clip.motion_frames as u32,
        audio_margin: (config.audio.window / 2) as u32,
        feature_width: config.feature_width(),
        image_size: config.picture.size as u32,
        latent: [config.vae.latent_channels, size, size],
    }
}

impl Model for HalloModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn shape(&self) -> ModelShape {
        shape(&self.config)
    }

    fn bridging(&self, settings: &Settings) -> Bridging {
        let sampler = &self.config.sampler;
        let effort = sampler.effort().of(&self.config.quality, settings);
        sampler.bridge.unwrap_or_else(|| Bridging::after(effort.steps))
    }

    fn check(&self, settings: &Settings) -> Result<()> {
        self.manner(settings).map(drop)
    }

    fn effort(&self, settings: &Settings) -> Result<Option<Spent>> {
        self.manner(settings).map(|manner| Some(manner.sampling.spent()))
    }

    fn find_faces(&self, picture: &Picture) -> Result<FaceSearch> {
        self.faces.find(picture)
    }

    fn audio_encoder(&self, fps: Fps) -> Box<dyn AudioEncoder> {
        Box::new(SpeechListener::new(Arc::clone(&self.speech), &self.config, fps))
    }

    fn prepare(&self, portrait: &Portrait, settings: &Settings) -> Result<Bundle> {
        self.check(settings)?;
        let (width, height) = (portrait.picture.width(), portrait.picture.height());
        if width != height {
            return Err(Error::order(format!("a portrait of {width}x{height} pixels is not square"))
                .mend("the audio branches' masks are square in the published network; crop the portrait"));
        }
        portrait.check(self.config.picture.size as u32)?;
        self.make(portrait, settings)?.to_bundle()
    }

    fn renderer(&self, prepared: &Bundle, settings: &Settings, seed: u64) -> Result<Box<dyn Renderer>> {
        let manner = self.manner(settings)?;
        let network = self.networks.get(settings.compute)?;
        let prepared = Prepared::from_bundle(prepared, &self.config, &network)?;
        Ok(Box::new(HalloRenderer::new(Arc::clone(&self.config), network, prepared, manner, seed)))
    }
}
