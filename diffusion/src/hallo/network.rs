//! All parts of the network under one roof, as the published program names them.

use shared::Result;

use super::{
    denoiser::Denoiser,
    projection::{AudioProjection, FaceProjection},
    reference::ReferenceNet,
};
use crate::{
    net::{
        blocks::{Place, Way},
        face_locator::FaceLocator,
        vae::Vae,
    },
    pack::{hallo::HalloConfig, manifest, weights::Weights},
};

/// Everything that draws; the speech encoder is beside it.
pub(crate) struct Network {
    pub(crate) denoiser: Denoiser,
    pub(crate) reference: ReferenceNet,
    pub(crate) face_locator: FaceLocator,
    pub(crate) face: FaceProjection,
    pub(crate) audio: AudioProjection,
    pub(crate) vae: Vae,
}

impl Network {
    /// Builds the network from the tensors of `net.pth` and of the autoencoder.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape, or is left over.
    pub(crate) fn load(config: &HalloConfig, net: Weights, vae: Weights) -> Result<Self> {
        let network = Self::build(config, &net, &vae)?;
        net.finish()?;
        vae.finish()?;
        Ok(network)
    }

    fn build(config: &HalloConfig, net: &Weights, vae: &Weights) -> Result<Self> {
        let root = net.root();
        let locator = &config.face.locator_channels;
        Ok(Self {
            denoiser: Denoiser::load(&root.at("denoising_unet"), config)?,
            reference: ReferenceNet::load(&root.at("reference_unet"), config)?,
            face_locator: FaceLocator::load(&root.at("face_locator"), 3, locator, config.unet.channels[0])?,
            face: FaceProjection::load(&root.at("imageproj"), config)?,
            audio: AudioProjection::load(&root.at("audioproj"), config)?,
            vae: Vae::load(&vae.root(), &vae_of(config))?,
        })
    }

    /// Names and shapes of all tensors that the network of `config` takes from `net.pth`, and from the autoencoder.
    #[cfg(test)]
    pub(crate) fn needs(config: &HalloConfig) -> Result<[std::collections::BTreeMap<String, Vec<usize>>; 2]> {
        let [net, vae] = ["net", "vae"].map(Weights::absent);
        Self::build(config, &net, &vae)?;
        Ok([net.noted(), vae.noted()])
    }
}

/// The sizes of the blocks that both `UNets` share with the EMO network.
pub(crate) fn unet_of(config: &HalloConfig) -> manifest::Unet {
    let unet = &config.unet;
    manifest::Unet {
        channels: unet.channels.clone(),
        layers_per_block: unet.layers_per_block,
        heads: unet.heads,
        norm_groups: unet.norm_groups,
        ff_mult: 4,
        concat_reference: false,
    }
}

/// Whether there is attention at a place: everywhere but on the level of the smallest maps.
pub(crate) fn attends(config: &HalloConfig, place: Place) -> bool {
    place.way == Way::Middle || place.level + 1 < config.unet.channels.len()
}

/// The autoencoder's sizes in the words of the family that has a choice of them.
pub(super) fn vae_of(config: &HalloConfig) -> manifest::Vae {
    let vae = &config.vae;
    manifest::Vae {
        patch: 1,
        channels: vae.channels.clone(),
        layers_per_block: vae.layers_per_block,
        latent_channels: vae.latent_channels,
        norm_groups: vae.norm_groups,
        shift: vec![0.0; vae.latent_channels],
        scale: vec![vae.scale; vae.latent_channels],
    }
}
