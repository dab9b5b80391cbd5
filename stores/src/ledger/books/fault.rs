//! What a failed query becomes: an error that names table and row, and the ledger when it is not there.

use std::{error::Error as Source, fmt::Display, iter};

use shared::Error;

use super::dialect;

/// What to do about a full disk.
pub(in super::super) const MAKE_ROOM: &str = "free space on the ledger's disk";

/// Why a transaction failed, before it is known what becomes of it.
#[derive(Debug)]
pub(in super::super) enum Fault {
    /// It is told as it stands.
    Told(Error),
    /// A query failed.
    Query {
        /// What was to be done.
        message: String,
        /// What the database said.
        source: sqlx::Error,
    },
}

/// Results inside of a transaction.
pub(super) type Result<T, E = Fault> = std::result::Result<T, E>;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Told(error)
    }
}

impl Fault {
    /// Whether the transaction may succeed when it is tried again at once.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Query { source, .. } if dialect::is_passing(source))
    }

    /// The error for those who asked the ledger at `place`.
    pub(in super::super) fn told(self, place: &str) -> Error {
        match self {
            Self::Told(error) => error,
            Self::Query { source, .. } if dialect::is_unreachable(&source) => {
                Error::unreachable(format!("the ledger {place} does not answer")).from_source(source)
            }
            Self::Query { message, source } => {
                let full = no_room(&source);
                let error = Error::world(message).from_source(source);
                if full { error.mend(MAKE_ROOM) } else { error }
            }
        }
    }
}

/// A failure that concerns no single row, as an argument of `map_err`.
pub(super) fn to(what: &'static str) -> impl FnOnce(sqlx::Error) -> Fault {
    move |source| Fault::Query { message: format!("the ledger failed to {what}"), source }
}

/// A failure of what was done to a row, as an argument of `map_err`.
pub(super) fn on(what: &str, table: &str, row: impl Display) -> impl FnOnce(sqlx::Error) -> Fault {
    let message = format!("the ledger failed to {what} (table {table}, row {row})");
    move |source| Fault::Query { message, source }
}

/// A row whose content cannot be understood.
pub(super) fn damaged(table: &str, row: impl Display, column: &str, why: impl Display) -> Error {
    Error::world(format!("the ledger is damaged: table {table}, row {row}, column {column}: {why}"))
        .mend("restore the ledger from a copy, or submit the job to a new one")
}

/// Whether the disk is full; a failed migration says so only in its sources.
pub(in super::super) fn no_room(error: &sqlx::Error) -> bool {
    iter::successors(Some(error as &(dyn Source + 'static)), |error| (*error).source())
        .any(|error| error.downcast_ref::<sqlx::Error>().is_some_and(dialect::is_full))
}
