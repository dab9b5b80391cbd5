//! Which ready tasks are released to the workers: a pure function of what the ledger shows.
//!
//! In this order: the higher priority; among equals the tenant that has the least under way for its weight (max-min fairness); of
//! that tenant the task with the longest rest. A task passes while its job and its tenant are below their limits and few enough wait
//! that ask for the same. Nothing here knows a clock or a store, so that a simulator decides exactly like a coordinator.

mod depth;
mod limits;
mod share;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use shared::{
    Name, TaskKey,
    ports::schedule::{Candidate, View},
    task::Lane,
};

use self::{depth::Depth, limits::Limits, share::Shares};

pub use self::depth::{FEWEST, UNREACHABLE};

/// Candidates that the ledger shows of each tenant in each lane, pool and class of GPU memory: several rounds follow one another where more are to be released.
pub const CANDIDATES: u32 = 64;

/// The candidates that are released now, the first in line first.
pub fn choose(view: &View) -> Vec<TaskKey> {
    let mut round =
        Round { depth: Depth::of(view), limits: Limits::of(view), shares: Shares::of(view), chosen: vec![] };
    let mut levels: Vec<&Candidate> = view.candidates.iter().collect();
    // Stable: what the ledger put first among equals stays first.
    levels.sort_by_key(|candidate| {
        (std::cmp::Reverse(candidate.priority), std::cmp::Reverse(candidate.rest), candidate.submitted)
    });
    for level in levels.chunk_by(|a, b| a.priority == b.priority) {
        round.level(level);
    }
    round.chosen
}

/// The candidates of one lane and one priority, of each tenant the first in line first.
type Lines<'a> = BTreeMap<&'a Name, VecDeque<&'a Candidate>>;

/// What was decided so far.
struct Round {
    depth: Depth,
    limits: Limits,
    shares: Shares,
    chosen: Vec<TaskKey>,
}

impl Round {
    /// Releases what passes of the candidates of one priority.
    fn level(&mut self, candidates: &[&Candidate]) {
        let mut lanes: BTreeMap<Lane, Lines<'_>> = BTreeMap::new();
        for candidate in candidates {
            let lines = lanes.entry(candidate.demand.lane).or_default();
            lines.entry(&candidate.tenant).or_default().push_back(candidate);
        }
        for (lane, mut lines) in lanes {
            while let Some(tenant) = self.shares.next(lane, lines.keys().copied()) {
                // What does not pass now passes never in this round: counts only grow.
                match lines.get_mut(&tenant).and_then(|line| self.first_that_passes(line)) {
                    Some(candidate) => self.take(candidate),
                    None => drop(lines.remove(&tenant)),
                }
            }
        }
    }

    fn first_that_passes<'a>(&self, line: &mut VecDeque<&'a Candidate>) -> Option<&'a Candidate> {
        while let Some(candidate) = line.pop_front() {
            if self.limits.allow(candidate) && self.depth.allows(candidate) {
                return Some(candidate);
            }
        }
        None
    }

    fn take(&mut self, candidate: &Candidate) {
        self.limits.count(candidate);
        self.depth.count(&candidate.demand, candidate.priority, 1);
        self.shares.count(candidate.demand.lane, &candidate.tenant, 1);
        self.chosen.push(candidate.key.clone());
    }
}
