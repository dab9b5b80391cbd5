//! What a simulation says: how long it took against how long it had to, and where the time went.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::{Frames, TaskKind, Timestamp, ports::records::kind_name};

use super::record::{Record, Spell};

/// The findings of a simulation. Times are seconds of virtual time.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Films that were ordered.
    pub films: usize,
    /// Of these, films that were given up.
    pub failed: usize,
    /// Tasks that were done.
    pub tasks: usize,
    /// Frames of all films.
    pub frames: u64,
    /// From the first order to the last film.
    pub makespan: f64,
    /// What no schedule could beat.
    pub bound: Bound,
    /// How long customers waited: from the order of a film to its end.
    pub turnaround: Turnaround,
    /// How the workers of each lane spent their time.
    pub lanes: Vec<LaneUse>,
    /// Why the last film was not done earlier, from the first task to the film.
    pub critical: Vec<Step>,
    /// What was rendered for nothing, or twice.
    pub waste: Waste,
    /// How long tasks waited for a worker, by kind.
    pub queue: Vec<QueueTime>,
    /// What the coordinator cost.
    pub scheduler: SchedulerUse,
}

/// Seconds from the order of a film to its end, over all films that were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Turnaround {
    /// The shortest.
    pub shortest: f64,
    /// The mean.
    pub mean: f64,
    /// Half of the films took no longer.
    pub median: f64,
    /// The longest.
    pub longest: f64,
}

/// The largest of what all work takes on all workers of its lane, and of the longest path through a plan from its order on; claims,
/// chance and losses left out.
#[derive(Clone, Debug, Serialize)]
pub struct Bound {
    /// Work of the busiest lane over its workers.
    pub work: f64,
    /// The longest path through the plan of a film: prepared, a chain, its bridge, a part, the film.
    pub longest_path: f64,
    /// The larger of both.
    pub seconds: f64,
    /// Makespan over bound.
    pub ratio: f64,
}

/// Worker-seconds of the workers of a lane, from the first order to the last film.
#[derive(Clone, Debug, Serialize)]
pub struct LaneUse {
    /// What they are called: workers, stitchers.
    pub who: &'static str,
    /// How many there should be.
    pub workers: u32,
    /// Of those that were there.
    pub live: f64,
    /// At work.
    pub busy: f64,
    /// At work over there.
    pub utilisation: f64,
    /// Idle while there was nothing to do for them.
    pub nothing_ready: f64,
    /// Idle while a task was ready that no coordinator had released.
    pub unreleased: f64,
    /// Idle while a task was released that nobody had heard of.
    pub unheard: f64,
}

/// A piece of the critical path: tasks of one kind in a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Kind of the tasks.
    pub kind: &'static str,
    /// The chain, of segments.
    pub chain: Option<u32>,
    /// The first and the last of their frames.
    pub frames: Option<Frames>,
    /// How many in a row.
    pub tasks: usize,
    /// What the attempts took that counted.
    pub ran: f64,
    /// What they waited for a worker.
    pub waited: f64,
    /// What went by with workers that were lost, until their leases ran out.
    pub lost: f64,
}

/// What was rendered for nothing, or twice.
#[derive(Clone, Debug, Serialize)]
pub struct Waste {
    /// Workers that were lost.
    pub workers_lost: usize,
    /// Attempts that were lost with them.
    pub attempts_lost: usize,
    /// Worker-seconds of these that nothing was kept of.
    pub lost: f64,
    /// Frames that segments rendered beyond those of the films: overlaps and warm-ups.
    pub overlap_frames: u64,
    /// Frames that bridges rendered again.
    pub bridge_frames: u64,
    /// Both over the frames of the films.
    pub frames_share: f64,
}

