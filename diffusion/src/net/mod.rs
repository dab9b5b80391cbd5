//! The EMO network (arXiv 2402.17485), part by part, as `training/emofarm_training/network` defines it.
//!
//! Feature maps are `[n, height, width, channels]`, token sequences `[n, rows, channels]`. Films (the two sides of
//! guidance) come first and frames within films second wherever both share an axis. Tensor names are those of the
//! training package.

pub(crate) mod attention;
pub(crate) mod audio_encoder;
pub(crate) mod audio_layer;
pub(crate) mod blocks;
pub(crate) mod face_locator;
pub(crate) mod layers;
pub(crate) mod projection;
pub(crate) mod reference;
pub(crate) mod resnet;
pub(crate) mod speed;
pub(crate) mod temporal;
pub(crate) mod time_embedding;
pub(crate) mod transformer;
pub(crate) mod unet;
pub(crate) mod vae;

use std::sync::Arc;

use shared::Result;

use crate::pack::{manifest::Manifest, weights::Weights};

/// All parts under one root.
pub(crate) struct Network {
    pub(crate) denoiser: unet::Denoiser,
    pub(crate) reference: reference::ReferenceNet,
    pub(crate) face_locator: face_locator::FaceLocator,
    pub(crate) projection: projection::AudioProjection,
    pub(crate) speed: speed::SpeedLayers,
    pub(crate) vae: vae::Vae,
    /// It has no form but the exact one, and speech is heard alike on every machine.
    pub(crate) audio: Arc<audio_encoder::AudioEncoder>,
}

impl Network {
    /// Builds the network that `manifest` describes.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape, or is left over.
    pub(crate) fn load(manifest: &Manifest, weights: Weights) -> Result<Self> {
        let root = weights.root();
        let network = Self {
            denoiser: unet::Denoiser::load(&root.at("denoising_unet"), manifest)?,
            reference: reference::ReferenceNet::load(&root.at("reference_unet"), manifest)?,
            face_locator: face_locator::FaceLocator::load(
                &root.at("face_locator"),
                1,
                &manifest.face_locator.channels,
                manifest.unet.channels[0],
            )?,
            projection: projection::AudioProjection::load(&root.at("audio_projection"), manifest)?,
            speed: speed::SpeedLayers::load(&root.at("speed_layers"), manifest)?,
            vae: vae::Vae::load(&root.at("vae").decoding(), &manifest.vae)?,
            audio: Arc::new(audio_encoder::AudioEncoder::load(&root.at("audio_encoder").exact(), &manifest.audio)?),
        };
        weights.finish()?;
        Ok(network)
    }
}
