//! `emofarm model`: which packs there are, and what is in one.

use shared::Result;

use crate::{
    args::{ModelArgs, ModelCommand},
    exit, output,
    settings::Settings,
};

/// Lists packs or inspects one.
pub(crate) fn run(args: &ModelArgs, settings: &Settings, json: bool) -> Result<u8> {
    match &args.command {
        ModelCommand::List => list(settings, json),
        ModelCommand::Inspect { name } => inspect(name, settings, json),
    }
    Ok(exit::DONE)
}
