//! Takes jobs, plans them, and keeps them moving.
//!
//! [`draft`] turns a portrait, a track and some wishes into an order and its plan, and finds everything that is wrong with
//! them before anything is written. [`submit`] puts the inputs into the blob store and the job into the ledger.
//! [`Sweep`] is the reconciler: it takes back what was lost, and releases what is ready as [`schedule`] decides.

mod draft;
mod inputs;
mod keep;
mod remarks;
pub mod schedule;
mod submit;
mod sweep;
mod wishes;

pub use draft::{Draft, Outline, draft, outline};
pub use submit::{AUDIO, PORTRAIT, Submission, submit};
pub use sweep::Sweep;
pub use wishes::Wishes;
