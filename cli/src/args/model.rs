//! What is typed after `model`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{
    numbers::tolerance,
    render::{Compute, Reading},
};

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
    /// How exactly the network is computed [default: f32 on CPUs, bf16 on cards].
    #[arg(long, value_name = "HOW")]
    pub(crate) compute: Option<Compute>,
}

/// Arguments of `model pull`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm model pull hallo
  emofarm model pull hallo --without-face-models
  HF_ENDPOINT=https://mirror.example emofarm model pull hallo2 --accept-licence

HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE are honoured. A pull that was interrupted goes on when the
same command is given again.")]
pub(crate) struct PullArgs {
    /// The release: hallo or hallo2.
    pub(crate) release: String,
    /// Accept the licences that are shown, for scripts.
    #[arg(long)]
    pub(crate) accept_licence: bool,
    /// Leave out the two face models, which are for non-commercial research only.
    #[arg(long)]
    pub(crate) without_face_models: bool,
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
