//! What was typed: the command line as clap reads it.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueHint};

pub(crate) mod access;
pub(crate) mod bench;
pub(crate) mod chains;
pub(crate) mod clean;
pub(crate) mod effort;
pub(crate) mod jobs;
pub(crate) mod model;
pub(crate) mod numbers;
pub(crate) mod orders;
pub(crate) mod render;
pub(crate) mod roles;
pub(crate) mod simulate;

use access::{TenantArgs, TokenArgs};
use bench::BenchArgs;
use clean::CleanArgs;
use jobs::{CancelArgs, DownloadArgs, JobArgs, JobsArgs, LogsArgs, PriorityArgs, QualityArgs, RetakeArgs, WorkersArgs};
use model::ModelArgs;
use orders::{BatchArgs, SubmitArgs};
use render::{PlanArgs, RenderArgs};
use roles::{AllArgs, CoordinatorArgs, StitcherArgs, WorkerArgs};
use simulate::SimulateArgs;

/// A portrait and a speech track become a talking film.
#[derive(Debug, Parser)]
#[command(name = "emofarm", version, propagate_version = true, arg_required_else_help = true, max_term_width = 110)]
#[command(after_help = "\
Examples:
  emofarm render portrait.png speech.wav -o film.mp4
  emofarm plan speech.wav --json
  emofarm all                                  a farm of one machine, with an API
  emofarm submit portrait.png speech.wav --wait -o film.mp4
  emofarm batch dailies.csv
  emofarm doctor

Settings come from flags, then EMOFARM_… variables, then ./emofarm.toml, then defaults.
Exit codes: 0 done, 1 the job failed, 2 wrong use, 3 something unreachable, 130 interrupted.")]
pub(crate) struct Cli {
    /// Say more on standard error (-v: steps, -vv: everything).
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,

    /// Print the result as one JSON document on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Read settings from this file instead of ./emofarm.toml.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// The farm's API [setting: `api_url`].
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) api: Option<String>,

    /// What the network is computed on: auto (a card if there is one), cpu, or cuda:N [setting: device].
    #[arg(long, global = true, value_name = "DEVICE")]
    pub(crate) device: Option<String>,

    /// How logs are written: text, json, or auto (JSON when nobody watches a role) [setting: `log_format`].
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) log_format: Option<crate::log::Format>,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Render a film on this machine, with nothing to start first.
    Render(RenderArgs),
    /// Show what a render would do: frames, clips, segments, parts. Renders nothing.
    Plan(PlanArgs),
    /// Show how long a farm would take, and why, in virtual time.
    Simulate(SimulateArgs),
    /// List what interrupted and kept renders left on this machine, and remove it.
    Clean(CleanArgs),
    /// Look at the model packs.
    Model(ModelArgs),
    /// Measure how fast this machine is, or how good the films of a model pack are.
    Bench(Box<BenchArgs>),
    /// Check versions, codecs, device, model packs, stores and API, and say how to mend what is wrong.
    #[command(after_help = "\
Examples:
  emofarm doctor
  EMOFARM_LEDGER_URL=postgres://farm@db/farm emofarm doctor --json