/// How long tasks of a kind were ready before they were taken.
#[derive(Clone, Debug, Serialize)]
pub struct QueueTime {
    /// The kind.
    pub kind: &'static str,
    /// How many were taken.
    pub tasks: usize,
    /// The mean.
    pub mean: f64,
    /// Half of them waited no longer.
    pub median: f64,
    /// Nineteen of twenty waited no longer.
    pub p95: f64,
    /// The longest.
    pub longest: f64,
}

/// What releasing cost: processor time of the coordinator's rounds and sweeps and of the ledger's part of them. What the ledger does for workers
/// (take, renew, complete, report) and for clients (submit) is not in it.
#[derive(Clone, Debug, Serialize)]
pub struct SchedulerUse {
    /// Rounds and sweeps.
    pub rounds: u64,
    /// Processor time of all of them.
    pub seconds: f64,
    /// The same over the makespan: the share of one core.
    pub share: f64,
    /// The share for every hundred workers and stitchers.
    pub share_per_hundred: f64,
}

impl Record {
    /// What the record says.
    pub fn report(&self) -> Report {
        let makespan = seconds(self.ended.0 - self.began.0);
        Report {
            films: self.films.len(),
            failed: self.films.iter().filter(|film| film.failed).count(),
            tasks: self.spells.iter().filter(|spell| spell.done).count(),
            frames: self.films.iter().map(|film| film.graph.frames).sum(),
            makespan,
            bound: self.bound(makespan),
            turnaround: self.turnaround(),
            lanes: (0..2).filter(|lane| self.workers[*lane] > 0).map(|lane| self.lane_use(lane)).collect(),
            critical: self.critical(),
            waste: self.waste(),
            queue: self.queue(),
            scheduler: self.scheduler_use(makespan),
        }
    }

    fn bound(&self, makespan: f64) -> Bound {
        let mut work_ms = [0_i64; 2];
        let mut longest_ms = 0;
        for film in &self.films {
            let [render, stitch] = film.graph.work_ms;
            work_ms[0] += render;
            work_ms[usize::from(self.workers[1] > 0)] += stitch;
            longest_ms = longest_ms.max(film.arrived.0 - self.began.0 + film.graph.longest_ms);
        }
        let each = work_ms.iter().zip(self.workers).filter(|(_, workers)| *workers > 0);
        let work = each.map(|(ms, workers)| seconds(*ms) / f64::from(workers)).fold(0.0, f64::max);
        let longest_path = seconds(longest_ms);
        let bound = work.max(longest_path);
        Bound { work, longest_path, seconds: bound, ratio: makespan / bound.max(1e-3) }
    }

    fn turnaround(&self) -> Turnaround {
        let made = self.films.iter().filter(|film| !film.failed);
        let times: Vec<i64> = made.filter_map(|film| Some(film.ended?.0 - film.arrived.0)).collect();
        if times.is_empty() {
            return Turnaround::default();
        }
        let shortest = seconds(times.iter().copied().min().unwrap_or(0));
        let QueueTime { mean, median, longest, .. } = queue_time("film", times);
        Turnaround { shortest, mean, median, longest }
    }

    fn lane_use(&self, lane: usize) -> LaneUse {
        let spent = self.spent[lane];
        let idle = spent.live - spent.busy;
        LaneUse {
            who: ["workers", "stitchers"][lane],
            workers: self.workers[lane],
            live: seconds(spent.live),
            busy: seconds(spent.busy),
            utilisation: spent.busy as f64 / spent.live.max(1) as f64,
            nothing_ready: seconds(idle - spent.unreleased - spent.unheard),
            unreleased: seconds(spent.unreleased),
            unheard: seconds(spent.unheard),
        }
    }

