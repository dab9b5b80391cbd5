//! Residual blocks and the resampling convolutions.

use candle_core::{Result, Tensor};

use super::layers::{conv, group_norm, linear};
use crate::{
    kernels::{Geometry, GroupNorm, Product},
    pack::weights::Scope,
};

/// Group norm, `SiLU`, convolution, plus time; again without time; plus shortcut.
pub(crate) struct Resnet {
    norm1: GroupNorm,
    conv1: Product,
    time: Option<Product>,
    norm2: GroupNorm,
    conv2: Product,
    shortcut: Option<Product>,
}

/// Sizes of a residual block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResnetSize {
    /// Channels in.
    pub(crate) inner: usize,
    /// Channels out.
    pub(crate) outer: usize,
    /// Width of the time embedding; nothing in the VAE.
    pub(crate) time: Option<usize>,
    /// Groups of the norms.
    pub(crate) groups: usize,
    /// Epsilon of the norms.
    pub(crate) eps: f64,
}

impl Resnet {
    /// Loads a block.
    pub(crate) fn load(scope: &Scope<'_>, size: ResnetSize) -> shared::Result<Self> {
        let ResnetSize { inner, outer, time, groups, eps } = size;
        let shortcut = || conv(&scope.at("conv_shortcut"), inner, outer, Geometry::POINT);
        Ok(Self {
            norm1: group_norm(&scope.at("norm1"), groups, inner, eps)?,
            conv1: conv(&scope.at("conv1"), inner, outer, Geometry::SAME)?,
            time: time.map(|time| linear(&scope.at("time_emb_proj"), time, outer)).transpose()?,
            norm2: group_norm(&scope.at("norm2"), groups, outer, eps)?,
            conv2: conv(&scope.at("conv2"), outer, outer, Geometry::SAME)?,
            shortcut: (inner != outer).then(shortcut).transpose()?,
        })
    }

    /// Maps `x` through the block; `time` is the embedding after `SiLU`, `[1, time]`, the same for all maps.
    pub(crate) fn forward(&self, x: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        let h = self.norm1.forward_silu(x)?;
        let h = match (&self.time, time) {
            (Some(projection), Some(time)) => self.conv1.maps_shifted(&h, &projection.rows(time)?)?,
            _ => self.conv1.maps(&h)?,
        };
        let h = self.norm2.forward_silu(&h)?;
        match &self.shortcut {
            None => self.conv2.maps_onto(&h, self.conv2.bias(), Some(x)),
            Some(shortcut) => self.conv2.maps_onto(&h, self.conv2.bias(), Some(&shortcut.maps(x)?)),
        }
    }
}
