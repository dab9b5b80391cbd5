//! What every blob store must do.

pub(crate) mod farm;
pub(crate) mod keep;
pub(crate) mod race;
pub(crate) mod weather;

use shared::ports::{BlobKey, Blobs};
use stores::blobs::{DirectoryBlobs, S3Blobs};

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

/// A bucket of the S3-compatible server that all tests share.
pub(crate) struct Bucket {
    blobs: S3Blobs,
    s3: services::S3,
    url: String,
}

impl Bucket {
    pub(crate) async fn fresh() -> Self {
        Self::of(services::s3().await).await
    }

    async fn of(s3: services::S3) -> Self {
        let url = s3.url();
        Self { blobs: S3Blobs::open(&url).await.unwrap(), s3, url }
    }
}

impl Shelf for Bucket {
    fn blobs(&self) -> &dyn Blobs {
        &self.blobs
    }
}

/// A bucket on a server of its own, which the test may stop.
pub(crate) struct OwnBucket(Bucket);

impl OwnBucket {
    pub(crate) async fn fresh() -> Self {
        Self(Bucket::of(services::own_s3().await).await)
    }
}

fn key(text: &str) -> BlobKey {
    BlobKey::from_text(text).unwrap()
}

/// The cases of every blob store.
macro_rules! contract {
    ($keeper:path) => {
        crate::suite!(blobs on $keeper {
            keep: what_was_put_is_there a_blob_is_written_once many_writers_leave_one_whole_blob
                a_missing_blob_is_named a_listing_is_sorted_and_keeps_to_its_prefix removal_takes_a_prefix_and_nothing_else
                files_go_in_and_out a_blob_does_not_follow_its_file prefixes_are_checked parts_of_a_blob_are_read
                a_store_that_answers_says_so;
        });
    };
}
pub(crate) use contract;

/// The cases of a store in which one of many writers wins for certain.
macro_rules! exclusive {
    ($keeper:path) => {
        crate::suite!(blobs on $keeper {
            race: of_many_writers_one_wins;
        });
    };
}
pub(crate) use exclusive;

/// The cases of a bucket.
macro_rules! bucket {
    ($keeper:path) => {
        crate::suite!(blobs on $keeper {
            farm: a_large_file_goes_in_parts_and_comes_back more_blobs_than_a_page_are_listed_and_removed
                a_link_opens_the_blob_until_its_term a_bucket_that_is_not_there_is_told_from_a_wrong_key
                a_server_without_conditional_writes_is_served a_server_without_trailers_is_told_and_served
                an_upload_that_is_dropped_leaves_no_parts;
            weather: all_goes_well_when_a_fifth_of_the_calls_fails cut_downloads_go_on_where_they_were
                a_download_that_never_gets_on_is_given_up;
        });
    };
}
pub(crate) use bucket;

/// The cases of a server that stops.
macro_rules! own_bucket {
    ($keeper:path) => {
        crate::suite!(blobs on $keeper {
            weather: a_store_that_stops_for_a_while_is_waited_for a_store_that_is_away_is_named;
        });
    };
}
pub(crate) use own_bucket;
