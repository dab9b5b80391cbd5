//! What every blob store must do.

pub(crate) mod keep;

use shared::ports::Blobs;
use stores::blobs::DirectoryBlobs;

/// A keeper under test.
pub(crate) trait Shelf {
    /// The store.
    fn blobs(&self) -> &dyn Blobs;
}

/// A directory.
pub(crate) struct Directory {
    blobs: DirectoryBlobs,
    _dir: tempfile::TempDir,
}

impl Directory {
    pub(crate) async fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { blobs: DirectoryBlobs::open(dir.path()).await.unwrap(), _dir: dir }
    }
}

impl Shelf for Directory {
    fn blobs(&self) -> &dyn Blobs {
        &self.blobs
    }
}

/// The cases of every blob store.
macro_rules! contract {
    ($keeper:path) => {
        crate::suite!(blobs on $keeper {
            keep: what_was_put_is_there a_blob_is_written_once of_many_writers_one_wins_and_the_blob_is_whole
                a_missing_blob_is_named a_listing_is_sorted_and_keeps_to_its_prefix removal_takes_a_prefix_and_nothing_else
                files_go_in_and_out a_blob_does_not_follow_its_file prefixes_are_checked;
        });
    };
}
pub(crate) use contract;