Exit codes: 0 all is well, 1 something is wrong here, 3 a service cannot be reached.")]
    Doctor,

    /// Order a film from a farm.
    Submit(SubmitArgs),
    /// Order hundreds of films from a farm: one row of a table each, with a report at the end.
    Batch(BatchArgs),
    /// List the farm's jobs.
    Jobs(JobsArgs),
    /// Show where a job stands.
    #[command(after_help = "Examples:\n  emofarm status 0f5d…\n  emofarm status 0f5d… --json")]
    Status(JobArgs),
    /// Follow a job with live bars, one for each chain, until it ends.
    #[command(after_help = "Example:\n  emofarm watch 0f5d…\n\nExit code 1 when the job fails or is cancelled.")]
    Watch(JobArgs),
    /// Show the attempts at a job's tasks, or the log of one.
    Logs(LogsArgs),
    /// Tell how good a film is: measures, what was rendered again, seams.
    Quality(QualityArgs),
    /// Download a film, or a part of it.
    Download(DownloadArgs),
    /// End a job now.
    Cancel(CancelArgs),
    /// Hand out no more tasks of a job until it is resumed.
    #[command(after_help = "Example:\n  emofarm pause 0f5d…")]
    Pause(JobArgs),
    /// Go on with a job that was paused.
    #[command(after_help = "Example:\n  emofarm resume 0f5d…")]
    Resume(JobArgs),
    /// Let the rest of a job be rendered, its preview being what was wanted; "cancel" rejects it.
    #[command(after_help = "Example:\n  emofarm approve 0f5d…")]
    Approve(JobArgs),
    /// Finish what is under way of a job, then end it; what was made stays.
    #[command(after_help = "Example:\n  emofarm drain 0f5d…")]
    Drain(JobArgs),
    /// Take a failed or cancelled job up again; what is done stays done.
    #[command(after_help = "Example:\n  emofarm retry 0f5d…")]
    Retry(JobArgs),
    /// Render some frames of a film anew and keep the rest.
    Retake(RetakeArgs),
    /// Change how urgent a job is.
    Priority(PriorityArgs),
    /// Say why a job is not running.
    #[command(after_help = "Example:\n  emofarm explain 0f5d…")]
    Explain(JobArgs),
    /// List the farm's workers, or tell one what to do.
    Workers(WorkersArgs),

    /// Run a coordinator: API, sweep and webhooks.
    Coordinator(CoordinatorArgs),
    /// Run a worker: prepares jobs and renders segments.
    Worker(WorkerArgs),
    /// Run a stitcher: encodes parts and joins films.
    Stitcher(StitcherArgs),
    /// Run a whole farm in one process.
    All(AllArgs),
    /// Bring the ledger's tables up to date; safe to run at any time, by several at once.
    #[command(after_help = "Example:\n  EMOFARM_LEDGER_URL=postgres://farm@db/farm emofarm migrate")]
    Migrate,
    /// Make, list and revoke tokens of the API, directly in the ledger.
    Token(TokenArgs),
    /// Make and list tenants, directly in the ledger.
    Tenant(TenantArgs),

    /// Print the completions of a shell.
    #[command(after_help = "Example:\n  emofarm completions bash > ~/.local/share/bash-completion/completions/emofarm")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Whether this is a role of a farm, which runs until it is asked to end.
    pub(crate) fn is_role(&self) -> bool {
        matches!(self, Self::Coordinator(_) | Self::Worker(_) | Self::Stitcher(_) | Self::All(_) | Self::Migrate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use shared::FaceBox;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// Placeholders stand for names and ids; verbs and flags are real.
    #[test]
    fn commands_in_the_docs_are_understood() {
        use clap::error::ErrorKind::{
            DisplayHelpOnMissingArgumentOrSubcommand, MissingRequiredArgument, MissingSubcommand, ValueValidation,
        };
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
        let mut seen = 0;
        for path in docs.chain([root.join("README.md")]).filter(|path| path.extension().is_some_and(|e| e == "md")) {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().chain(text.split('`').skip(1).step_by(2));
            for command in lines.filter(|text| text.starts_with("emofarm ") && !text.contains(['"', '|', '\\'])) {
                let words = command.split_whitespace().filter(|word| *word != "…").take_while(|word| *word != "#");
                seen += 1;
                let Err(error) = Cli::try_parse_from(words) else { continue };
                let placeholder = [
                    DisplayHelpOnMissingArgumentOrSubcommand,
                    MissingRequiredArgument,
                    MissingSubcommand,
                    ValueValidation,
                ];
                assert!(placeholder.contains(&error.kind()), "{}: {command}: {error}", path.display());
            }
        }
        assert!(seen > 30, "only {seen} commands were found");
    }

    #[test]
    fn face_and_rate_are_read_by_their_own_words() {
        let cli = Cli::try_parse_from([
            "emofarm",
            "render",
            "a.png",
            "b.wav",
            "-o",
            "c.mp4",
            "--face",
            "1,2,3,4",
            "--mask-lip",
            "5,6,7,8",
            "--fps",
            "29.97",
        ])
        .unwrap();
        let Command::Render(args) = cli.command else { panic!("not render") };
        assert_eq!(args.face, Some(FaceBox { x: 1, y: 2, w: 3, h: 4 }));
        assert_eq!((args.mask_lip, args.mask_face), (Some(FaceBox { x: 5, y: 6, w: 7, h: 8 }), None));
        assert_eq!(args.shape.fps.map(|fps| fps.to_string()).as_deref(), Some("30000/1001"));
        assert!(
            Cli::try_parse_from(["emofarm", "render", "a.png", "b.wav", "-o", "c.mp4", "--face", "1,2,3"]).is_err()
        );
    }
}
