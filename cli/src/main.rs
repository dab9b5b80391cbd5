//! `emofarm`: the one binary. It reads what was typed, puts the house together, and says what came of it.

#[macro_use]
mod output;

mod access;
mod args;
mod batch;
mod bench;
mod chance;
mod clean;
mod client;
mod delivery;
mod doctor;
mod exit;
mod house;
mod interrupt;
mod jobs;
mod log;
mod memory;
mod model;
mod plan;
mod previewed;
mod progress;
mod quality;
mod render;
mod roles;
mod runtime;
mod settings;
mod simulate;
mod watching;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::{CommandFactory as _, Parser as _};
use settings::Settings;
use shared::{Error, Result};

// Fresh large buffers cost page faults at every operator of the network; this allocator keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    memory::settle();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Scripts that ask for JSON get it for a mistyped command too; help and versions stay text.
        Err(error) if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") => {
            return exit::tell(&Error::order(error.render().to_string().trim().to_owned()), true);
        }
        Err(error) => error.exit(),
    };
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
    let settings =
        Settings::load(cli.config.as_deref())?.with_api(cli.api.as_deref())?.with_device(cli.device.as_deref());
    log::start(cli.verbose, cli.log_format.unwrap_or(settings.log_format), cli.command.is_role());
    media::init()?;
    let (settings, json) = (&settings, cli.json);
    match &cli.command {
        Command::Render(args) => render::run(args, &settings.clone().with_flags(&args.shape), json),
        Command::Plan(args) => plan::run(args, &settings.clone().with_flags(&args.shape), json),
        Command::Simulate(args) => simulate::run(args, settings, json),
        Command::Clean(args) => clean::run(args, settings, json),
        Command::Model(args) => model::run(args, settings, json),
        Command::Bench(args) => bench::run(args, settings, json),
        Command::Doctor => Ok(doctor::run(settings, json)),
        Command::Completions { .. } => Ok(exit::DONE),
        Command::Coordinator(args) => roles::coordinator(args, settings),
        Command::Worker(args) => roles::worker(args, settings),
        Command::Stitcher(args) => roles::stitcher(args, settings),
        Command::All(args) => roles::all(args, settings),
        Command::Migrate => roles::migrate(settings, json),
        Command::Token(args) => access::token(args, settings, json),
        Command::Quality(args) => quality::run(args, settings, cli.api.is_some(), json),
        Command::Tenant(args) => access::tenant(args, settings, json),
        command => client(command, settings, json),
    }
}

/// The verbs that talk to a farm's API.
fn client(command: &Command, settings: &Settings, json: bool) -> Result<u8> {
    match command {
        Command::Submit(args) => jobs::submit::run(args, settings, json),
        Command::Batch(args) => batch::run(args, settings, json),
        Command::Jobs(args) => jobs::list::run(args, settings, json),
        Command::Status(args) => jobs::show::status(args, settings, json),
        Command::Watch(args) => jobs::watch::run(args, settings, json),
        Command::Logs(args) => jobs::logs::run(args, settings, json),
        Command::Download(args) => jobs::download(args, settings, json),
        Command::Cancel(args) => jobs::steer::cancel(args, settings, json),
        Command::Pause(args) => jobs::steer::act(&args.job, "pause", settings, json),
        Command::Resume(args) => jobs::steer::act(&args.job, "resume", settings, json),
        Command::Approve(args) => jobs::steer::act(&args.job, "approve", settings, json),
        Command::Drain(args) => jobs::steer::act(&args.job, "drain", settings, json),
        Command::Retry(args) => jobs::steer::act(&args.job, "retry", settings, json),
        Command::Retake(args) => jobs::retake::run(args, settings, json),
        Command::Priority(args) => jobs::steer::priority(args, settings, json),
        Command::Explain(args) => jobs::show::explain(args, settings, json),
        Command::Workers(args) => jobs::workers::run(args, settings, json),
        _ => Ok(exit::DONE),
    }
}
