//! The progress bar of a render.

use std::{io::IsTerminal as _, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use shared::ports::Progress;

use crate::output::note;

/// Shows frames done, frames a second and the time left; one line every few seconds where no terminal is watching.
pub(crate) struct Bar {
    drawn: Option<ProgressBar>,
    resumed: Option<u64>,
    told: u64,
}

impl Bar {
    /// A bar on standard error, or none at all when the result is wanted as JSON.
    pub(crate) fn new(quiet: bool) -> Self {
        let drawn = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(0).with_style(style());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar.set_message("preparing");
            bar
        });
        Self { drawn, resumed: None, told: if quiet { u64::MAX } else { 0 } }
    }

    /// Shows how far the job is.
    pub(crate) fn show(&mut self, progress: &Progress) {
        let first = self.resumed.is_none();
        // Frames of an earlier run would make the rate, and with it the time left, far too good.
        let resumed = *self.resumed.get_or_insert(progress.frames_rendered);
        match &self.drawn {
            Some(bar) => {
                bar.set_length(progress.frames);
                if first {
                    bar.reset_eta();
                    bar.set_position(resumed);
                    bar.reset_eta();
                }
                bar.set_position(progress.frames_rendered);
                bar.set_message(stage(progress));
            }
            None if self.told != u64::MAX => self.tell(progress),
            None => {}
        }
    }

    /// A line for every tenth of the film, for logs and pipes.
    fn tell(&mut self, progress: &Progress) {
        let tenth = progress.frames_rendered * 10 / progress.frames.max(1);
        if tenth > self.told {
            self.told = tenth;
            note(format_args!("{} of {} frames rendered", progress.frames_rendered, progress.frames));
        }
    }

    /// Frames that were rendered before this run.
    pub(crate) fn resumed(&self) -> u64 {
        self.resumed.unwrap_or(0)
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}

fn stage(progress: &Progress) -> &'static str {
    if progress.tasks_done == 0 {
        "preparing"
    } else if progress.frames_rendered < progress.frames {
        "rendering"
    } else {
        "encoding and joining"
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len} frames  {per_sec}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("per_sec", |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{:.1} frames/s", state.per_sec());
        })
}

/// A bar for bytes on their way; none where no terminal is watching or `quiet` is wanted.
pub(crate) fn transfer_bar(what: &'static str, bytes: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{spinner} {msg} {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left");
    let bar =
        ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar for rows of measurements, whose number nobody knows beforehand; none where no terminal is watching or `quiet` is wanted.
pub(crate) fn rows_bar(quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} measured, {elapsed}: {wide_msg}");
    let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar for the films of a batch; none where no terminal is watching or `quiet` is wanted.
pub(crate) fn films_bar(films: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {wide_bar} {pos}/{len} films  {elapsed}, {eta} left");
    let bar = ProgressBar::new(films).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_the_job() {
        let at = |tasks_done, frames_rendered| Progress { frames_rendered, frames: 10, tasks_done, tasks: 5 };
        assert_eq!(stage(&at(0, 0)), "preparing");
        assert_eq!(stage(&at(1, 4)), "rendering");
        assert_eq!(stage(&at(2, 10)), "encoding and joining");
    }
}
