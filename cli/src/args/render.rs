//! What is typed after `render` and `plan`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use shared::{FaceBox, Fps, plan::Preview};

use super::{
    chains::ChainArgs,
    effort::EffortArgs,
    numbers::{face_expand, film_size, parse, scale},
};

/// Arguments of `render`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm render portrait.png speech.wav -o film.mp4
  emofarm render portrait.jpg talk.mp3 -o film.mp4 --fps 29.97 --seed 7 --size 512
  emofarm render face.png long.flac -o film.mp4 --face 120,80,300,360 --head-speed 0.3
  emofarm render face.png long.flac -o film.mp4 --preview first,middle,last
  emofarm render face.png long.flac -o film.mp4 --quality draft

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
    /// Render only this, as excerpts beside the film's place: first, middle, last, joined by commas, or every:N. The rest follows when the
    /// command is given again without it.
    #[arg(long, value_name = "PLACES", value_parser = parse::<Preview>)]
    pub(crate) preview: Option<Preview>,
    /// Write the film as far as it is made into this directory: `watch.m3u8` plays while the render runs, and stays.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) watch_dir: Option<PathBuf>,
    /// Keep latents and parts in the data directory after the film is done.
    #[arg(long)]
    pub(crate) keep_latents: bool,
    /// Settings shared with `plan`.
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  emofarm plan speech.wav --fps 29.97 --json\n  emofarm plan hour.flac --continuity anchored --shots reel.edl\n  emofarm plan speech.wav --quality draft"
)]
pub(crate) struct PlanArgs {
    /// The speech track: any audio or video file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) audio: PathBuf,
    /// Denoising steps [default: the model's].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) steps: Option<u32>,
    /// Guidance scale on audio; 1 switches guidance off [default: the model's].
    #[arg(long, value_parser = scale)]
    pub(crate) guidance: Option<f32>,
    /// How much is computed for a clip.
    #[command(flatten)]
    pub(crate) effort: EffortArgs,
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
    /// How it is cut into chains.
    #[command(flatten)]
    pub(crate) chains: ChainArgs,
}

/// Which reference features each frame reads; on the wire by the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
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

/// How motion frames go from clip to clip; on the wire by the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
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

/// What becomes of a clip that is not good enough; on the wire by the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gates {
    /// It is rendered again.
    On,
    /// It stays; that it is not good enough is recorded.
    Off,
}

impl From<Gates> for shared::job::Gates {
    fn from(gates: Gates) -> Self {
        match gates {
            Gates::On => Self::On,
            Gates::Off => Self::Off,
        }
    }
}

/// How exactly the network's products are computed; on the wire by the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compute {
    /// In single precision throughout: the same bits on every CPU.
    Exact,
    /// As fast as the CPU can within 1e-4 of single precision.
    F32,
    /// Factors rounded to 8 bits: within 2e-2, and faster where the CPU has instructions for it.
    Bf16,
    /// Factors rounded to 11 bits, on cards; the same as f32 on CPUs.
    F16,
}

impl From<Compute> for shared::job::Compute {
    fn from(compute: Compute) -> Self {
        match compute {
            Compute::Exact => Self::Exact,
            Compute::F32 => Self::F32,
            Compute::Bf16 => Self::Bf16,
            Compute::F16 => Self::F16,
        }
    }
}
