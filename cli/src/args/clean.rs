//! What is typed after `clean`.

use clap::Args;
use shared::{JobId, span::Span};

use super::numbers::parse;

/// Arguments of `clean`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  emofarm clean
  emofarm clean --older 30d --yes

Work is kept when a render was interrupted, failed or previewed, and with --keep-latents. What is removed is rendered again when
the same command is given again. Nothing is removed without --yes, and nothing that a render works in.")]
pub(crate) struct CleanArgs {
    /// Only what was not written to for so long, such as 30d.
    #[arg(long, value_name = "SPAN", value_parser = parse::<Span>)]
    pub(crate) older: Option<Span>,
    /// Only the work of this job.
    #[arg(long, value_name = "JOB", value_parser = parse::<JobId>)]
    pub(crate) job: Option<JobId>,
    /// Remove it.
    #[arg(long)]
    pub(crate) yes: bool,
}
