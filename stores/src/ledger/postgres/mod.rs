//! The ledger in a `PostgreSQL` database.

#[allow(clippy::duplicate_mod, reason = "one text, compiled for each database")]
#[path = "../books/mod.rs"]
mod books;
mod dialect;
mod open;
mod place;

pub use books::Keeper;
