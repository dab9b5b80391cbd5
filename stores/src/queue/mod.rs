//! Queues.

mod memory;
mod rabbit;

pub use memory::{MOST_RINGS, MemoryQueue};
pub use rabbit::RabbitQueue;
