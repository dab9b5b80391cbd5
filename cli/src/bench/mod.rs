//! `emofarm bench`: what this machine and a model pack can do, in numbers.

mod quality;
mod speed;

use shared::Result;

use crate::{
    args::bench::{Bench, BenchArgs},
    settings::Settings,
};

/// Measures what was asked for.
pub(crate) fn run(args: &BenchArgs, settings: &Settings, json: bool) -> Result<u8> {
    match &args.what {
        None => speed::run(&args.speed, settings, json),
        Some(Bench::Quality(args)) => quality::run(args, settings, json),
    }
}
