//! Learned audio features: a short stack of convolutions over log-mel frames, in place of EMO's wav2vec 2.0.

use candle_core::{Result, Tensor};

use super::layers::{conv1d, layer_norm};
use crate::{
    kernels::{LayerNorm, Product, gelu},
    pack::{manifest::Audio, weights::Scope},
};

/// Log-mel frames `[k, mels]` to features `[k, features]`.
pub(crate) struct AudioEncoder {
    reach: usize,
    conv_in: Product,
    blocks: Vec<ResidualConv>,
    norm_out: LayerNorm,
    conv_out: Product,
}

/// `x + linear(gelu(norm(conv(x))))`.
struct ResidualConv {
    conv1: Product,
    norm: LayerNorm,
    conv2: Product,
}

impl AudioEncoder {
    /// Loads the layers.
    pub(crate) fn load(scope: &Scope<'_>, audio: &Audio) -> shared::Result<Self> {
        let Audio { channels, kernel, .. } = *audio;
        let block = |(index, dilation): (usize, &usize)| {
            let scope = scope.at(format!("blocks.{index}"));
            Ok(ResidualConv {
                conv1: conv1d(&scope.at("conv1"), channels, channels, kernel, *dilation)?,
                norm: layer_norm(&scope.at("norm"), channels)?,
                conv2: conv1d(&scope.at("conv2"), channels, channels, 1, 1)?,
            })
        };
        Ok(Self {
            reach: (kernel / 2) * (1 + audio.dilations.iter().sum::<usize>()),
            conv_in: conv1d(&scope.at("conv_in"), audio.mels, channels, kernel, 1)?,
            blocks: audio.dilations.iter().enumerate().map(block).collect::<shared::Result<_>>()?,
            norm_out: layer_norm(&scope.at("norm_out"), channels)?,
            conv_out: conv1d(&scope.at("conv_out"), channels, audio.features, 1, 1)?,
        })
    }

    /// Log-mel frames on either side that a feature depends on.
    pub(crate) fn reach(&self) -> usize {
        self.reach
    }

    /// Features of consecutive frames. Beyond both ends every layer sees zeros; those of a piece that does not end
    /// where its file does are wrong for [`Self::reach`] frames.
    pub(crate) fn forward(&self, mel: &Tensor) -> Result<Tensor> {
        let (frames, mels) = mel.dims2()?;
        let mut x = gelu(&self.conv_in.maps(&mel.reshape((1, 1, frames, mels))?)?)?;
        for block in &self.blocks {
            let h = gelu(&block.norm.forward(&block.conv1.maps(&x)?)?)?;
            x = block.conv2.maps_onto(&h, block.conv2.bias(), Some(&x))?;
        }
        self.conv_out.maps(&self.norm_out.forward(&x)?)?.squeeze(0)?.squeeze(0)
    }
}
