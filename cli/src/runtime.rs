//! The async runtimes of the program.

use shared::{Error, Result};

/// Runs a client's verb to its end.
///
/// # Errors
/// What the verb says.
pub(crate) fn client<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    start(1, 4)?.block_on(work)
}

/// A runtime for the embedded farm: two tasks at a time, each with a thread of files. Workers compute on threads of their own; more would only
/// keep memory of their own.
///
/// # Errors
/// As [`start`].
pub(crate) fn embedded() -> Result<tokio::runtime::Runtime> {
    start(2, 2)
}

/// A runtime with `threads` for async work and at most `blocking` threads for files and whatever else makes one wait.
///
/// # Errors
/// When threads cannot be started.
pub(crate) fn start(threads: usize, blocking: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(blocking)
        .enable_all()
        .build()
        .map_err(|e| Error::world("the async runtime does not start").from_source(e))
}
