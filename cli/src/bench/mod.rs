//! `emofarm bench`: what a model pack can do on this machine, in numbers.

mod quality;

use shared::Result;

use crate::{
    args::bench::{Bench, BenchArgs},
    settings::Settings,
};

/// Measures what was asked for.
pub(crate) fn run(args: &BenchArgs, settings: &Settings, json: bool) -> Result<u8> {
    match &args.what {
        Bench::Quality(args) => quality::run(args, settings, json),
    }
}
