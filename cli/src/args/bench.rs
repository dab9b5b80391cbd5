//! Arguments of `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// Arguments of `bench`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  emofarm bench
  emofarm bench --only clip,step --model demo --json
  emofarm bench --device cuda:0 --only card
  emofarm bench --flame clip.svg --model demo
  emofarm bench quality --set heldout

Without a verb: how fast this machine is at everything that a film takes. Each row is the median of some runs, for which it may take --seconds.")]
pub(crate) struct BenchArgs {
    /// What else is measured.
    #[command(subcommand)]
    pub(crate) what: Option<Bench>,
    /// How fast everything is.
    #[command(flatten)]
    pub(crate) speed: BenchSpeedArgs,
}

/// Arguments of `bench` without a verb.
#[derive(Debug, Args)]
pub(crate) struct BenchSpeedArgs {
    /// Model pack, by name or directory [setting: model].
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Measure only these, joined by commas: operators, step, clip, vae, speech, portrait, stitch, ledger, queue;
    /// or card: an NVIDIA card (--device cuda:0), its operators held against the CPU, and a step at full width.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) only: Vec<Subject>,
    /// Measure nothing else; draw into this SVG what a clip of the model spends its time with, operator by operator.
    #[arg(long, value_name = "FILE.svg", value_hint = ValueHint::FilePath, conflicts_with = "only")]
    pub(crate) flame: Option<PathBuf>,
    /// Seconds that a row may take, its first run excluded.
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS", value_parser = row_seconds)]
    pub(crate) seconds: f64,
}

/// What is measured without a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Subject {
    /// Single operators of the network.
    Operators,
    /// One denoising step of a clip.
    Step,
    /// A clip.
    Clip,
    /// Encoding and decoding of pictures by the autoencoder.
    Vae,
    /// Features of speech.
    Speech,
    /// Finding the face and preparing the portrait.
    Portrait,
    /// Encoding of a part and joining of a film.
    Stitch,
    /// Submitting, releasing, taking and completing in an embedded ledger.
    Ledger,
    /// Rings through an embedded queue.
    Queue,
    /// An NVIDIA card; only where it is asked for.
    Card,
}

fn row_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.01..=600.0).contains(seconds));
    seconds.ok_or_else(|| "give seconds from 0.01 to 600".into())
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// How good the films of a model pack are: renders held-out portraits and speech, and measures the frames.
    Quality(Box<BenchQualityArgs>),
}

/// Arguments of `bench quality`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm bench quality --set heldout
  emofarm bench quality --set heldout --cases 2 --seeds 0 --json
  emofarm bench quality --film film.mp4 --truth heldout/truth_0.json

A set is a folder of cases that no training saw: a truth_….json each, beside its portrait and its speech; docs/quality.md tells what is in it.
Exit code 1 when a measure misses its bar.")]
pub(crate) struct BenchQualityArgs {
    /// The folder of held-out cases.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, required_unless_present = "film")]
    pub(crate) set: Option<PathBuf>,
    /// Measure this film, or folder of pictures, and render nothing.
    #[arg(long, value_name = "FILM", value_hint = ValueHint::AnyPath, requires = "truth", conflicts_with = "set")]
    pub(crate) film: Option<PathBuf>,
    /// The case that the film shows.
    #[arg(long, value_name = "FILE.json", value_hint = ValueHint::FilePath, requires = "film")]
    pub(crate) truth: Option<PathBuf>,
    /// Model pack, by name or directory [setting: model].
    #[arg(long, alias = "pack", value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Render this many cases of the set [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) cases: Option<u32>,
    /// Seed of the films.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seeds of the first case that are compared with one another; none with 0.
    #[arg(long, default_value_t = 14, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) seeds: u32,
    /// Head speeds at which the first case is rendered, in degrees a frame; none when empty.
    #[arg(long, default_value = "0.1,0.3,0.5,0.8,1.2", value_name = "SPEEDS", value_parser = speeds)]
    pub(crate) speeds: Speeds,
    /// Draw the measures over time.
    #[arg(long, value_name = "FILE.png", value_hint = ValueHint::FilePath)]
    pub(crate) plot: Option<PathBuf>,
    /// Keep the films there, with a chart of each; a film that is there already is not rendered again.
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
}

/// Head speeds in degrees a frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Speeds(pub(crate) Vec<f32>);

fn speeds(text: &str) -> Result<Speeds, String> {
    let wrong = || "give degrees a frame from 0 to 90, joined by commas, such as 0.1,0.5,1".to_owned();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let all: Vec<f32> = parts.map(|part| part.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    if all.len() <= 20 && all.iter().all(|speed| (0.0..=90.0).contains(speed)) { Ok(Speeds(all)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_take_seconds_within_limits() {
        assert!(row_seconds("0.01").is_ok() && row_seconds("600").is_ok());
        assert!(["0", "601", "nan", "-1", "x"].iter().all(|text| row_seconds(text).is_err()));
    }

    #[test]
    fn speeds_are_numbers_within_limits() {
        assert_eq!(speeds("0.1, 1,90"), Ok(Speeds(vec![0.1, 1.0, 90.0])));
        assert_eq!(speeds(""), Ok(Speeds(Vec::new())));
        for text in ["fast", "-1", "91", "NaN", "1;2", &["1"; 21].join(",")] {
            assert!(speeds(text).is_err(), "{text}");
        }
    }
}
