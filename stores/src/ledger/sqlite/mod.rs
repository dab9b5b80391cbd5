//! The ledger in one `SQLite` file.

#[allow(clippy::duplicate_mod, reason = "one text, compiled for each database")]
#[path = "../books/mod.rs"]
mod books;
mod dialect;
mod open;

pub use books::Keeper;
