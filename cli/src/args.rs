//! What was typed: the command line as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use shared::{FaceBox, Fps};

pub(crate) mod access;
pub(crate) mod jobs;
pub(crate) mod orders;
pub(crate) mod roles;

use access::{TenantArgs, TokenArgs};
use jobs::{CancelArgs, DownloadArgs, JobArgs, JobsArgs, LogsArgs, PriorityArgs, WorkersArgs};
use orders::{BatchArgs, SubmitArgs};
use roles::{AllArgs, CoordinatorArgs, StitcherArgs, WorkerArgs};

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
    /// Look at the model packs.
    Model(ModelArgs),
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
    /// Finish what is under way of a job, then end it; what was made stays.
    #[command(after_help = "Example:\n  emofarm drain 0f5d…")]
    Drain(JobArgs),
    /// Take a failed or cancelled job up again; what is done stays done.
    #[command(after_help = "Example:\n  emofarm retry 0f5d…")]
    Retry(JobArgs),
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

/// Arguments of `render`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm render portrait.png speech.wav -o film.mp4
  emofarm render portrait.jpg talk.mp3 -o film.mp4 --fps 29.97 --seed 7 --size 512
  emofarm render face.png long.flac -o film.mp4 --face 120,80,300,360 --head-speed 0.3

An interrupted render continues when the same command is given again: finished segments are kept.
The demo model knows drawn faces only; for photographs a published model pack is needed (docs/models.md).")]
pub(crate) struct RenderArgs {
    /// The portrait: JPEG, PNG or WebP.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) portrait: PathBuf,
    /// The speech track: any audio or video file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) audio: PathBuf,
    /// Where the film goes (MP4).
    #[arg(short, long, value_name = "FILM.mp4", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// Replace the film if it exists.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Seed of all noise: the same seed gives the same film.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// The face in the upright portrait, in pixels: x,y,w,h.
    #[arg(long, value_name = "X,Y,W,H", value_parser = parse::<FaceBox>)]
    pub(crate) face: Option<FaceBox>,
    /// The region of the face that follows the audio, in place of the expanded face box: x,y,w,h.
    #[arg(long, value_name = "X,Y,W,H", value_parser = parse::<FaceBox>)]
    pub(crate) mask_face: Option<FaceBox>,
    /// The region of the lips, in place of the one around the corners of the mouth: x,y,w,h.
    #[arg(long, value_name = "X,Y,W,H", value_parser = parse::<FaceBox>)]
    pub(crate) mask_lip: Option<FaceBox>,
    /// Edge of the region of the face over the face box [default: the model's, 1.2 as published].
    #[arg(long, value_name = "RATIO", value_parser = face_expand)]
    pub(crate) face_expand: Option<f32>,
    /// Denoising steps [default: the model's].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) steps: Option<u32>,
    /// Guidance scale on audio; 1 switches guidance off [default: the model's].
    #[arg(long, value_parser = scale)]
    pub(crate) guidance: Option<f32>,
    /// Head rotation in degrees per frame [default: the model's].
    #[arg(long, value_name = "DEGREES", value_parser = scale)]
    pub(crate) head_speed: Option<f32>,
    /// Which reference features each frame reads (Hallo) [default: published].
    #[arg(long, value_name = "READING")]
    pub(crate) reference: Option<Reading>,
    /// How motion frames go from clip to clip (Hallo) [default: pixels].
    #[arg(long, value_name = "WAY")]
    pub(crate) handoff: Option<Handoff>,
    /// Strength of the audio branch of the whole picture, head pose (Hallo) [default: the model's].
    #[arg(long, value_name = "STRENGTH", value_parser = scale)]
    pub(crate) pose_weight: Option<f32>,
    /// Strength of the audio branch of the face, expression (Hallo) [default: the model's].
    #[arg(long, value_name = "STRENGTH", value_parser = scale)]
    pub(crate) face_weight: Option<f32>,
    /// Strength of the audio branch of the lips (Hallo) [default: the model's].
    #[arg(long, value_name = "STRENGTH", value_parser = scale)]
    pub(crate) lip_weight: Option<f32>,
    /// Edge of the film in pixels, even [default: the model's own size].
    #[arg(long, value_name = "PIXELS", value_parser = film_size)]
    pub(crate) size: Option<u32>,
    /// Keep latents and parts in the data directory after the film is done.
    #[arg(long)]
    pub(crate) keep_latents: bool,
    /// Settings shared with `plan`.
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  emofarm plan speech.wav --fps 29.97 --json")]
pub(crate) struct PlanArgs {
    /// The speech track: any audio or video file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) audio: PathBuf,
    /// Settings shared with `render`.
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
}

/// What decides how a film is cut; each also a setting.
#[derive(Debug, Default, Args)]
pub(crate) struct ShapeArgs {
    /// Model pack, by name or directory [setting: model].
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Frames per second: 25, 29.97, 24000/1001 … [setting: fps].
    #[arg(long, value_parser = parse::<Fps>)]
    pub(crate) fps: Option<Fps>,
    /// Clips in a segment [setting: `segment_clips`].
    #[arg(long, value_name = "CLIPS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) segment_clips: Option<u32>,
    /// Where work in progress is kept [setting: `data_dir`].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Arguments of `model`.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// What to do with packs.
    #[command(subcommand)]
    pub(crate) command: ModelCommand,
}

/// Verbs on model packs.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the packs on the search path.
    List,
    /// Fetch a published release from the hub, once its licences are accepted.
    Pull(PullArgs),
    /// Make a pack of a published release: safetensors with checksums, without what is never read.
    Import(ImportArgs),
    /// Show a pack's sizes, parameters, licence and checksums, or what its network costs.
    #[command(after_help = "\
Examples:
  emofarm model inspect demo
  emofarm model inspect hallo --flops --size 512 --frames 16

--flops reads no weights; \"hallo\" and \"hallo2\" stand for the published sizes where there is no such pack.")]
    Inspect {
        /// The pack, by name or directory.
        name: String,
        /// Count the multiply-accumulates of a denoising step and of a clip instead (Hallo).
        #[arg(long)]
        flops: bool,
        /// Count for pictures of this edge, a multiple of 64 [default: the pack's].
        #[arg(long, requires = "flops", value_name = "PIXELS")]
        size: Option<usize>,
        /// Count for clips of this many frames [default: the pack's].
        #[arg(long, requires = "flops", value_name = "FRAMES")]
        frames: Option<usize>,
    },
    /// Run a pack's network on the inputs of a golden file and compare every tensor in it (Hallo).
    #[command(after_help = "\
