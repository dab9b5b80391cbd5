//! Face Locator: light convolutions over the face-box mask (EMO, section 3.2).

use candle_core::{Device, Result, Tensor};
use shared::FaceBox;

use super::layers::conv;
use crate::{
    kernels::{Geometry, Product, meter::part, silu},
    pack::weights::Scope,
};

/// What its arithmetic is counted as.
pub(crate) const PART: &str = "Face Locator";

/// Convolutions with `SiLU` after each but the last.
pub(crate) struct FaceLocator {
    layers: Vec<Product>,
    conv_out: Product,
}

impl FaceLocator {
    /// Loads the network: masks of `inner` channels to maps of `outer`, through `widths`, each of which halves the map.
    pub(crate) fn load(scope: &Scope<'_>, inner: usize, widths: &[usize], outer: usize) -> shared::Result<Self> {
        let mut layers = vec![conv(&scope.at("conv_in"), inner, widths[0], Geometry::SAME)?];
        for (i, pair) in widths.windows(2).enumerate() {
            let block = |n: usize| scope.at(format!("blocks.{n}"));
            layers.push(conv(&block(2 * i), pair[0], pair[0], Geometry::SAME)?);
            layers.push(conv(&block(2 * i + 1), pair[0], pair[1], Geometry::HALVE)?);
        }
        let last = widths[widths.len() - 1];
        Ok(Self { layers, conv_out: conv(&scope.at("conv_out"), last, outer, Geometry::SAME)? })
    }

    /// The map `[1, s, s, c]` of a mask `[1, size, size, inner]`.
    pub(crate) fn forward(&self, mask: &Tensor) -> Result<Tensor> {
        part(PART, || {
            let mut x = mask.clone();
            for layer in &self.layers {
                x = silu(&layer.maps(&x)?)?;
            }
            self.conv_out.maps(&x)
        })
    }
}

/// The mask `[1, size, size, 1]` of a face box: 1 inside, 0 outside.
pub(crate) fn mask(face: FaceBox, size: usize) -> Result<Tensor> {
    let inside = |start: u32, length: u32, at: usize| (start as usize..start as usize + length as usize).contains(&at);
    let pixels = (0..size * size).map(|i| {
        let covered = inside(face.x, face.w, i % size) && inside(face.y, face.h, i / size);
        f32::from(u8::from(covered))
    });
    Tensor::from_vec(pixels.collect(), (1, size, size, 1), &Device::Cpu)
}
