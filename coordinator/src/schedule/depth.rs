//! How many released tasks may wait for workers.
//!
//! Deep enough that a worker that becomes free finds a task without waiting for the next round; shallow, so that
//! priorities, shares and pauses act at once.

use std::collections::BTreeMap;

use shared::{
    Demand, Name, Priority,
    ports::schedule::{Candidate, Crowd, View},
    task::Lane,
};

/// Released tasks of a class of memory that may wait however few workers there are: enough to keep up with tasks that take milliseconds.
pub const FEWEST: u32 = 16;

/// Released tasks of a class that may wait for workers that are not there (yet): enough to be rung for when one comes, too few to be in the way.
pub const UNREACHABLE: u32 = 4;

/// Waiting tasks for each worker.
const EACH: u32 = 2;

/// Counts released tasks that nobody took yet, by lane and pool, then by memory class and priority.
pub(crate) struct Depth {
    crowds: Vec<Crowd>,
    waiting: BTreeMap<(Lane, Name), BTreeMap<(u32, Priority), u32>>,
}

impl Depth {
    pub(crate) fn of(view: &View) -> Self {
        let mut depth = Self { crowds: view.crowds.clone(), waiting: BTreeMap::new() };
        for alike in view.under_way.iter().filter(|alike| !alike.leased) {
            depth.count(&alike.demand, alike.priority, alike.tasks);
        }
        depth
    }

    /// Counts released tasks.
    pub(crate) fn count(&mut self, demand: &Demand, priority: Priority, tasks: u32) {
        let waiting = self.waiting.entry((demand.lane, demand.pool.clone())).or_default();
        *waiting.entry((demand.route().memory, priority)).or_default() += tasks;
    }

    /// Whether another task may wait that asks for what the candidate asks.
    ///
    /// A few tasks of each class of memory may wait whatever else does: the small worker that becomes free finds one, however many large tasks
    /// wait, and the large one, however many small ones. Beyond those, what waits for the workers that can take the candidate must not
    /// be more than they keep up with; they take whatever needs as much memory, or more if they are large enough, so all of that counts.
    /// Tasks of lower priority do not count: an urgent task goes past any number of them.
    pub(crate) fn allows(&self, candidate: &Candidate) -> bool {
        let (demand, class) = (&candidate.demand, candidate.demand.route().memory);
        let waiting = self.waiting.get(&(demand.lane, demand.pool.clone()));
        let counts = waiting.into_iter().flatten().filter(|((_, priority), _)| *priority >= candidate.priority);
        let (mut alike, mut beyond) = (0, 0);
        for ((memory, _), count) in counts {
            match (*memory).cmp(&class) {
                std::cmp::Ordering::Equal => alike += count,
                std::cmp::Ordering::Greater => beyond += count,
                std::cmp::Ordering::Less => {}
            }
        }
        let within = self.crowds.iter().filter(|crowd| crowd.reach.covers(demand));
        match within.map(|crowd| crowd.workers).sum::<u32>() {
            0 => alike < UNREACHABLE,
            workers => alike < FEWEST || alike + beyond < workers.saturating_mul(EACH),
        }
    }
}