Examples:
  emofarm model verify path/to/release
  emofarm model verify my-pack --golden golden_corrected.safetensors --tolerance 1e-4 --json

PACK may be a published layout: a directory with `pretrained_models` in it. Ends with 0 only when all tensors are within the
tolerance. How reference features are read follows the golden file: its metadata `reference`, else \"corrected\" in its
name; --reference says otherwise, and without --golden also chooses golden_corrected.safetensors.")]
    Verify(VerifyArgs),
}

/// Arguments of `model verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The pack, by name or directory.
    #[arg(value_name = "PACK", value_hint = ValueHint::DirPath)]
    pub(crate) name: String,
    /// The golden file [default: golden.safetensors in the pack].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) golden: Option<PathBuf>,
    /// Largest relative error that passes: norm of the difference over norm.
    #[arg(long, default_value_t = 1e-3, value_parser = tolerance)]
    pub(crate) tolerance: f64,
    /// Which reference features each frame reads [default: as the golden file].
    #[arg(long, value_name = "READING")]
    pub(crate) reference: Option<Reading>,
}

/// Which reference features each frame reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Reading {
    /// As the published program does.
    Published,
    /// As it was meant.
    Corrected,
}

impl From<Reading> for shared::job::ReferenceReading {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Published => Self::Published,
            Reading::Corrected => Self::Corrected,
        }
    }
}

/// How motion frames go from clip to clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Handoff {
    /// Decoded to pixels and encoded again, as the published program does.
    Pixels,
    /// As latents, untouched.
    Latents,
}

impl From<Handoff> for shared::job::MotionHandoff {
    fn from(handoff: Handoff) -> Self {
        match handoff {
            Handoff::Pixels => Self::Pixels,
            Handoff::Latents => Self::Latents,
        }
    }
}

/// A relative error above 0.
fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("give a number above 0, such as 1e-3".into()),
    }
}

/// Arguments of `model pull`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm model pull hallo
  HF_ENDPOINT=https://mirror.example emofarm model pull hallo2 --accept-licence

HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE are honoured. A pull that was interrupted goes on when the
same command is given again.")]
pub(crate) struct PullArgs {
    /// The release: hallo or hallo2.
    pub(crate) release: String,
    /// Accept the licences that are shown, for scripts.
    #[arg(long)]
    pub(crate) accept_licence: bool,
    /// Put the release here [default: its name below the data directory's models].
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
}

/// Arguments of `model import`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  emofarm model import ~/hallo -o models/hallo")]
pub(crate) struct ImportArgs {
    /// The release as it was published: a directory with `pretrained_models`, or that directory itself.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// Write the pack here; it must not exist [default: its name below the data directory's models].
    #[arg(short, long, value_name = "PACK", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
    /// Name of the pack [default: the name of its directory].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

pub(crate) fn parse<T: std::str::FromStr<Err = shared::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: shared::Error| error.to_string())
}

/// A finite scale of a strength, 0 to 100.
pub(crate) fn scale(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err("give a number from 0 to 100".into()),
    }
}

/// The face region over the face box: from half of it to the whole picture.
pub(crate) fn face_expand(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.5..=4.0).contains(&value) => Ok(value),
        _ => Err("give a number from 0.5 to 4".into()),
    }
}

/// H.264 with 4:2:0 chroma needs even edges; 4096 is the widest picture of level 5.1.
pub(crate) fn film_size(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(size) if (64..=4096).contains(&size) && size % 2 == 0 => Ok(size),
        _ => Err("give an even number of pixels from 64 to 4096".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn numbers_outside_their_range_are_refused() {
        assert!(scale("nan").is_err());
        assert!(scale("-1").is_err());
        assert!(scale("100").is_ok());
        assert!(film_size("511").is_err());
        assert!(film_size("4098").is_err());
        assert!(film_size("512").is_ok());
        assert!(face_expand("0.4").is_err() && face_expand("4.1").is_err() && face_expand("inf").is_err());
        assert!(face_expand("0.5").is_ok() && face_expand("4").is_ok());
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
