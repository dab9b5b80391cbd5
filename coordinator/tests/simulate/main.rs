//! Farms in virtual time, on a real ledger.

mod farms;
mod losses;
mod small;
