//! What a simulation found, in words.

use coordinator::simulate::{Report, Step};
use serde_json::Value;
use shared::{Error, Result};

use crate::{
    args::simulate::SimulateArgs,
    output::{self, Table, count, duration},
};

/// Steps of the critical path that are listed.
const STEPS: usize = 20;

/// The report as this program prints its documents.
pub(super) fn document(report: &Report) -> Result<Value> {
    let broken = |e| Error::world("the report cannot be written down").from_source(e);
    let mut document = serde_json::to_value(report).map_err(broken)?;
    if let Value::Object(fields) = &mut document {
        fields.insert("ok".into(), (report.failed == 0).into());
    }
    Ok(document)
}

/// The report for people.
pub(super) fn text(report: &Report, args: &SimulateArgs) {
    head(report);
    lanes(report);
    critical(&report.critical);
    waste(report);
    queue(report);
    let cost = &report.scheduler;
    say!("");
    say!(
        "scheduler   {} in {:.1} s of processor time: {:.2} % of a core, {:.3} % for every 100 workers and stitchers",
        count(cost.rounds, "round"),
        cost.seconds,
        cost.share * 100.0,
        cost.share_per_hundred * 100.0
    );
    if let Some(file) = &args.plot {
        say!("chart       {}", file.display());
    }
}

fn head(report: &Report) {
    let bound = &report.bound;
    say!(
        "{}, {}, {}",
        count(report.films as u64, "film"),
        count(report.frames, "frame"),
        count(report.tasks as u64, "task")
    );
    if report.failed > 0 {
        say!("failed      {}: their tasks lost one worker after the other", count(report.failed as u64, "film"));
    }
    say!("makespan    {}", duration(report.makespan));
    say!(
        "bound       {}: all work over all workers {}, the longest path {}",
        duration(bound.seconds),
        duration(bound.work),
        duration(bound.longest_path)
    );
    say!("ratio       {:.3}", bound.ratio);
    if report.films > 1 {
        let times = &report.turnaround;
        let [shortest, median] = [times.shortest, times.median].map(duration);
        let [mean, longest] = [times.mean, times.longest].map(duration);
        say!("a film took {shortest} to {longest}, half of them no more than {median}, {mean} in the mean");
    }
}

fn lanes(report: &Report) {
    say!("");
    let mut table = Table::new(&["", "number", "at work", "nothing ready", "not released", "not heard of"]);
    for lane in &report.lanes {
        let share = |seconds: f64| format!("{:.1} %", seconds / lane.live.max(1e-3) * 100.0);
        table.row([
            lane.who.to_owned(),
            lane.workers.to_string(),
            share(lane.busy),
            share(lane.nothing_ready),
            share(lane.unreleased),
            share(lane.unheard),
        ]);
    }
    table.say();
}

fn critical(steps: &[Step]) {
    say!("");
    say!("critical path of the last film");
    let mut table = Table::new(&["", "tasks", "ran", "waited", "lost", "frames"]);
    for step in steps.iter().take(STEPS) {
        let chain = step.chain.map(|chain| format!(" of chain {chain}")).unwrap_or_default();
        table.row([
            format!("  {}{chain}", step.kind),
            step.tasks.to_string(),
            duration(step.ran),
            duration(step.waited),
            duration(step.lost),
            step.frames.map(|frames| frames.to_string()).unwrap_or_default(),
        ]);
    }
    table.say();
    if let Some(more) = steps.len().checked_sub(STEPS).filter(|more| *more > 0) {
        say!("  and {} more", output::count(more as u64, "step"));
    }
}

fn waste(report: &Report) {
    let waste = &report.waste;
    let busy: f64 = report.lanes.iter().map(|lane| lane.busy).sum();
    say!("");
    say!(
        "lost        {} with {} at work: {} of work, {:.2} % of all",
        count(waste.workers_lost as u64, "worker"),
        count(waste.attempts_lost as u64, "attempt"),
        duration(waste.lost),
        waste.lost / busy.max(1e-3) * 100.0
    );
    say!(
        "rendered    {} in overlaps and warm-ups and {} in bridges beyond the films: {:.1} %",
        count(waste.overlap_frames, "frame"),
        waste.bridge_frames,
        waste.frames_share * 100.0
    );
}

fn queue(report: &Report) {
    say!("");
    let mut table = Table::new(&["waited", "tasks", "mean", "median", "95 %", "longest"]);
    for kind in &report.queue {
        table.row([
            kind.kind.to_owned(),
            kind.tasks.to_string(),
            duration(kind.mean),
            duration(kind.median),
            duration(kind.p95),
            duration(kind.longest),
        ]);
    }
    table.say();
}
