//! Takes jobs, plans them, and keeps them moving.
//!
//! [`draft`] turns a portrait, a track and some wishes into an order and its plan, and finds everything that is wrong with
//! them before anything is written. [`submit`] puts the inputs into the blob store and the job into the ledger.
//! [`Sweep`] is the reconciler: it takes back what was lost, and releases what is ready as [`schedule`] decides. [`api`] is what
//! clients ask over HTTP, and [`webhooks`] tells them news. [`simulate`] shows what a farm would do, in virtual time.

pub mod api;
mod backlog;
mod chance;
mod draft;
mod egress;
mod estimate;
mod eta;
mod explain;
mod inputs;
mod keep;
pub mod probes;
mod remarks;
mod retake;
mod retention;
mod rfc3339;
pub mod schedule;
pub mod simulate;
mod submit;
mod sweep;
pub mod telemetry;
pub mod tokens;
pub mod watch;
pub mod webhooks;
mod wishes;

pub use api::{Listeners, serve};

pub use backlog::{Backlog, backlogs};
pub use draft::{Draft, Outline, draft, draft_for, outline};
pub use egress::Reachable;
pub use estimate::{Estimate, Rates, estimate};
pub use eta::{Eta, eta};
pub use explain::{CODES, Facts, Reason, explain};
pub use retake::{RetakeWishes, range, retake};
pub use retention::Retention;
pub use submit::{AUDIO, PORTRAIT, Submission, submit, submit_for};
pub use sweep::Sweep;
pub use wishes::Wishes;
