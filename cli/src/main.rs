//! `emofarm`: the one binary. It reads what was typed, puts the house together, and says what came of it.

mod args;
mod delivery;
mod doctor;
mod exit;
mod house;
mod interrupt;
mod log;
mod model;
mod output;
mod plan;
mod progress;
mod render;
mod settings;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::{CommandFactory as _, Parser as _};
use settings::Settings;
use shared::Result;

// Fresh large buffers cost page faults at every operator of the network; this allocator keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.verbose);
    match run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => exit::tell(&error, cli.json),
    }
}

fn run(cli: &Cli) -> Result<u8> {
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "emofarm", &mut std::io::stdout());
        return Ok(exit::DONE);
    }
    let settings = Settings::load(cli.config.as_deref())?;
    media::init()?;
    match &cli.command {
        Command::Render(args) => render::run(args, &settings.with_flags(&args.shape), cli.json),
        Command::Plan(args) => plan::run(args, &settings.with_flags(&args.shape), cli.json),
        Command::Model(args) => model::run(args, &settings, cli.json),
        Command::Doctor => doctor::run(&settings, cli.json),
        Command::Completions { .. } => Ok(exit::DONE),
    }
}
