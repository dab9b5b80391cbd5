//! Ledgers. What they do is written once, in `books`, in SQL that both databases understand; it is compiled under `sqlite`
//! and under `postgres`, each with a `dialect` that holds the few words in which they differ.

mod postgres;
mod sqlite;

pub use postgres::Keeper as PostgresLedger;
pub use sqlite::Keeper as SqliteLedger;
