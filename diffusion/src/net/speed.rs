//! Speed Layers: head rotation velocity becomes one token a frame (EMO, section 3.2).

use candle_core::{Device, Result, Tensor};

use super::layers::linear;
use crate::{
    kernels::{Product, silu},
    pack::{
        manifest::{Manifest, Speed},
        weights::Scope,
    },
};

/// Buckets of velocity, linear, `SiLU`, linear.
pub(crate) struct SpeedLayers {
    speed: Speed,
    linear_1: Product,
    linear_2: Product,
}

impl SpeedLayers {
    /// Loads the layers.
    pub(crate) fn load(scope: &Scope<'_>, manifest: &Manifest) -> shared::Result<Self> {
        let speed = manifest.speed.clone();
        let inner = (2 * speed.window + 1) * speed.centres.len();
        Ok(Self {
            linear_1: linear(&scope.at("linear_1"), inner, speed.hidden)?,
            linear_2: linear(&scope.at("linear_2"), speed.hidden, speed.token_dim)?,
            speed,
        })
    }

    /// Tokens `[1, frames, token]` of velocities in degrees a frame, `m` of them on either side of the frames.
    pub(crate) fn forward(&self, velocity: &[f32]) -> Result<Tensor> {
        let Speed { centres, radii, window, .. } = &self.speed;
        let count = 2 * window + 1;
        let bucket = |w: f32| {
            let bucket = move |(centre, radius): (&f32, &f32)| libm::tanhf(3.0 * (w - centre) / radius);
            centres.iter().zip(radii).map(bucket)
        };
        let buckets: Vec<f32> = velocity.windows(count).flatten().flat_map(|w| bucket(*w)).collect();
        let frames = velocity.len().saturating_sub(2 * window);
        let buckets = Tensor::from_vec(buckets, (1, frames, count * centres.len()), &Device::Cpu)?;
        self.linear_2.rows(&silu(&self.linear_1.rows(&buckets)?)?)
    }
}
