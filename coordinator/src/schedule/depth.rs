//! How many released tasks may wait for workers.
//!
//! Deep enough that a worker that becomes free finds a task without waiting for the next round; shallow, so that
//! priorities, shares and pauses act at once.

use std::collections::BTreeMap;

use shared::{
    Name, Priority, Route,
    ports::schedule::{Candidate, Crowd, View},
    task::Lane,
};

/// Released tasks that may wait on a route however few workers it has: enough to keep up with tasks that take milliseconds.
pub const FEWEST: u32 = 16;

/// Released tasks that may wait for workers that are not there (yet): enough to be rung for when one comes, too few to be in the way.
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
        for task in view.under_way.iter().filter(|task| !task.leased) {
            depth.count(&task.route, task.priority);
        }
        depth
    }

    /// Counts a released task.
    pub(crate) fn count(&mut self, route: &Route, priority: Priority) {
        let waiting = self.waiting.entry((route.lane, route.pool.clone())).or_default();
        *waiting.entry((route.memory, priority)).or_default() += 1;
    }

    /// Whether another task may wait on the candidate's route.
    ///
    /// The workers for a class of memory also take all smaller ones. So for each class up to the candidate's, the tasks that need
    /// at least that class must not be more than those workers keep up with; then large tasks never crowd out small ones nor wait in rows
    /// for the few large workers. Tasks of lower priority do not count: an urgent task goes past any number of them.
    pub(crate) fn allows(&self, candidate: &Candidate) -> bool {
        let route = &candidate.route;
        let Some(waiting) = self.waiting.get(&(route.lane, route.pool.clone())) else { return true };
        let urgent = |((memory, priority), count): (&(u32, Priority), &u32)| {
            (*priority >= candidate.priority).then_some((*memory, *count))
        };
        let counts: Vec<(u32, u32)> = waiting.iter().filter_map(urgent).collect();
        let classes = counts.iter().map(|(class, _)| *class).filter(|class| *class < route.memory);
        classes.chain([route.memory]).all(|class| {
            let waiting: u32 = counts.iter().filter(|(memory, _)| *memory >= class).map(|(_, count)| count).sum();
            waiting < self.most(&Route { memory: class, ..route.clone() })
        })
    }

    /// How many tasks may wait that need at least the route's memory.
    fn most(&self, route: &Route) -> u32 {
        let within = self.crowds.iter().filter(|crowd| crowd.reach.covers(route));
        match within.map(|crowd| crowd.workers).sum::<u32>() {
            0 => UNREACHABLE,
            workers => workers.saturating_mul(EACH).max(FEWEST),
        }
    }
}
