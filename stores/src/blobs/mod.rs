//! Blob stores.

mod directory;
mod scratch;

pub use directory::DirectoryBlobs;
