//! The progress bar of bytes.

use std::{
    io::IsTerminal as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::{bytes, note};

/// Shows bytes, bytes a second and the time left; a line for every tenth where no terminal is watching.
#[derive(Clone)]
pub(super) struct Meter {
    drawn: Option<ProgressBar>,
    quiet: bool,
    /// The last tenth that was told of.
    told: Arc<AtomicU64>,
}

impl Meter {
    /// A meter on standard error, or none when the result is wanted as JSON.
    pub(super) fn new(quiet: bool) -> Self {
        let drawn = (!quiet && std::io::stderr().is_terminal()).then(|| ProgressBar::new(0).with_style(style()));
        Self { drawn, quiet, told: Arc::default() }
    }

    /// Shows how far `what` is.
    pub(super) fn show(&self, what: &str, done: u64, total: u64) {
        match &self.drawn {
            Some(bar) => {
                if bar.message() != what {
                    bar.reset();
                    bar.set_message(what.to_owned());
                    // What an earlier run brought would make the rate far too good.
                    bar.set_position(done);
                    bar.reset_eta();
                }
                bar.set_length(total);
                bar.set_position(done);
            }
            None if self.quiet => {}
            None => {
                let tenth = done * 10 / total.max(1);
                if self.told.swap(tenth, Ordering::Relaxed) != tenth && total > 1 << 20 {
                    note(format_args!("{what}: {} of {}", bytes(done), bytes(total)));
                }
            }
        }
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
