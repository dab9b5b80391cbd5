//! Arguments on how much is computed for a clip, besides its steps and its guidance.

use clap::Args;
use shared::effort::{Band, Level, Solver};

use super::numbers::parse;

/// How much is computed for a clip; what is not given is the model's.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct EffortArgs {
    /// What is computed, as a bundle of settings by its name: draft, standard or best; those given beside it win.
    #[arg(long, value_name = "LEVEL", value_parser = parse::<Level>)]
    pub(crate) quality: Option<Level>,
    /// How denoising steps are made: ddim, dpm (DPM-Solver++) or unipc [default: the model's].
    #[arg(long, value_parser = parse::<Solver>)]
    pub(crate) solver: Option<Solver>,
    /// The part of the schedule in which guidance holds, 1 being noise alone, such as 0.1..0.85 [default: the model's].
    #[arg(long, value_name = "FROM..TO", value_parser = parse::<Band>)]
    pub(crate) guidance_band: Option<Band>,
    /// Compute the whole network every so many steps and reuse what its deep layers made in the others, 1 to 20 [default: the model's].
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..=i64::from(shared::effort::MOST_REUSE)))]
    pub(crate) reuse: Option<u32>,
}
