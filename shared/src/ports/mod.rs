//! The four ports: what coordinator and worker ask of the world without knowing who answers.

pub mod access;
pub mod blobs;
pub mod crew;
pub mod hooks;
pub mod ledger;
pub mod model;
pub mod quality;
pub mod queue;
pub mod records;
pub mod retention;
pub mod schedule;
pub mod steering;

pub use access::Access;
pub use blobs::{BlobKey, Blobs, Put};
pub use crew::Crew;
pub use hooks::Hooks;
pub use ledger::{Job, Lease, Ledger, Patience, Progress, Pulse, Renewal, Submitted, Task, WorkerId};
pub use model::{AudioEncoder, Bridging, ClipInput, Control, Known, Model, ModelShape, PackCard, Packs, Renderer};
pub use quality::QualityBook;
pub use queue::{Bell, Listener, Queue};
pub use records::Records;
pub use retention::Retention;
pub use schedule::Schedule;
pub use steering::Steering;

use std::sync::Arc;

/// Everything that a ledger does: one object behind all ports of it.
pub trait Books: Ledger + Schedule + Crew + Steering + Records + QualityBook + Access + Hooks + Retention {}

impl<T: Ledger + Schedule + Crew + Steering + Records + QualityBook + Access + Hooks + Retention> Books for T {}

/// The three keepers that a process works with; the model is not among them, since only workers need one.
#[derive(Clone)]
pub struct Stores {
    /// The truth about jobs and tasks.
    pub ledger: Arc<dyn Books>,
    /// The bell.
    pub queue: Arc<dyn Queue>,
    /// What tasks made.
    pub blobs: Arc<dyn Blobs>,
}
