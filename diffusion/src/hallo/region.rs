//! Regions of the picture in which the audio branches work.

use candle_core::{Device, Result, Tensor};
use shared::Error;

/// Masks of the three regions, one tensor `[rows, 3]` for each level of the maps, the largest first.
#[derive(Clone, Debug)]
pub(crate) struct Masks(Vec<Tensor>);

impl Masks {
    /// Masks of each level from the planes full, face and lip, each `size * size` numbers in 0..=1.
    pub(crate) fn new(levels: &[[&[f32]; 3]]) -> shared::Result<Self> {
        let level = |planes: &[&[f32]; 3]| {
            let rows = planes[0].len();
            if planes.iter().any(|plane| plane.len() != rows) {
                return Err(Error::world("the region masks of one level differ in size"));
            }
            let mixed = (0..rows).flat_map(|row| planes.map(|plane| plane[row])).collect();
            Tensor::from_vec(mixed, (rows, 3), &Device::Cpu).map_err(crate::sampler::failed)
        };
        levels.iter().map(level).collect::<shared::Result<_>>().map(Self)
    }

    /// Masks `[rows, 3]` of each level.
    pub(crate) fn of_levels(levels: Vec<Tensor>) -> Self {
        Self(levels)
    }

    /// The masks of each level, `[rows, 3]`, the largest first.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &Tensor> {
        self.0.iter()
    }

    /// The masks of maps that were halved `level` times.
    pub(crate) fn at(&self, level: usize) -> Result<&Tensor> {
        self.0.get(level).ok_or_else(|| candle_core::Error::Msg(format!("there are no region masks of level {level}")))
    }
}
