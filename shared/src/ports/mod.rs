//! The four ports: what coordinator and worker ask of the world without knowing who answers.

pub mod blobs;
pub mod ledger;
pub mod model;
pub mod queue;

pub use blobs::{BlobKey, Blobs, Put};
pub use ledger::{Job, Lease, Ledger, Progress, Renewal, Submitted, Task, WorkerId};
pub use model::{AudioEncoder, ClipInput, Control, Model, ModelShape, Renderer};
pub use queue::{Bell, Listener, Queue};

use std::sync::Arc;

/// The three keepers that a process works with; the model is not among them, since only workers need one.
#[derive(Clone)]
pub struct Stores {
    /// The truth about jobs and tasks.
    pub ledger: Arc<dyn Ledger>,
    /// The bell.
    pub queue: Arc<dyn Queue>,
    /// What tasks made.
    pub blobs: Arc<dyn Blobs>,
}
