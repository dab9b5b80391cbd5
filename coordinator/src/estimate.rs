//! How much work a film is, from what the same work took lately.

use shared::{
    Name, Plan, TaskKind,
    ports::records::{Rate, kind_name},
};

/// Seconds for one frame, by kind of task, for one model and pool.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// `prepare`, for one frame of the whole film.
    pub prepare: Option<f64>,
    /// `segment`.
    pub segment: Option<f64>,
    /// `bridge`, for one frame of the overlap; as `segment` while none was measured.
    pub bridge: Option<f64>,
    /// `part`.
    pub part: Option<f64>,
    /// `film`, for one frame of the whole film.
    pub film: Option<f64>,
}

impl Rates {
    /// What was measured for `model`: in `pool` where that is known, else over all pools by their number of attempts.
    pub fn of(measured: &[Rate], model: &str, pool: &Name) -> Self {
        let of = |kind: &str| {
            let mut fitting = measured.iter().filter(|rate| rate.model == model && rate.kind == kind);
            if let Some(rate) = fitting.clone().find(|rate| rate.pool == *pool && rate.attempts > 0) {
                return Some(rate.seconds_per_frame);
            }
            let (sum, n) = fitting.try_fold((0.0, 0_u64), |(sum, n), rate| {
                Some((sum + rate.seconds_per_frame * rate.attempts as f64, n + rate.attempts))
            })?;
            (n > 0).then(|| sum / n as f64)
        };
        Self {
            prepare: of("prepare"),
            segment: of("segment"),
            bridge: of("bridge"),
            part: of("part"),
            film: of("film"),
        }
    }

    /// Seconds that a task of this kind takes in a film of so many frames; nothing when it was never measured.
    pub fn seconds(&self, kind: &TaskKind, film_frames: u64) -> Option<f64> {
        let (rate, frames) = match kind {
            TaskKind::Prepare => (self.prepare, film_frames),
            TaskKind::Segment { frames, .. } => (self.segment, frames.len()),
            TaskKind::Bridge { frames, .. } => (self.bridge.or(self.segment), frames.len()),
            TaskKind::Part { frames, .. } => (self.part, frames.len()),
            TaskKind::Film => (self.film, film_frames),
        };
        rate.map(|rate| rate * frames as f64)
    }
}

/// How much work a film is.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Frames of the film.
    pub frames: u64,
    /// Chains that are rendered side by side.
    pub chains: u64,
    /// Tasks by kind, in the order of their first appearance in the plan.
    pub tasks: Vec<(&'static str, u64)>,
    /// Seconds of work in the render lane; nothing when a kind of it was never measured.
    pub render_seconds: Option<f64>,
    /// Seconds of work in the stitch lane, likewise.
    pub stitch_seconds: Option<f64>,
    /// Seconds from the first task to the film when no task ever waits for a worker: the longest path through the plan.
    pub shortest_seconds: Option<f64>,
}

