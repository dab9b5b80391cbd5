//! When a job will be done, from what is left of it and what the same work took lately.

use shared::{Shape, ports::records::Standing};

use crate::estimate::Rates;

/// Seconds until the film, most likely and with nine chances in ten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eta {
    /// Half of all such jobs take no longer.
    pub p50: f64,
    /// Nine in ten take no longer.
    pub p90: f64,
}

/// How much longer than its median nine in ten attempts take at the most, while a job has not shown it itself.
const SPREAD: f64 = 1.5;

/// Own attempts from which the spread of a job is taken.
const ENOUGH: usize = 8;

/// Seconds until the job with this shape is done. `durations` are seconds per frame of its own finished segments; with
/// enough of them they count instead of the farm's rates. `workers` can take its tasks. Nothing when nothing was measured.
pub fn eta(shape: &Shape, standing: &Standing, rates: &Rates, durations: &[f64], workers: u32) -> Option<Eta> {
    let own = quantiles(durations);
    let (segment, spread) = match (own, rates.segment) {
        (Some((median, high)), _) => (median, (high / median.max(1e-9)).max(1.0)),
        (None, Some(rate)) => (rate, SPREAD),
        (None, None) => return None,
    };
    let mean_task = segment * shape.segment_frames().min(shape.frames) as f64;
    let queue = standing.ahead as f64 * mean_task / f64::from(workers.max(1));
    let left = standing.frames_left as f64 * segment;
    let last_part = shape.part_frames().min(shape.frames) as f64 * rates.part.unwrap_or(0.0);
    let film = shape.frames as f64 * rates.film.unwrap_or(0.0);
    let p50 = queue + left + last_part + film;
    // Nobody knows how long the jobs ahead really are, so the wait for them spreads like the work itself.
    Some(Eta { p50, p90: p50 * spread })
}

/// Median and ninth decile, when there are enough numbers to say.
fn quantiles(numbers: &[f64]) -> Option<(f64, f64)> {
    if numbers.len() < ENOUGH {
        return None;
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    Some((at(0.5), at(0.9)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { frames: 1000, clip_frames: 10, segment_clips: 5, part_segments: 2 };

    fn rates() -> Rates {
        Rates { prepare: Some(0.0), segment: Some(2.0), part: Some(0.1), film: Some(0.01) }
    }

    #[test]
    fn what_is_left_and_who_is_ahead_count() {
        let standing = Standing { frames_left: 400, ahead: 0, ..Standing::default() };
        let free = eta(&SHAPE, &standing, &rates(), &[], 4).unwrap();
        assert!((free.p50 - (800.0 + 10.0 + 10.0)).abs() < 1e-9, "{free:?}");
        assert!((free.p90 - 1.5 * free.p50).abs() < 1e-9);
        let queued = eta(&SHAPE, &Standing { ahead: 8, ..standing }, &rates(), &[], 4).unwrap();
        assert!((queued.p50 - free.p50 - 200.0).abs() < 1e-9, "{queued:?}");
    }

    #[test]
    fn a_job_that_was_seen_at_work_speaks_for_itself() {
        let standing = Standing { frames_left: 100, ..Standing::default() };
        let few = eta(&SHAPE, &standing, &rates(), &[9.0; 7], 1).unwrap();
        assert!(few.p50 < 300.0, "{few:?}");
        let mut seen = vec![1.0; 8];
        seen.extend([3.0; 2]);
        let own = eta(&SHAPE, &standing, &rates(), &seen, 1).unwrap();
        assert!((own.p50 - 120.0).abs() < 1e-9 && (own.p90 - 360.0).abs() < 1e-9, "{own:?}");
    }

    #[test]
    fn nothing_measured_is_nothing_said() {
        assert_eq!(eta(&SHAPE, &Standing::default(), &Rates::default(), &[], 1), None);
    }
}
