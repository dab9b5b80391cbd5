//! How products are computed: in which precision, and by whom.

use shared::job::Compute;

use super::{Geometry, engine::Engine, lines::Parts, winograd};
use crate::{
    cuda::{Card, Kind, Lane},
    device::Device,
};

/// How products are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// Fused multiply-add in single precision: the same bits on every machine.
    #[default]
    Exact,
    /// The same, but convolutions of 3 x 3 pixels take fewer multiplications ([`super::winograd`]); results are off by some 1e-6 of their size.
    Minimal,
    /// Factors as sums of `bfloat16` numbers, whose products are summed in single precision.
    Tiled {
        /// Of how many.
        parts: Parts,
        /// Who multiplies.
        engine: Engine,
    },
    /// On an NVIDIA card.
    Card(Card),
}

impl Form {
    /// The fastest form on this machine that is as accurate as `compute` asks.
    pub(crate) fn of(compute: Compute) -> Self {
        match compute {
            Compute::Exact => Self::Exact,
            // Three products of halves are faster than one in single precision where tile registers make them, and only there.
            Compute::F32 => Engine::amx().map_or(Self::Minimal, |engine| Self::Tiled { parts: Parts::Two, engine }),
            // More than was asked for: there are no instructions for it.
            Compute::F16 => Self::of(Compute::F32),
            Compute::Bf16 => {
                // Without instructions for them, widening short numbers costs what single precision does not.
                let engine = Engine::amx().or_else(Engine::dot);
                engine.map_or(Self::Minimal, |engine| Self::Tiled { parts: Parts::One, engine })
            }
        }
    }

    /// The form of a network on `device` for orders of `compute`, or for those that say nothing of it.
    ///
    /// # Errors
    /// When the device has none that is as exact.
    pub(crate) fn on(device: Device, compute: Option<Compute>) -> shared::Result<Self> {
        #[cfg(test)]
        if let Some(card) = crate::cuda::played(compute) {
            return Ok(Self::Card(card));
        }
        let Device::Cuda(ordinal) = device else { return Ok(Self::of(compute.unwrap_or_default())) };
        let kind = match compute {
            Some(Compute::Exact) => {
                return Err(shared::Error::order(format!("cuda:{ordinal} does not compute exactly as a CPU does"))
                    .mend("order f32, bf16 or f16, or render on a CPU"));
            }
            Some(Compute::F32) => Kind::F32,
            Some(Compute::F16) => Kind::F16,
            Some(Compute::Bf16) | None => Kind::Bf16,
        };
        Ok(Self::Card(Card { ordinal: Some(ordinal), lane: Lane::Draw, kind }))
    }

    /// The same for the picture autoencoder, which works beside the rest.
    pub(crate) fn decoding(self) -> Self {
        match self {
            Self::Card(card) => Self::Card(Card { lane: Lane::Decode, ..card }),
            other => other,
        }
    }

    /// The form of a convolution: its own, but for dot products that minimal filtering beats. They are twice as fast as fused multiply-adds in
    /// single precision, of which filtering takes a quarter. On maps of 4 x 4 pixels, where it takes as many, they would be better by half; the
    /// layers that see these see larger ones in larger pictures.
    pub(crate) fn of_layer(self, geometry: Geometry, channels: [usize; 2]) -> Self {
        match self {
            Self::Tiled { parts: Parts::One, engine } if engine.is_dot() && winograd::is_worth(geometry, channels) => {
                Self::Minimal
            }
            other => other,
        }
    }

    /// In words.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Exact => "fused multiply-add".into(),
            Self::Minimal => "fused multiply-add, minimal filtering".into(),
            Self::Tiled { parts: Parts::One, engine } => format!("one bf16 part, {}", engine.name()),
            Self::Tiled { parts: Parts::Two, engine } => format!("two bf16 parts, {}", engine.name()),
            Self::Card(card) => format!("{} on a card", card.kind.name()),
        }
    }

    /// Whether factors are rounded to 8 bits.
    #[cfg(test)]
    pub(crate) fn is_short(self) -> bool {
        matches!(self, Self::Tiled { parts: Parts::One, .. })
    }

    /// All forms that this machine can run.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let tiled = |engine| [Parts::One, Parts::Two].map(|parts| Self::Tiled { parts, engine });
        [Self::Exact, Self::Minimal].into_iter().chain(Engine::all().into_iter().flat_map(tiled)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_products_leave_filters_to_those_who_need_fewer_of_them() {
        let Some(engine) = Engine::dot() else { return };
        let dot = Form::Tiled { parts: Parts::One, engine };
        let form = |geometry, channels| dot.of_layer(geometry, channels);
        assert_eq!(form(Geometry::SAME, [320, 640]), Form::Minimal);
        assert_eq!(form(Geometry::DOUBLE, [1280, 1280]), Form::Minimal);
        for (geometry, channels) in [
            (Geometry::HALVE, [320, 320]),
            (Geometry::POINT, [320, 320]),
            (Geometry::line(9, 1), [320, 320]),
            (Geometry::SAME, [4, 320]),
        ] {
            assert_eq!(form(geometry, channels), dot, "{geometry:?} {channels:?}");
        }
        assert_eq!(Form::Exact.of_layer(Geometry::SAME, [320, 320]), Form::Exact);
        let two = Form::Tiled { parts: Parts::Two, engine };
        assert_eq!(two.of_layer(Geometry::SAME, [320, 320]), two);
    }
}
