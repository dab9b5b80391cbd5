//! How products are computed: in which precision, and by whom.

use shared::job::Compute;

use super::{engine::Engine, lines::Parts};

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
}

impl Form {
    /// The fastest form on this machine that is as accurate as `compute` asks.
    pub(crate) fn of(compute: Compute) -> Self {
        match compute {
            Compute::Exact => Self::Exact,
            // Three products of halves are faster than one in single precision where tile registers make them, and only there.
            Compute::F32 => Engine::amx().map_or(Self::Minimal, |engine| Self::Tiled { parts: Parts::Two, engine }),
            Compute::Bf16 => {
                // Without instructions for them, widening short numbers costs what single precision does not.
                let engine = Engine::amx().or_else(Engine::dot);
                engine.map_or(Self::Minimal, |engine| Self::Tiled { parts: Parts::One, engine })
            }
        }
    }

    /// In words.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Exact => "fused multiply-add".into(),
            Self::Minimal => "fused multiply-add, minimal filtering".into(),
            Self::Tiled { parts: Parts::One, engine } => format!("one bf16 part, {}", engine.name()),
            Self::Tiled { parts: Parts::Two, engine } => format!("two bf16 parts, {}", engine.name()),
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
