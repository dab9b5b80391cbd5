//! Live bars of a job: one for each chain, or one for all of many, one for the bridges, one for the parts; lines where no terminal is watching.

use std::{
    collections::BTreeMap,
    io::IsTerminal as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::{
    client::{events::Happening, wire},
    output::note,
};

/// What is shown of one job.
pub(super) struct Bars {
    drawn: Option<MultiProgress>,
    quiet: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bars: BTreeMap<Row, ProgressBar>,
    told: u64,
}

/// A bar's place on the screen, from top to bottom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Row {
    Chain(u32),
    Chains,
    Bridges,
    Parts,
}

/// Chains that have a bar each; more share one, so that a long film does not fill the screen.
const MOST_CHAINS: u32 = 8;

/// Frames done and to do of one row.
type Share = (u64, u64);

impl Bars {
    /// Bars on standard error, lines where that is no terminal, nothing when `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let drawn = (!quiet && std::io::stderr().is_terminal()).then(MultiProgress::new);
        Self { drawn, quiet, state: Mutex::default() }
    }

    /// Whether somebody sees bars; only then are the tasks worth asking for.
    pub(super) fn are_drawn(&self) -> bool {
        self.drawn.is_some()
    }

    /// Says where the job stands at the beginning.
    pub(super) fn job(&self, job: &wire::Job) {
        if job.hold != "none" && !job.hold.is_empty() {
            let hold = match job.hold.as_str() {
                "preview" => "rendering its preview",
                "approval" => "waiting: \"emofarm approve\" lets the rest be rendered",
                hold => hold,
            };
            self.say(&format!("job {} is {hold}", job.id));
        }
        self.progress(job.progress);
    }

    /// Shows something that happened.
    pub(super) fn happened(&self, happening: &Happening) {
        let document = happening.json();
        // The farm wraps what happened as it does in webhooks: type, moment, job, then the details.
        let data = document.get("data").unwrap_or(&document);
        let details = data.get("details").unwrap_or(data);
        if happening.kind == "progress" {
            if let Ok(progress) = wire::parsed(details) {
                self.progress(progress);
            }
            return;
        }
        let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
        let said: Vec<String> = ["task", "error", "reason"].into_iter().filter_map(text).collect();
        if happening.kind.contains('.') {
            self.say(format!("{} {}", happening.kind, said.join(": ")).trim_end());
        }
    }

    /// A line for every tenth of the film where no bars are drawn.
    fn progress(&self, progress: wire::Progress) {
        if self.quiet || self.are_drawn() || progress.frames == 0 {
            return;
        }
        let tenth = progress.frames_rendered * 10 / progress.frames;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if tenth > state.told {
            state.told = tenth;
            note(format_args!("{} of {} frames rendered", progress.frames_rendered, progress.frames));
        }
    }

    /// Moves the bars to where the tasks are.
    pub(super) fn tasks(&self, tasks: &[wire::Task]) {
        let Some(screen) = &self.drawn else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, (done, all)) in shares(tasks) {
            let place = state.bars.range(..row).count();
            let bar = state.bars.entry(row).or_insert_with(|| {
                let bar = screen.insert(place, ProgressBar::new(all).with_style(style()).with_message(title(row)));
                bar.set_position(done);
                bar.reset_eta();
                bar.enable_steady_tick(Duration::from_millis(200));
                bar
            });
            bar.set_position(done);
            if done == all {
                bar.abandon();
            }
        }
    }

    /// Takes the bars off the screen.
    pub(super) fn clear(&self) {
        if let Some(screen) = &self.drawn {
            let _ = screen.clear();
        }
    }

    fn say(&self, line: &str) {
        match &self.drawn {
            Some(screen) => drop(screen.println(line)),
            None if !self.quiet => note(format_args!("{line}")),
            None => {}
        }
    }
}

/// Frames done and to do of every chain, of the bridges, and of the parts.
fn shares(tasks: &[wire::Task]) -> BTreeMap<Row, Share> {
    let mut shares = BTreeMap::new();
    let many = tasks.iter().filter_map(|task| task.chain).any(|chain| chain >= MOST_CHAINS);
    for task in tasks {
        let row = match (task.kind.as_str(), task.chain) {
            ("segment", _) if many => Row::Chains,
            ("segment", chain) => Row::Chain(chain.unwrap_or(0)),
            ("bridge", _) => Row::Bridges,
            ("part", _) => Row::Parts,
            _ => continue,
        };
        let frames = task.frames();
        let done = if task.state == "done" { frames } else { task.frames_done.min(frames) };
        let share: &mut Share = shares.entry(row).or_default();
        *share = (share.0 + done, share.1 + frames);
    }
    shares
}

fn title(row: Row) -> String {
    match row {
        Row::Chain(chain) => format!("chain {chain}"),
        Row::Chains => "chains".into(),
        Row::Bridges => "bridges".into(),
        Row::Parts => "parts".into(),
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg:<9} {wide_bar} {pos}/{len} frames  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chain_has_its_share() {
        let task = |kind: &str, chain, start, state: &str, frames_done| wire::Task {
            kind: kind.into(),
            chain,
            first_frame: Some(start),
            end_frame: Some(start + 48),
            state: state.into(),
            frames_done,
        };
        let mut tasks = vec![
            wire::Task { kind: "prepare".into(), ..wire::Task::default() },
            task("segment", Some(0), 0, "done", 0),
            task("segment", Some(0), 48, "leased", 12),
            task("segment", Some(1), 96, "waiting", 0),
            task("bridge", None, 72, "done", 0),
            task("part", None, 0, "leased", 99),
        ];
        let rest = [(Row::Bridges, (48, 48)), (Row::Parts, (48, 48))];
        let few: Vec<_> = shares(&tasks).into_iter().collect();
        assert_eq!(few, [&[(Row::Chain(0), (60, 96)), (Row::Chain(1), (0, 48))], &rest[..]].concat());
        tasks.push(task("segment", Some(8), 400, "leased", 20));
        let many: Vec<_> = shares(&tasks).into_iter().collect();
        assert_eq!(many, [&[(Row::Chains, (80, 192))], &rest[..]].concat());
    }
}
