//! Arguments of `simulate`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueHint};
use shared::{Fps, seams::Continuity};

use super::{
    chains::continuities,
    numbers::{hourly, length, parse, rate, seconds, spread},
};

/// Arguments of `simulate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm simulate --film 1h --workers 64 --clip-seconds 3.5
  emofarm simulate --film 1h --workers 64 --spot-loss 5%/h --spread 0.2 --seed 7 --plot farm.png
  emofarm simulate --jobs season.csv --workers 1000 --stitchers 60 --json

The real plan, ledger and scheduler run against virtual time; what takes time on a farm is modelled. The bound is the larger of all
work over all workers and the longest path through a film; no schedule is shorter. A table of jobs (.csv with a header, or .jsonl)
has the columns length, and if wanted count, tenant, priority, arrival, continuity, chain_seconds.")]
pub(crate) struct SimulateArgs {
    /// How long the film is: 90s, 10min, 1h, 1h30min [default: 1h].
    #[arg(long, value_name = "LENGTH", value_parser = length, conflicts_with = "jobs")]
    pub(crate) film: Option<Duration>,
    /// Many films, a row each.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) jobs: Option<PathBuf>,
    /// Workers that render.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) workers: u32,
    /// Stitchers; with 0 the workers take both lanes [default: one for eight workers].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) stitchers: Option<u32>,
    /// Seconds in which a worker renders a clip.
    #[arg(long, default_value = "3.5", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) clip_seconds: Duration,
    /// Workers that are lost in an hour without a word, such as 5%/h.
    #[arg(long, default_value = "0%/h", value_name = "SHARE", value_parser = hourly)]
    pub(crate) spot_loss: f64,
    /// Seconds until another worker stands in the place of one that was lost.
    #[arg(long, default_value = "120", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) start_up_seconds: Duration,
    /// How a film is cut into chains [default: auto, anchored for films over a minute].
    #[arg(long, value_name = "HOW", value_parser = continuities())]
    pub(crate) continuity: Option<Continuity>,
    /// Seconds of a chain of anchored films.
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) chain_seconds: Duration,
    /// Seed of lost workers, of spread, and of the pauses in which films are cut.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Draw a chart.
    #[arg(long, value_name = "FILE.png", value_hint = ValueHint::FilePath)]
    pub(crate) plot: Option<PathBuf>,
    /// How the films are cut into tasks.
    #[command(flatten)]
    pub(crate) shape: SimulatedShape,
    /// How long everything else takes.
    #[command(flatten)]
    pub(crate) latencies: LatencyArgs,
}

/// What decides how simulated films are cut into tasks.
#[derive(Debug, Args)]
pub(crate) struct SimulatedShape {
    /// Model pack whose clips are rendered [setting: model].
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Frames of a clip [default: the model's].
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) clip_frames: Option<u32>,
    /// Clips in a segment [setting: `segment_clips`].
    #[arg(long, value_name = "CLIPS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) segment_clips: Option<u32>,
    /// Segments in a part [setting: `part_segments`].
    #[arg(long, value_name = "SEGMENTS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) part_segments: Option<u32>,
    /// Frames per second [setting: fps].
    #[arg(long, value_parser = parse::<Fps>)]
    pub(crate) fps: Option<Fps>,
}

/// How long everything but clips takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Latencies")]
pub(crate) struct LatencyArgs {
    /// Seconds in which a job is prepared, whatever its length.
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) prepare_seconds: Duration,
    /// Frames a second that are prepared besides.
    #[arg(long, default_value = "5000", value_name = "FRAMES", value_parser = rate)]
    pub(crate) prepare_rate: f64,
    /// Frames a second that a stitcher decodes and encodes.
    #[arg(long, default_value = "50", value_name = "FRAMES", value_parser = rate)]
    pub(crate) part_rate: f64,
    /// Frames a second that are joined into the film.
    #[arg(long, default_value = "20000", value_name = "FRAMES", value_parser = rate)]
    pub(crate) film_rate: f64,
    /// Seconds for reading what a task needs, and for keeping what it made.
    #[arg(long, default_value = "0.05", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) transfer_seconds: Duration,
    /// Seconds from a ring, or from the task before, to the work on a task.
    #[arg(long, default_value = "0.02", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) claim_seconds: Duration,
    /// Seconds for taking up a job that the worker was not at before.
    #[arg(long, default_value = "1", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) take_up_seconds: Duration,
    /// Tasks take from 1 - SPREAD to 1 + SPREAD times as long, at random.
    #[arg(long, default_value = "0", value_name = "SPREAD", value_parser = spread)]
    pub(crate) spread: f64,
}
