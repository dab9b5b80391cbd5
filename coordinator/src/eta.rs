//! When a job will be done, from what is left of it and what the same work took lately.

use shared::{Layout, ports::records::Standing};

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

/// Seconds until the job with this layout is done. `durations` are seconds per frame of its own finished segments; with
/// enough of them they count instead of the farm's rates. `workers` can take its tasks. Nothing when nothing was measured.
pub fn eta(layout: &Layout<'_>, standing: &Standing, rates: &Rates, durations: &[f64], workers: u32) -> Option<Eta> {
    let (shape, own) = (layout.shape(), quantiles(durations));
    let (segment, spread) = match (own, rates.segment) {
        (Some((median, high)), _) => (median, (high / median.max(1e-9)).max(1.0)),
        (None, Some(rate)) => (rate, SPREAD),
        (None, None) => return None,
    };
    let workers = workers.max(1);
    let mean_task = segment * shape.segment_frames().min(shape.frames) as f64;
    let queue = standing.ahead as f64 * mean_task / f64::from(workers);
    let left = frames_in_a_row(layout, standing, workers) * segment;
    let last_part = shape.part_frames().min(shape.frames) as f64 * rates.part.unwrap_or(0.0);
    let film = shape.frames as f64 * rates.film.unwrap_or(0.0);
    let p50 = queue + left + last_part + film;
    // Nobody knows how long the jobs ahead really are, so the wait for them spreads like the work itself.
    Some(Eta { p50, p90: p50 * spread })
}

/// Frames that are rendered one after the other until the last one is: no fewer than the longest path holds, whoever works on
/// it, and no fewer than each of the workers gets when they share all that is left.
fn frames_in_a_row(layout: &Layout<'_>, standing: &Standing, workers: u32) -> f64 {
    let shape = layout.shape();
    // Overlaps and warm-ups are rendered besides the frames that count.
    let more = layout.work() as f64 / shape.frames as f64;
    let work = standing.frames_left as f64 * more;
    let path = standing.longest_rest.saturating_sub(shape.part_frames().min(shape.frames)) as f64;
    (work / f64::from(workers)).max(path.min(work))
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
    use shared::{Cuts, Join, Shape};

    const SHAPE: Shape = Shape { frames: 1000, clip_frames: 10, segment_clips: 5, part_segments: 2 };

    fn rates() -> Rates {
        Rates { prepare: Some(0.0), segment: Some(2.0), bridge: None, part: Some(0.1), film: Some(0.01) }
    }

    fn of_one_chain(standing: &Standing, rates: &Rates, durations: &[f64], workers: u32) -> Option<Eta> {
        eta(&Layout::new(SHAPE, &Cuts::default()).unwrap(), standing, rates, durations, workers)
    }

    #[test]
    fn what_is_left_and_who_is_ahead_count() {
        // The longest path ends with a part of 100 frames.
        let standing = Standing { frames_left: 400, longest_rest: 500, ahead: 0, ..Standing::default() };
        let free = of_one_chain(&standing, &rates(), &[], 4).unwrap();
        assert!((free.p50 - (800.0 + 10.0 + 10.0)).abs() < 1e-9, "{free:?}");
        assert!((free.p90 - 1.5 * free.p50).abs() < 1e-9);
        let queued = of_one_chain(&Standing { ahead: 8, ..standing }, &rates(), &[], 4).unwrap();
        assert!((queued.p50 - free.p50 - 200.0).abs() < 1e-9, "{queued:?}");
    }

    #[test]
    fn chains_are_rendered_side_by_side() {
        let cuts = Cuts::at(vec![250, 500, 750], Join::Bridge, 10);
        let layout = Layout::new(SHAPE, &cuts).unwrap();
        // Each seam costs an overlap of 20 frames, a warm-up and a bridge of 10.
        assert_eq!(layout.work(), 1120);
        let standing = Standing { frames_left: 1000, longest_rest: 390, ..Standing::default() };
        let of = |workers| eta(&layout, &standing, &rates(), &[], workers).unwrap().p50 - 20.0;
        assert!((of(1) - 2.0 * 1120.0).abs() < 1e-9 && (of(2) - 1120.0).abs() < 1e-9, "{} {}", of(1), of(2));
        assert!((of(64) - 2.0 * 290.0).abs() < 1e-9, "no sooner than the longest chain: {}", of(64));
    }

    #[test]
    fn a_job_that_was_seen_at_work_speaks_for_itself() {
        let standing = Standing { frames_left: 100, longest_rest: 200, ..Standing::default() };
        let few = of_one_chain(&standing, &rates(), &[9.0; 7], 1).unwrap();
        assert!(few.p50 < 300.0, "{few:?}");
        let mut seen = vec![1.0; 8];
        seen.extend([3.0; 2]);
        let own = of_one_chain(&standing, &rates(), &seen, 1).unwrap();
        assert!((own.p50 - 120.0).abs() < 1e-9 && (own.p90 - 360.0).abs() < 1e-9, "{own:?}");
    }

    #[test]
    fn nothing_measured_is_nothing_said() {
        assert_eq!(of_one_chain(&Standing::default(), &Rates::default(), &[], 1), None);
    }
}