    fn waste(&self) -> Waste {
        let lost = self.spells.iter().filter(|spell| !spell.done);
        let sum = |of: fn(&super::graph::Graph) -> u64| self.films.iter().map(|film| of(&film.graph)).sum::<u64>();
        let (frames, rendered, bridged) = (sum(|g| g.frames), sum(|g| g.rendered), sum(|g| g.bridged));
        let overlap = rendered.saturating_sub(frames);
        Waste {
            workers_lost: self.lives.iter().filter(|life| life.lost).count(),
            attempts_lost: lost.clone().count(),
            lost: seconds(lost.map(|spell| spell.wasted_ms).sum()),
            overlap_frames: overlap,
            bridge_frames: bridged,
            frames_share: (overlap + bridged) as f64 / frames.max(1) as f64,
        }
    }

    fn queue(&self) -> Vec<QueueTime> {
        let mut waits: BTreeMap<&'static str, Vec<i64>> = BTreeMap::new();
        for spell in &self.spells {
            waits.entry(self.kind_name(spell)).or_default().push(spell.taken.0 - spell.ready.0);
        }
        let kinds = ["prepare", "segment", "bridge", "part", "film"];
        kinds.into_iter().filter_map(|kind| waits.remove(kind).map(|waits| queue_time(kind, waits))).collect()
    }

    fn scheduler_use(&self, makespan: f64) -> SchedulerUse {
        let (used, there) = (self.scheduler.as_secs_f64(), self.workers.iter().sum::<u32>());
        let share = used / makespan.max(1e-3);
        let share_per_hundred = share * 100.0 / f64::from(there.max(1));
        SchedulerUse { rounds: self.rounds, seconds: used, share, share_per_hundred }
    }

    /// From the film that was done last back over whatever was done last of what each task needed.
    fn critical(&self) -> Vec<Step> {
        let last = self.films.iter().enumerate().filter(|(_, film)| !film.failed).max_by_key(|(_, film)| film.ended);
        let Some((film, made)) = last else { return Vec::new() };
        let mut attempts: BTreeMap<u32, (Timestamp, Timestamp, &Spell)> = BTreeMap::new();
        for spell in self.spells.iter().filter(|spell| spell.film as usize == film) {
            let first = attempts.entry(spell.task).or_insert((spell.ready, spell.taken, spell));
            first.2 = spell;
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut at = made.graph.tasks.iter().position(|task| task.kind == TaskKind::Film).map(|at| at as u32);
        while let Some((ready, taken, spell)) = at.and_then(|at| attempts.get(&at)) {
            let node = &made.graph.tasks[spell.task as usize];
            let waited = seconds(taken.0 - ready.0);
            let (lost, ran) = (seconds(spell.taken.0 - taken.0), seconds(spell.ended.0 - spell.taken.0));
            let chain = if let TaskKind::Segment { chain, .. } = node.kind { Some(chain) } else { None };
            let (kind, frames) = (kind_name(&node.kind), node.kind.frames());
            let step = Step { kind, chain, frames, tasks: 1, ran, waited, lost };
            match steps.last_mut().filter(|before| (before.kind, before.chain) == (kind, chain)) {
                Some(before) => before.follows(&step),
                None => steps.push(step),
            }
            at = node.needs.iter().copied().max_by_key(|need| attempts.get(need).map(|(.., spell)| spell.ended));
        }
        steps.reverse();
        steps
    }
}

impl Step {
    /// This step comes right after an earlier one of the same kind.
    fn follows(&mut self, earlier: &Self) {
        let joined = self.frames.zip(earlier.frames);
        self.frames = joined.map(|(a, b)| Frames::new(a.start.min(b.start), a.end.max(b.end)));
        self.tasks += earlier.tasks;
        self.ran += earlier.ran;
        self.waited += earlier.waited;
        self.lost += earlier.lost;
    }
}

fn queue_time(kind: &'static str, mut waits: Vec<i64>) -> QueueTime {
    waits.sort_unstable();
    let at = |share: f64| seconds(waits[((waits.len() - 1) as f64 * share).round() as usize]);
    let mean = seconds(waits.iter().sum()) / waits.len() as f64;
    QueueTime { kind, tasks: waits.len(), mean, median: at(0.5), p95: at(0.95), longest: at(1.0) }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
