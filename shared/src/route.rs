//! Routes: to whom a ring goes, and what a worker can reach.

use std::fmt;

use crate::{task::Lane, terms::Name};

/// Classes of GPU memory in MiB, as cards are sold. A task is rung in the smallest class that holds what it needs, and a
/// worker listens to every class that it has the memory for; so no ring is taken by somebody too small for it.
pub const MEMORY_CLASSES: [u32; 9] = [0, 8_000, 12_000, 16_000, 24_000, 32_000, 48_000, 80_000, 140_000];

/// The workers that one ring is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Route {
    /// The lane.
    pub lane: Lane,
    /// The pool of workers.
    pub pool: Name,
    /// The class of GPU memory, one of [`MEMORY_CLASSES`] or more than the last.
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

/// The smallest class that holds `memory` MiB.
pub fn memory_class(memory: u32) -> u32 {
    MEMORY_CLASSES.into_iter().find(|class| *class >= memory).unwrap_or(memory)
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

    /// Every route that it listens to.
    pub fn routes(&self) -> Vec<Route> {
        let mut routes = Vec::new();
        for lane in &self.lanes {
            for pool in &self.pools {
                let classes = MEMORY_CLASSES.into_iter().filter(|class| *class <= self.gpu_memory);
                let most = if *lane == Lane::Stitch { 1 } else { MEMORY_CLASSES.len() };
                routes.extend(classes.take(most).map(|memory| Route { lane: *lane, pool: pool.clone(), memory }));
            }
        }
        routes
    }

    /// Whether a ring on `route` is for it.
    pub fn covers(&self, route: &Route) -> bool {
        self.lanes.contains(&route.lane) && self.pools.contains(&route.pool) && route.memory <= self.gpu_memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_reaches_whoever_is_large_enough_and_nobody_else() {
        let gpu = |gpu_memory| Reach { gpu_memory, ..Reach::plain(&[Lane::Render]) };
        for need in [0, 1, 8_000, 9_000, 24_000, 141_000] {
            let route = Route::new(Lane::Render, Name::house(), need);
            assert!(route.memory >= need);
            for have in [0, 8_000, 16_000, 24_564, 81_920] {
                assert_eq!(gpu(have).covers(&route), have >= route.memory);
                assert_eq!(gpu(have).routes().contains(&route), have >= route.memory, "{need} on {have}");
            }
        }
        let other = Route::new(Lane::Render, "a100".parse().unwrap(), 0);
        assert!(!gpu(80_000).covers(&other));
    }

    #[test]
    fn stitchers_need_no_gpu() {
        let route = Route::new(Lane::Stitch, Name::house(), 24_000);
        assert_eq!(route.to_string(), "stitch.default.0");
        assert_eq!(Reach { gpu_memory: 80_000, ..Reach::plain(&[Lane::Stitch]) }.routes(), [route]);
    }
}
