//! What `prepare` leaves for all workers, as a bundle of named tensors.

use candle_core::{Device, Tensor};
use shared::{Bundle, Error, Result};

use super::{film::Prepared, network::Network, region::Masks};
use crate::{cuda::read, pack::hallo::HalloConfig, sampler::failed};

/// Names of what was made with blind and with seeing face tokens.
const SIDES: [&str; 2] = ["blind", "seeing"];

impl Prepared {
    /// As named tensors: `latent`, `locator`, `tokens.seeing`, `reference.blind.00`, `masks.0` and so on.
    pub(crate) fn to_bundle(&self) -> Result<Bundle> {
        let mut bundle = Bundle::default();
        let mut keep = |name: String, tensor: &Tensor| {
            let numbers = read(tensor).map_err(failed)?;
            bundle.tensors.insert(name, shared::Tensor::new(tensor.dims(), numbers)?);
            Ok::<_, Error>(())
        };
        keep("latent".into(), &self.latent)?;
        keep("locator".into(), &self.locator)?;
        for ((side, tokens), features) in SIDES.iter().zip(&self.tokens).zip(&self.features) {
            keep(format!("tokens.{side}"), tokens)?;
            for (index, feature) in features.iter().enumerate() {
                keep(format!("reference.{side}.{index:02}"), feature)?;
            }
        }
        for (level, masks) in self.masks.levels().enumerate() {
            keep(format!("masks.{level}"), masks)?;
        }
        Ok(bundle)
    }

    /// Reads a bundle back and checks that it belongs to this network.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub(crate) fn from_bundle(bundle: &Bundle, config: &HalloConfig, network: &Network) -> Result<Self> {
        let size = config.latent_size();
        let take = |name: &str, shape: &[usize]| {
            let tensor = bundle.get(name)?;
            if tensor.shape() != shape {
                let found = tensor.shape();
                let message = format!("\"{name}\" of the prepared bundle has shape {found:?}, not {shape:?}");
                return Err(Error::world(message).mend("the bundle belongs to another model pack"));
            }
            Tensor::from_slice(tensor.data(), shape, &Device::Cpu).map_err(failed)
        };
        let sizes: Vec<(usize, usize)> = network.denoiser.map_sizes(size).collect();
        let features = |side: &str| {
            let feature = |(index, (pixels, channels)): (usize, &(usize, usize))| {
                take(&format!("reference.{side}.{index:02}"), &[1, *pixels, *channels])
            };
            sizes.iter().enumerate().map(feature).collect::<Result<Vec<_>>>()
        };
        let tokens =
            |side: &str| take(&format!("tokens.{side}"), &[1, config.face.tokens, config.unet.cross_attention_dim]);
        let masks = |level: usize| take(&format!("masks.{level}"), &[(size >> level).pow(2), 3]);
        Ok(Self {
            latent: take("latent", &[1, size, size, config.vae.latent_channels])?,
            locator: take("locator", &[1, size, size, config.unet.channels[0]])?,
            features: [features(SIDES[0])?, features(SIDES[1])?],
            tokens: [tokens(SIDES[0])?, tokens(SIDES[1])?],
            masks: Masks::of_levels((0..config.unet.channels.len()).map(masks).collect::<Result<_>>()?),
        })
    }
}
