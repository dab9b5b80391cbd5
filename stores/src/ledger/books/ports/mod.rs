//! The ports of a ledger: each method one transaction, or one look.

mod access;
mod farm;
mod ledger;
mod quality;
mod records;
mod retention;
