//! What every queue must do.

pub(crate) mod bell;

use shared::ports::Queue;
use stores::queue::MemoryQueue;

/// A keeper under test.
pub(crate) trait Bells {
    /// The queue.
    fn queue(&self) -> &dyn Queue;
    /// Rings that it holds in one lane.
    fn most(&self) -> usize;
}

/// The queue in memory.
pub(crate) struct Memory(MemoryQueue);

impl Memory {
    pub(crate) fn fresh() -> impl Future<Output = Self> {
        std::future::ready(Self(MemoryQueue::new()))
    }
}

impl Bells for Memory {
    fn queue(&self) -> &dyn Queue {
        &self.0
    }

    fn most(&self) -> usize {
        stores::queue::MOST_RINGS
    }
}

/// The cases of every queue.
macro_rules! contract {
    ($keeper:path) => {
        crate::suite!(queue on $keeper {
            bell: a_ring_is_heard_in_order a_ring_wakes_who_waits a_waiting_task_rings_once each_ring_has_one_listener
                lanes_are_separate a_listener_hears_several_lanes nothing_is_lost_with_a_dropped_wait
                what_was_not_settled_rings_again what_was_settled_does_not rings_are_bounded;
        });
    };
}
pub(crate) use contract;
