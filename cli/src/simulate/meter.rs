//! Processor time of this process.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use coordinator::simulate::Meter;

/// Reads the processor time of all threads as Linux counts it (`/proc/self/task/*/schedstat`, whose first number is nanoseconds on a
/// processor; <https://docs.kernel.org/scheduler/sched-stats.html>). Where there is none, the time that passes: an upper bound.
pub(super) struct Processor;

impl Meter for Processor {
    fn used(&self) -> Duration {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        counted().unwrap_or_else(|| BEGUN.get_or_init(Instant::now).elapsed())
    }
}

fn counted() -> Option<Duration> {
    let mut nanoseconds = 0_u64;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let statistics = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += statistics.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time_and_waiting_takes_none() {
        let before = Processor.used();
        let sum: u64 = (0..20_000_000_u64).map(|n| std::hint::black_box(n) ^ 1).sum();
        assert!(std::hint::black_box(sum) > 0 && Processor.used() > before);
    }
}
