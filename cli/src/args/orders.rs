//! Arguments of the verbs that order films from a farm: `submit` and `batch`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use shared::{FaceBox, Fps, Name, Priority, plan::Preview, span::Span};

use super::{
    chains::ChainArgs,
    effort::EffortArgs,
    numbers::{face_expand, film_size, parse, scale},
    render::{Compute, Gates, Handoff, Reading},
};

/// Arguments of `submit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm submit portrait.png speech.wav
  emofarm submit portrait.png speech.wav --priority urgent --label show=orbit --wait -o film.mp4
  emofarm submit portrait.png hour.wav --preview first,middle,last --approve
  emofarm submit https://assets.example/face.png https://assets.example/talk.flac --json

Files are uploaded; URLs are fetched by the farm, where its operator allows it. The same order twice is one job.")]
pub(crate) struct SubmitArgs {
    /// The portrait: a file, or a URL that the farm fetches.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) portrait: String,
    /// The speech track: a file, or a URL that the farm fetches.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) audio: String,
    /// Follow the job until it ends; exit code 1 when it fails.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Download the film when it is done; waits for it.
    #[arg(short, long, value_name = "FILM.mp4", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Replace the film if it exists.
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    /// Say what the job would take, and submit nothing.
    #[arg(long, conflicts_with_all = ["wait", "output"])]
    pub(crate) estimate: bool,
    /// What the film looks like.
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Under which conditions it is worked on.
    #[command(flatten)]
    pub(crate) terms: TermsArgs,
}

