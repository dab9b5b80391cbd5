//! The keepers of the ports: who keeps the ledger, the queue and the blobs, chosen by URL.
//!
//! Nothing above this room names a keeper: it asks [`open`] for some URLs and gets [`Stores`], three port traits.

mod backoff;
pub mod blobs;
pub mod ledger;
pub mod queue;
mod resolve;

pub use resolve::{Migrated, Urls, migrate, open, open_blobs, open_ledger, open_queue, scratch_ledger};
pub use shared::ports::Stores;
