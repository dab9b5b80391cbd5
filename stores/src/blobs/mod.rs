//! Blob stores.

mod directory;
mod s3;
mod scratch;

pub use directory::DirectoryBlobs;
pub use s3::S3Blobs;