/// What decides how the film looks; what is not given is the farm's default.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What the film looks like")]
pub(crate) struct LookArgs {
    /// Model pack, by name [default: the farm's].
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Frames per second: 25, 29.97, 24000/1001 … [default: the farm's].
    #[arg(long, value_parser = parse::<Fps>)]
    pub(crate) fps: Option<Fps>,
    /// Seed of all noise: the same seed gives the same film [default: 42].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Clips in a segment [default: the farm's].
    #[arg(long, value_name = "CLIPS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) segment_clips: Option<u32>,
    /// The face in the upright portrait, in pixels: x,y,w,h.
    #[arg(long, value_name = "X,Y,W,H", value_parser = parse::<FaceBox>)]
    pub(crate) face: Option<FaceBox>,
    /// The region of the face, in place of the expanded face box: x,y,w,h.
    #[arg(long, value_name = "X,Y,W,H", value_parser = parse::<FaceBox>)]
    pub(crate) mask_face: Option<FaceBox>,
    /// The region of the lips: x,y,w,h.
    #[arg(long, value_name = "X,Y,W,H", value_parser = parse::<FaceBox>)]
    pub(crate) mask_lip: Option<FaceBox>,
    /// The region of the face over the face box, along an edge.
    #[arg(long, value_name = "TIMES", value_parser = face_expand)]
    pub(crate) face_expand: Option<f32>,
    /// Denoising steps [default: the model's].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) steps: Option<u32>,
    /// Guidance scale on audio; 1 switches guidance off [default: the model's].
    #[arg(long, value_parser = scale)]
    pub(crate) guidance: Option<f32>,
    /// How much is computed for a clip.
    #[command(flatten)]
    pub(crate) effort: EffortArgs,
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
    /// Whether clips that are not good enough are rendered again [default: on].
    #[arg(long, value_name = "WHETHER")]
    pub(crate) gates: Option<Gates>,
    /// How exactly the network is computed [default: f32 on CPUs, bf16 on cards].
    #[arg(long, value_name = "HOW")]
    pub(crate) compute: Option<Compute>,
    /// Edge of the film in pixels, even [default: the model's own size].
    #[arg(long, value_name = "PIXELS", value_parser = film_size)]
    pub(crate) size: Option<u32>,
    /// How it is cut into chains.
    #[command(flatten)]
    pub(crate) chains: ChainArgs,
}

/// Under which conditions a job is worked on; nothing here changes the picture.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How it is worked on")]
pub(crate) struct TermsArgs {
    /// How urgent it is: low, normal, high, urgent, or 0 to 100 [default: normal].
    #[arg(long, value_parser = parse::<Priority>)]
    pub(crate) priority: Option<Priority>,
    /// The pool of workers that may render it.
    #[arg(long, value_name = "NAME", value_parser = parse::<Name>)]
    pub(crate) pool: Option<Name>,
    /// GPU memory in MiB that a worker must have.
    #[arg(long, value_name = "MIB")]
    pub(crate) gpu_memory: Option<u32>,
    /// Tasks of the job that may be under way at once.
    #[arg(long, value_name = "TASKS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) most_at_once: Option<u32>,
    /// Your own name for the job.
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<String>,
    /// Your own mark, for filters; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Why the person may be shown speaking: recorded, `dubbing_agreement`, `public_domain` or `synthetic_person`.
    #[arg(long, value_name = "KIND", requires = "consent_reference", value_parser = CONSENTS)]
    pub(crate) consent: Option<String>,
    /// Where that permission is filed.
    #[arg(long, value_name = "TEXT", requires = "consent")]
    pub(crate) consent_reference: Option<String>,
    /// Render this first, to be looked at: first, middle, last, joined by commas, or every:N.
    #[arg(long, value_name = "PLACES", value_parser = parse::<Preview>)]
    pub(crate) preview: Option<Preview>,
    /// Wait with the rest until somebody approves the preview.
    #[arg(long, requires = "preview")]
    pub(crate) approve: bool,
    /// Remove latents so long after the end of the job, such as 30d [default: never].
    #[arg(long, value_name = "SPAN", value_parser = parse::<Span>)]
    pub(crate) keep_latents: Option<Span>,
    /// Remove inputs, parts and film so long after the end of the job [default: never].
    #[arg(long, value_name = "SPAN", value_parser = parse::<Span>)]
    pub(crate) keep_film: Option<Span>,
    /// Where news of the job are sent, signed with the key in `EMOFARM_WEBHOOK_SECRET`.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
}

/// Arguments of `batch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm batch dailies.csv
  emofarm batch dailies.jsonl --jobs 20 --report dailies.json --label show=orbit

Every row names portrait, audio and output; further columns are those of `submit`: model, fps, seed, segment_clips, steps,
guidance, quality, solver, guidance_band, reuse, head_speed, reference, handoff, pose_weight, face_weight, lip_weight, face,
mask_face, mask_lip, face_expand, size, gates, compute, continuity, chain_seconds, join, shots, priority, pool, gpu_memory,
most_at_once, external_id, preview, approve, keep_latents,
keep_film, consent, consent_reference, and label.KEY. Paths are relative to the file. All rows are checked before the first is
submitted.

A batch that was interrupted goes on when the same command is given again: finished films stay, running jobs are followed, failed
ones are tried again. Exit code 1 when any row failed.")]
pub(crate) struct BatchArgs {
    /// The rows: a .csv file with a header, or .jsonl with one object a line.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Jobs on the farm at once.
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) jobs: u32,
    /// Where the report goes: .csv or .json [default: FILE.report.csv].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
    /// Check every row and submit nothing.
    #[arg(long)]
    pub(crate) check: bool,
    /// A mark for every job of the batch; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Replace films that exist.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// The kinds of consent, as the order has them.
pub(crate) const CONSENTS: [&str; 4] = ["recorded", "dubbing_agreement", "public_domain", "synthetic_person"];

/// A mark as it is typed.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        // A filter joins labels by these two.
        _ if text.contains([':', ',']) => Err("a label holds no \":\" and no \",\"".into()),
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("give KEY=VALUE, such as show=orbit".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_a_key() {
        assert_eq!(label("show=orbit=2"), Ok(("show".into(), "orbit=2".into())));
        for text in ["show", "=orbit", "show=", "show=a,b", "a:b=c"] {
            assert!(label(text).is_err(), "{text}");
        }
    }
}
