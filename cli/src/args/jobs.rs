//! Arguments of the verbs that look at jobs and steer them.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use shared::{JobId, JobState, Priority, TaskId};

use super::{numbers::parse, orders::label};

/// Arguments of verbs on one job.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// The job.
    #[arg(value_parser = parse::<JobId>)]
    pub(crate) job: JobId,
}

/// Arguments of `jobs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm jobs
  emofarm jobs --state running --label show=orbit
  emofarm jobs --limit 500 --json")]
pub(crate) struct JobsArgs {
    /// Only jobs in this state: running, done, failed or cancelled; may be given several times.
    #[arg(long = "state", value_name = "STATE", value_parser = state)]
    pub(crate) states: Vec<JobState>,
    /// Only jobs with this mark; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Only jobs with this name of yours.
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<String>,
    /// Most jobs to list, the latest first.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm logs 0f5d…
  emofarm logs 0f5d… --task segment-0-00003 --attempt 2

Without a task, every attempt is listed with how it ended; with one, its log is printed.")]
pub(crate) struct LogsArgs {
    /// The job.
    #[arg(value_parser = parse::<JobId>)]
    pub(crate) job: JobId,
    /// The task.
    #[arg(long, value_name = "TASK", value_parser = task)]
    pub(crate) task: Option<TaskId>,
    /// Which attempt at it [default: the last].
    #[arg(long, value_name = "N", requires = "task", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempt: Option<u32>,
}

/// Arguments of `download`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm download 0f5d… -o film.mp4
  emofarm download 0f5d… --artifact part-00000 -o first.mp4

A download that was cut off goes on where it stopped when the same command is given again; the file appears when it is whole.")]
pub(crate) struct DownloadArgs {
    /// The job.
    #[arg(value_parser = parse::<JobId>)]
    pub(crate) job: JobId,
    /// Where it goes.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// What to download: film, part-00000, thumbnail …
    #[arg(long, default_value = "film", value_name = "NAME", value_parser = artifact)]
    pub(crate) artifact: String,
    /// Replace the file if it exists.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// Arguments of `quality`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm quality 0f5d…
  emofarm quality 0f5d… --plot quality.png
  emofarm quality 0f5d… --json

A render on this machine prints its job; where none is known, or --api is given, the farm is asked. docs/quality.md says what is measured.")]
pub(crate) struct QualityArgs {
    /// The job.
    #[arg(value_parser = parse::<JobId>)]
    pub(crate) job: JobId,
    /// Draw the measures over the film's time into this PNG.
    #[arg(long, value_name = "FILE.png", value_hint = ValueHint::FilePath)]
    pub(crate) plot: Option<PathBuf>,
    /// Look only where renders on this machine keep their work [setting: `data_dir`].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Arguments of `cancel`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  emofarm cancel 0f5d… --reason \"wrong take\"

Workers stop at their next denoising step. What was made stays; `emofarm retry` takes the job up again.")]
pub(crate) struct CancelArgs {
    /// The job.
    #[arg(value_parser = parse::<JobId>)]
    pub(crate) job: JobId,
    /// Why; kept with the job.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Arguments of `retake`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm retake 0f5d… 00:41:12:00-00:41:20:00 --wait -o film-2.mp4
  emofarm retake 0f5d… 00:00:03:00-00:00:05:12 --seed 7 -o film-2.mp4
  emofarm retake 0f5d… 00:00:03:00-00:00:05:12 --audio corrected.wav

Only these frames and a bridge at both ends are rendered; the rest of the film is kept as it is. The earlier film stays: a retake is a
job of its own. A film that \"emofarm render --keep-latents\" made is changed on this machine, and -o says where the new one goes.")]
pub(crate) struct RetakeArgs {
    /// The job whose film is changed.
    #[arg(value_parser = parse::<JobId>)]
    pub(crate) job: JobId,
    /// From one timecode up to, and without, another: HH:MM:SS:FF-HH:MM:SS:FF.
    #[arg(value_name = "FROM-TO")]
    pub(crate) range: String,
    /// Seed of the noise of these frames [default: the one after the film's].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Another track for the whole film, as long as the one before: a file, or a URL that the farm fetches.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) audio: Option<String>,
    /// How urgent it is: low, normal, high, urgent, or 0 to 100 [default: as the film was].
    #[arg(long, value_parser = parse::<Priority>)]
    pub(crate) priority: Option<Priority>,
    /// Follow the job until it ends; exit code 1 when it fails.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Put the new film there when it is made; waits for it.
    #[arg(short, long, value_name = "FILM.mp4", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Replace the film if it exists.
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
}

/// Arguments of `priority`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  emofarm priority 0f5d… urgent")]
pub(crate) struct PriorityArgs {
    /// The job.
    #[arg(value_parser = parse::<JobId>)]
    pub(crate) job: JobId,
    /// low, normal, high, urgent, or 0 to 100.
    #[arg(value_parser = parse::<Priority>)]
    pub(crate) priority: Priority,
}

/// Arguments of `workers`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm workers
  emofarm workers --drain gpu-7-4242-render-1f3a
  emofarm workers --work gpu-7-4242-render-1f3a")]
pub(crate) struct WorkersArgs {
    /// Let this worker finish its task and end.
    #[arg(long, value_name = "WORKER", conflicts_with = "work")]
    pub(crate) drain: Option<String>,
    /// Let this worker, which was set aside, work again.
    #[arg(long, value_name = "WORKER")]
    pub(crate) work: Option<String>,
}

fn state(text: &str) -> Result<JobState, String> {
    JobState::named(text).ok_or_else(|| "give running, done, failed or cancelled".into())
}

/// Task ids stand in URLs.
fn task(text: &str) -> Result<TaskId, String> {
    plain(text).map(TaskId::from_text).ok_or_else(|| "give a task such as segment-0-00003".into())
}

fn artifact(text: &str) -> Result<String, String> {
    plain(text).map(str::to_owned).ok_or_else(|| "give film, part-00000 or thumbnail".into())
}

fn plain(text: &str) -> Option<&str> {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (!text.is_empty() && text.len() <= 64 && text.bytes().all(fine)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_stand_in_urls_are_plain() {
        assert!(task("segment-0-00003").is_ok() && artifact("part-00000").is_ok());
        for text in ["", "../film", "a b", "Film", &"x".repeat(65)] {
            assert!(task(text).is_err() && artifact(text).is_err(), "{text}");
        }
        assert_eq!(state("done"), Ok(JobState::Done));
        assert!(state("finished").is_err());
    }
}
