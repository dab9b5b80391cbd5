//! A store whose calls fail, whose answers break off, or which is away.

use std::time::{Duration, Instant};

use shared::{Verdict, error::Cause, ports::Blobs as _};

use super::{Bucket, OwnBucket, farm::noise, key};

pub(crate) async fn all_goes_well_when_a_fifth_of_the_calls_fails(bucket: &Bucket) {
    bucket.s3.weather().seed(7);
    bucket.s3.fail_share(0.2);
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let large = noise(20 << 20);
    std::fs::write(&from, &large).unwrap();
    for n in 0..40 {
        let bytes = noise(1_000 * n + 1);
        // A call whose answer was lost is made again, and finds what it wrote: so this may say that it was there already.
        bucket.blobs.put(&key(&format!("a/{n:02}")), &bytes).await.unwrap();
        assert_eq!(bucket.blobs.get(&key(&format!("a/{n:02}"))).await.unwrap(), bytes);
    }
    bucket.blobs.put_file(&key("b/film.mp4"), &from).await.unwrap();
    bucket.blobs.fetch(&key("b/film.mp4"), &to).await.unwrap();
    assert!(std::fs::read(&to).unwrap() == large);
    assert_eq!(bucket.blobs.list("a/").await.unwrap().len(), 40);
    assert_eq!(bucket.blobs.remove("a/").await.unwrap(), 40);
    assert_eq!(bucket.blobs.size(&key("a/00")).await.unwrap(), None);
    assert!(bucket.s3.weather().failed() > 15, "{} calls failed", bucket.s3.weather().failed());
}

pub(crate) async fn cut_downloads_go_on_where_they_were(bucket: &Bucket) {
    let bytes = noise(3 << 20);
    bucket.blobs.put(&key("a/film.mp4"), &bytes).await.unwrap();
    bucket.s3.weather().seed(3);
    bucket.s3.weather().cut_share(0.6);
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to");
    for _ in 0..5 {
        bucket.blobs.fetch(&key("a/film.mp4"), &to).await.unwrap();
        assert!(std::fs::read(&to).unwrap() == bytes);
        assert!(bucket.blobs.get(&key("a/film.mp4")).await.unwrap() == bytes);
        assert!(bucket.blobs.get_range(&key("a/film.mp4"), 1_000, 900_000).await.unwrap() == bytes[1_000..900_000]);
    }
    assert!(bucket.s3.weather().failed() > 5, "{} downloads were cut", bucket.s3.weather().failed());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing unfinished stays beside the file");
}

pub(crate) async fn a_download_that_never_gets_on_is_given_up(bucket: &Bucket) {
    bucket.blobs.put(&key("a/b"), b"x").await.unwrap();
    bucket.s3.weather().cut_share(1.0);
    let error = bucket.blobs.get(&key("a/b")).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Retry);
    assert!(error.to_string().contains("a/b") && error.to_string().contains("breaks off"), "{error}");
}

pub(crate) async fn a_store_that_stops_for_a_while_is_waited_for(own: &OwnBucket) {
    let bucket = &own.0;
    bucket.blobs.put(&key("a/b"), b"x").await.unwrap();
    bucket.s3.stop().await;
    let back = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        bucket.s3.start().await;
    };
    let (read, ()) = tokio::join!(bucket.blobs.get(&key("a/b")), back);
    assert_eq!(read.unwrap(), b"x");
}

pub(crate) async fn a_store_that_is_away_is_named(own: &OwnBucket) {
    let bucket = &own.0;
    bucket.s3.stop().await;
    let since = Instant::now();
    let error = bucket.blobs.ping().await.unwrap_err();
    assert_eq!(error.cause(), Cause::Unreachable);
    let text = error.to_string();
    assert!(text.contains("at http://127.0.0.1:") && text.contains("check the endpoint"), "{text}");
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
}
