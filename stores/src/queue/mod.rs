//! Queues.

mod memory;

pub use memory::{MOST_RINGS, MemoryQueue};
