//! `emofarm`: the one binary. It reads what was typed, puts the house together, and says what came of it.

#[macro_use]
mod output;

mod args;
mod delivery;
mod doctor;
mod exit;
mod house;
mod interrupt;
mod log;
mod model;
mod plan;
mod progress;
mod render;
mod settings;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::{CommandFactory as _, Parser as _};
use settings::Settings;
use shared::{Error, Result};

// Fresh large buffers cost page faults at every operator of the network; this allocator keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Scripts that ask for JSON get it for a mistyped command too; help and versions stay text.
        Err(error) if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") => {
            return exit::tell(&Error::order(error.render().to_string().trim().to_owned()), true);
        }
        Err(error) => error.exit(),
    };
    log::start(cli.verbose);
    match run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => exit::tell(&error, cli.json),
    }
}

fn run(cli: &Cli) -> Result<u8> {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "emofarm", &mut script);
        output::bytes_out(&script);
        return Ok(exit::DONE);
    }
    let settings = Settings::load(cli.config.as_deref())?;
    media::init()?;
    match &cli.command {
        Command::Render(args) => render::run(args, &settings.with_flags(&args.shape), cli.json),
        Command::Plan(args) => plan::run(args, &settings.with_flags(&args.shape), cli.json),
        Command::Model(args) => model::run(args, &settings, cli.json),
        Command::Doctor => Ok(doctor::run(&settings, cli.json)),
        Command::Completions { .. } => Ok(exit::DONE),
    }
}
