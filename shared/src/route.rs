//! What a task asks of its worker, to whom a ring goes, and what a worker can reach.

use std::fmt;

use crate::{task::Lane, terms::Name};

/// Classes of GPU memory in MiB: what cards have, as their drivers say it, by nominal size; where two common cards of one nominal size
/// differ, both. A class holds every need up to it and above the class before; the last holds whatever is more.
///
/// Classes only say who is rung for and which needs are looked at together. Whether a worker may have a task is decided by the
/// memory that the task needs and the memory that the worker has.
pub const MEMORY_CLASSES: [u32; 18] = [
    0, 8_192, 10_240, 12_288, 15_360, 16_384, 20_480, 23_034, 24_576, 32_768, 40_960, 46_068, 49_152, 81_920, 98_304,
    147_456, 196_608, 1_048_576,
];

/// The class that `memory` MiB are in, of a need as of a card.
pub fn memory_class(memory: u32) -> u32 {
    let last = MEMORY_CLASSES[MEMORY_CLASSES.len() - 1];
    MEMORY_CLASSES.into_iter().find(|class| *class >= memory).unwrap_or(last)
}

/// What a task asks of its worker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Demand {
    /// The lane.
    pub lane: Lane,
    /// The pool of workers.
    pub pool: Name,
    /// The GPU memory that it needs, in MiB.
    pub gpu_memory: u32,
}

impl Demand {
    /// The demand of a task in `lane` for `pool` that needs `gpu_memory` MiB. Stitchers need no GPU.
    pub fn new(lane: Lane, pool: Name, gpu_memory: u32) -> Self {
        Self { lane, pool, gpu_memory: if lane == Lane::Stitch { 0 } else { gpu_memory } }
    }

    /// The demand of everybody who says nothing else.
    pub fn plain(lane: Lane) -> Self {
        Self { lane, pool: Name::house(), gpu_memory: 0 }
    }

    /// The route on which a task with this demand is rung for.
    pub fn route(&self) -> Route {
        Route::new(self.lane, self.pool.clone(), self.gpu_memory)
    }
}

/// The workers that one ring is for: at least those that have what the task needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Route {
    /// The lane.
    pub lane: Lane,
    /// The pool of workers.
    pub pool: Name,
    /// The class of GPU memory, one of [`MEMORY_CLASSES`].
    pub memory: u32,
}

impl Route {
    /// The route of a task in `lane` for `pool` that needs `memory` MiB. Stitchers need no GPU.
    pub fn new(lane: Lane, pool: Name, memory: u32) -> Self {
        let memory = if lane == Lane::Stitch { 0 } else { memory_class(memory) };
        Self { lane, pool, memory }
    }

    /// The route of everybody who says nothing else.
    pub fn plain(lane: Lane) -> Self {
        Self { lane, pool: Name::house(), memory: 0 }
    }
}

impl fmt::Display for Route {
    /// The end of a queue's name: `render.default.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.lane.name(), self.pool, self.memory)
    }
}

/// What a worker can take.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reach {
    /// Its lanes.
    pub lanes: Vec<Lane>,
    /// Its pools.
    pub pools: Vec<Name>,
    /// Its GPU memory in MiB; 0 for a worker without a GPU.
    pub gpu_memory: u32,
}

impl Reach {
    /// A worker of the default pool without a GPU.
    pub fn plain(lanes: &[Lane]) -> Self {
        Self { lanes: lanes.to_vec(), pools: vec![Name::house()], gpu_memory: 0 }
    }

    /// Every route that it listens to: all classes up to its own. A card of unusual size may hear a ring in its own class for a task
    /// that is too large for it; the task is rung for again then.
    pub fn routes(&self) -> Vec<Route> {
        let mut routes = Vec::new();
        for lane in &self.lanes {
            for pool in &self.pools {
                let classes = MEMORY_CLASSES.into_iter().filter(|class| *class <= memory_class(self.gpu_memory));
                let most = if *lane == Lane::Stitch { 1 } else { MEMORY_CLASSES.len() };
                routes.extend(classes.take(most).map(|memory| Route { lane: *lane, pool: pool.clone(), memory }));
            }
        }
        routes
    }

    /// Whether it can take a task with this demand.
    pub fn covers(&self, demand: &Demand) -> bool {
        self.lanes.contains(&demand.lane) && self.pools.contains(&demand.pool) && demand.gpu_memory <= self.gpu_memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory of cards in MiB, as their drivers say it: 8 GB, part of an A100, 12 GB, T4, A4000, 20 GB, A10, L4, 4090, V100, 5090, A100 of
    /// 40 GB in two makes, L40S, A6000, A100 of 80 GB, H100 twice, H200, B200, and one that nobody sells yet.
    const CARDS: [u32; 22] = [
        0, 8_188, 9_728, 12_282, 15_360, 16_376, 20_475, 23_028, 23_034, 24_564, 32_510, 32_607, 40_536, 40_960,
        46_068, 49_140, 81_920, 81_559, 95_830, 143_771, 183_359, 2_000_000,
    ];

    fn gpu(gpu_memory: u32) -> Reach {
        Reach { gpu_memory, ..Reach::plain(&[Lane::Render]) }
    }

    #[test]
    fn whoever_is_large_enough_can_take_a_task_and_hears_of_it() {
        for need in CARDS.into_iter().chain([1, 8_000, 20_000, 24_000, 33_000, 145_000, 3_000_000]) {
            let demand = Demand::new(Lane::Render, Name::house(), need);
            for have in CARDS {
                assert_eq!(gpu(have).covers(&demand), have >= need, "{need} on {have}");
                let hears = gpu(have).routes().contains(&demand.route());
                assert!(hears || have < need, "{need} on {have}");
                assert!(!hears || memory_class(have) >= memory_class(need), "{need} on {have}");
            }
        }
        let other = Demand::new(Lane::Render, "a100".parse().unwrap(), 0);
        assert!(!gpu(80_000).covers(&other) && !gpu(80_000).routes().contains(&other.route()));
    }

    #[test]
    fn what_a_card_is_sold_for_runs_on_it() {
        for (need, have) in [(20_000, 23_034), (15_000, 15_360), (45_000, 46_068), (33_000, 40_536), (142_000, 143_771)]
        {
            assert!(gpu(have).covers(&Demand::new(Lane::Render, Name::house(), need)), "{need} on {have}");
        }
        // A task for a card of 24 GB rings for nobody with an L4.
        assert!(!gpu(23_034).routes().contains(&Route::new(Lane::Render, Name::house(), 24_000)));
    }

    #[test]
    fn stitchers_need_no_gpu() {
        let demand = Demand::new(Lane::Stitch, Name::house(), 24_000);
        assert_eq!((demand.gpu_memory, demand.route().to_string()), (0, "stitch.default.0".to_owned()));
        assert_eq!(Reach { gpu_memory: 80_000, ..Reach::plain(&[Lane::Stitch]) }.routes(), [demand.route()]);
    }
}