/// Adds up the tasks of a plan.
pub fn estimate(plan: &Plan, rates: &Rates) -> Estimate {
    let frames = plan.shape.frames;
    let mut tasks: Vec<(&'static str, u64)> = Vec::new();
    let (mut render, mut stitch) = (Some(0.0), Some(0.0));
    let mut ends: std::collections::BTreeMap<&shared::TaskId, f64> = std::collections::BTreeMap::new();
    let mut shortest = Some(0.0_f64);
    for node in &plan.tasks {
        let name = kind_name(&node.kind);
        match tasks.iter_mut().find(|(kind, _)| *kind == name) {
            Some((_, n)) => *n += 1,
            None => tasks.push((name, 1)),
        }
        let seconds = rates.seconds(&node.kind, frames);
        let lane = if node.kind.lane() == shared::task::Lane::Render { &mut render } else { &mut stitch };
        *lane = lane.zip(seconds).map(|(sum, seconds)| sum + seconds);
        // Needs stand before a task in every plan, so their ends are known.
        let ready = node.needs.iter().filter_map(|need| ends.get(need)).fold(0.0_f64, |a, b| a.max(*b));
        let end = seconds.map(|seconds| ready + seconds);
        ends.insert(&node.id, end.unwrap_or_default());
        shortest = shortest.zip(end).map(|(longest, end)| longest.max(end));
    }
    let chains = plan.cuts.seams.len() as u64 + 1;
    Estimate { frames, chains, tasks, render_seconds: render, stitch_seconds: stitch, shortest_seconds: shortest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Cuts, Join, Shape};

    fn rate(kind: &str, pool: &str, attempts: u64, seconds_per_frame: f64) -> Rate {
        Rate { kind: kind.into(), model: "demo".into(), pool: pool.parse().unwrap(), attempts, seconds_per_frame }
    }

    fn all(pool: &str) -> Vec<Rate> {
        [("prepare", 0.01), ("segment", 2.0), ("part", 0.1), ("film", 0.001)]
            .map(|(kind, seconds)| rate(kind, pool, 10, seconds))
            .to_vec()
    }

    #[test]
    fn the_own_pool_counts_and_else_all_by_attempts() {
        let measured = [rate("segment", "a", 1, 1.0), rate("segment", "b", 3, 2.0), rate("part", "a", 0, 5.0)];
        let at = |pool: &str| Rates::of(&measured, "demo", &pool.parse().unwrap());
        assert_eq!(at("a").segment, Some(1.0));
        assert_eq!(at("c").segment, Some(1.75));
        assert_eq!((at("a").part, at("a").film), (None, None));
        assert_eq!(Rates::of(&measured, "other", &Name::house()), Rates::default());
    }

    #[test]
    fn work_adds_up_and_the_longest_path_is_shorter() {
        let shape = Shape { frames: 100, clip_frames: 10, segment_clips: 2, part_segments: 2 };
        let plan = Plan::new(shape).unwrap();
        let found = estimate(&plan, &Rates::of(&all("default"), "demo", &Name::house()));
        assert_eq!(found.tasks, [("prepare", 1), ("segment", 5), ("part", 3), ("film", 1)]);
        let close = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-9, "{a:?} {b}");
        close(found.render_seconds, 1.0 + 200.0);
        close(found.stitch_seconds, 10.0 + 0.1);
        // Everything is rendered in a row, then the last part of 20 frames is encoded and the film joined.
        close(found.shortest_seconds, 1.0 + 200.0 + 2.0 + 0.1);
    }

    #[test]
    fn chains_make_more_work_and_a_shorter_path() {
        let shape = Shape { frames: 100, clip_frames: 10, segment_clips: 2, part_segments: 2 };
        let plan = Plan::cut(shape, &Cuts::at(vec![50], Join::Bridge, 10)).unwrap();
        let mut rates = Rates::of(&all("default"), "demo", &Name::house());
        let one = estimate(&Plan::new(shape).unwrap(), &rates);
        let found = estimate(&plan, &rates);
        // 60 frames in one chain, 70 in the other, 20 in the bridge, as slow as segments until one was measured.
        assert!((found.render_seconds.unwrap() - (1.0 + 2.0 * 150.0)).abs() < 1e-9, "{found:?}");
        assert!(found.shortest_seconds.unwrap() < one.shortest_seconds.unwrap());
        rates.bridge = Some(3.0);
        assert!((estimate(&plan, &rates).render_seconds.unwrap() - (1.0 + 2.0 * 130.0 + 60.0)).abs() < 1e-9);
    }

    #[test]
    fn what_was_never_measured_is_not_guessed() {
        let shape = Shape { frames: 100, clip_frames: 10, segment_clips: 2, part_segments: 2 };
        let measured: Vec<Rate> = all("default").into_iter().filter(|rate| rate.kind != "part").collect();
        let found = estimate(&Plan::new(shape).unwrap(), &Rates::of(&measured, "demo", &Name::house()));
        assert!(found.render_seconds.is_some());
        assert_eq!((found.stitch_seconds, found.shortest_seconds), (None, None));
    }
}
