//! Rows of the table, and how they are measured.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use shared::Result;

use crate::output::Table;

/// Runs of a row at most.
const MOST_RUNS: usize = 25;

/// A row.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Row {
    /// What was done.
    what: String,
    /// Runs that were timed.
    runs: usize,
    /// Seconds of a run, the median.
    seconds: f64,
    /// The fastest run and the slowest.
    least_seconds: f64,
    most_seconds: f64,
    /// Things done in a second.
    rate: f64,
    /// What these things are.
    unit: &'static str,
    /// Floating-point operations of a run, where they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    flops: Option<u64>,
    /// Share of the peak of this machine that they reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_of_peak: Option<f64>,
}

/// What one run does, for its row.
pub(super) struct Work {
    pub(super) what: String,
    /// How many things of which kind.
    pub(super) count: f64,
    pub(super) unit: &'static str,
    /// Floating-point operations; 0 where they are not counted.
    pub(super) flops: u64,
}

/// Measures row after row.
pub(super) struct Rows {
    /// What a row may take.
    limit: Duration,
    /// Floating-point operations a second that this machine reaches at best.
    pub(super) peak: f64,
    bar: ProgressBar,
    done: Vec<Row>,
}

impl Rows {
    pub(super) fn new(limit: Duration, peak: f64, bar: ProgressBar) -> Self {
        Self { limit, peak, bar, done: Vec::new() }
    }

    /// Says what is measured next.
    pub(super) fn begin(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Times `run` until the row's time is up, after one run that does not count; `run` gives what it took.
    ///
    /// # Errors
    /// What `run` says.
    pub(super) fn measure(&mut self, work: Work, mut run: impl FnMut() -> Result<Duration>) -> Result<()> {
        self.begin(&work.what);
        run()?;
        let (began, mut times) = (Instant::now(), Vec::new());
        while times.is_empty() || (times.len() < MOST_RUNS && began.elapsed() < self.limit) {
            times.push(run()?);
        }
        self.done.push(row(work, times, self.peak));
        self.bar.inc(1);
        Ok(())
    }

    /// As [`Self::measure`], where the whole of a run counts.
    ///
    /// # Errors
    /// What `run` says.
    pub(super) fn time(&mut self, work: Work, mut run: impl FnMut() -> Result<()>) -> Result<()> {
        self.measure(work, || {
            let began = Instant::now();
            run()?;
            Ok(began.elapsed())
        })
    }

    /// The rows, the bar gone.
    pub(super) fn finish(self) -> Vec<Row> {
        self.bar.finish_and_clear();
        self.done
    }
}

fn row(work: Work, mut times: Vec<Duration>, peak: f64) -> Row {
    times.sort();
    let seconds = |at: usize| times.get(at).map_or(0.0, Duration::as_secs_f64);
    let (median, last) = (seconds(times.len() / 2), seconds(times.len().saturating_sub(1)));
    let flops = (work.flops > 0).then_some(work.flops);
    Row {
        what: work.what,
        runs: times.len(),
        seconds: median,
        least_seconds: seconds(0),
        most_seconds: last,
        rate: work.count / median.max(1e-12),
        unit: work.unit,
        flops,
        share_of_peak: flops.map(|flops| flops as f64 / median.max(1e-12) / peak.max(1.0)),
    }
}

/// Prints the rows.
pub(super) fn say(rows: &[Row]) {
    let mut table = Table::new(&["what", "time", "range", "rate", "of peak", "runs"]);
    for row in rows {
        let range = format!("{} to {}", time(row.least_seconds), time(row.most_seconds));
        let rate = match row.flops {
            Some(flops) if row.unit.is_empty() => format!("{:.0} GFLOP/s", flops as f64 / row.seconds / 1e9),
            _ => format!("{} {}/s", number(row.rate), row.unit),
        };
        let share = row.share_of_peak.map_or_else(String::new, |share| format!("{:.0} %", 100.0 * share));
        table.row([row.what.clone(), time(row.seconds), range, rate, share, row.runs.to_string()]);
    }
    table.say();
}

fn time(seconds: f64) -> String {
    match seconds {
        0.0..1e-3 => format!("{:.1} us", seconds * 1e6),
        1e-3..1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_median_of_its_runs_and_its_share_of_the_peak() {
        let work = Work { what: "x".into(), count: 12.0, unit: "frames", flops: 4_000_000 };
        let row = row(work, [3, 1, 2].map(Duration::from_millis).into(), 8e9);
        assert_eq!((row.seconds, row.least_seconds, row.most_seconds, row.runs), (0.002, 0.001, 0.003, 3));
        assert!((row.rate - 6000.0).abs() < 1e-6 && (row.share_of_peak.unwrap() - 0.25).abs() < 1e-9);
        assert_eq!((time(0.002), time(2.5e-5), time(1.5)), ("2.00 ms".into(), "25.0 us".into(), "1.50 s".into()));
    }

    #[test]
    fn a_row_ends_when_its_time_is_up_and_when_it_ran_often_enough() {
        let work = |what: &str| Work { what: what.into(), count: 1.0, unit: "", flops: 0 };
        let mut rows = Rows::new(Duration::from_millis(20), 1.0, ProgressBar::hidden());
        let mut runs = 0;
        let slow = || {
            std::thread::sleep(Duration::from_millis(30));
            Ok(Duration::from_millis(30))
        };
        rows.measure(work("slow"), slow).unwrap();
        rows.time(work("fast"), || {
            runs += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(runs, 1 + MOST_RUNS);
        let rows = rows.finish();
        assert_eq!((rows[0].runs, rows[1].runs), (1, MOST_RUNS));
    }
}
