//! What a bucket does beyond a directory, and what servers do differently.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _};
use shared::{
    error::Cause,
    ports::{Blobs as _, Put, blobs::Told},
};
use stores::blobs::S3Blobs;

use super::{Bucket, key};

/// Counts the pieces that it is told of.
fn counting() -> (Told, Arc<AtomicU32>) {
    let pieces = Arc::new(AtomicU32::new(0));
    let told = pieces.clone();
    let told: Told = Arc::new(move || {
        told.fetch_add(1, Ordering::SeqCst);
    });
    (told, pieces)
}

/// Bytes that repeat at no power of two, so that exchanged parts are noticed.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u8 ^ (i >> 13) as u8).collect()
}

pub(crate) async fn a_large_file_goes_in_parts_and_comes_back(bucket: &Bucket) {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let bytes = noise((20 << 20) + 12_345);
    std::fs::write(&from, &bytes).unwrap();
    let (told, pieces) = counting();
    assert_eq!(bucket.blobs.put_file_with(&key("a/film.mp4"), &from, &told).await.unwrap(), Put::Written);
    assert_eq!(pieces.swap(0, Ordering::SeqCst), 3, "each part is told of");
    assert_eq!(bucket.blobs.put_file(&key("a/film.mp4"), &from).await.unwrap(), Put::AlreadyThere);
    assert_eq!(bucket.blobs.size(&key("a/film.mp4")).await.unwrap(), Some(bytes.len() as u64));
    bucket.blobs.fetch_with(&key("a/film.mp4"), &to, &told).await.unwrap();
    assert!(std::fs::read(&to).unwrap() == bytes);
    assert!(pieces.swap(0, Ordering::SeqCst) > 3, "and so is what comes back");
    assert!(bucket.blobs.get_with(&key("a/film.mp4"), &told).await.unwrap() == bytes);
    assert!(pieces.load(Ordering::SeqCst) > 3);
    let part = bucket.blobs.get_range(&key("a/film.mp4"), (8 << 20) - 5, (8 << 20) + 5).await.unwrap();
    assert_eq!(part, bytes[(8 << 20) - 5..(8 << 20) + 5]);
}

pub(crate) async fn more_blobs_than_a_page_are_listed_and_removed(bucket: &Bucket) {
    let put = |n: u32| async move { bucket.blobs.put(&key(&format!("jobs/1/{n:05}")), b"x").await };
    futures_util::stream::iter((0..1_050).map(put)).buffer_unordered(16).try_collect::<Vec<_>>().await.unwrap();
    let keys = bucket.blobs.list("jobs/1/").await.unwrap();
    assert_eq!(keys.len(), 1_050);
    assert!(keys.is_sorted() && keys[1_049].as_str() == "jobs/1/01049");
    assert_eq!(bucket.blobs.remove("jobs/1/").await.unwrap(), 1_050);
    assert_eq!(bucket.blobs.list("jobs/1/").await.unwrap(), []);
}

pub(crate) async fn a_link_opens_the_blob_until_its_term(bucket: &Bucket) {
    bucket.blobs.put(&key("a/film.mp4"), b"a film").await.unwrap();
    let link = async |term| bucket.blobs.link(&key("a/film.mp4"), Duration::from_secs(term)).await;
    let (short, long) = (link(1).await.unwrap().unwrap(), link(3_600).await.unwrap().unwrap());
    let answer = reqwest::get(&long).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "a film"));
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    assert_eq!(reqwest::get(&short).await.unwrap().status(), 403, "its term is over");
    assert_eq!(reqwest::get(long.replace("film.mp4", "other")).await.unwrap().status(), 403, "it is for one blob");
    assert_eq!(link(8 * 24 * 3_600).await.unwrap_err().cause(), Cause::Order);
    let public = S3Blobs::open(&format!("{}&public_endpoint=https://films.example", bucket.url)).await.unwrap();
    let link = public.link(&key("a/film.mp4"), Duration::from_mins(1)).await.unwrap().unwrap();
    assert!(link.starts_with("https://films.example/test-"), "{link}");
    public.ping().await.expect("only links use the public name");
}

pub(crate) async fn a_bucket_that_is_not_there_is_told_from_a_wrong_key(bucket: &Bucket) {
    let none = S3Blobs::open(&bucket.s3.url_of("no-such-bucket")).await.unwrap();
    let text = none.ping().await.unwrap_err().to_string();
    assert!(text.contains("there is no bucket s3://no-such-bucket") && text.contains("aws s3 mb"), "{text}");
    let text = none.list("a/").await.unwrap_err().to_string();
    assert!(text.contains("aws s3 mb"), "{text}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials");
    std::fs::write(&file, "[default]\naws_access_key_id = AKIAWRONG\naws_secret_access_key = s3cret\n").unwrap();
    let (start, _) = bucket.url.split_once("&credentials=").unwrap();
    let stranger = S3Blobs::open(&format!("{start}&credentials={}", file.display())).await.unwrap();
    for error in [stranger.ping().await.unwrap_err(), stranger.get(&key("a/b")).await.unwrap_err()] {
        assert_eq!(error.cause(), Cause::Unreachable, "a task does not fail for good because a key is renewed");
        let text = error.to_string();
        assert!(text.contains("403") && text.contains("check the credentials") && !text.contains("s3cret"), "{text}");
    }
    let nobody = S3Blobs::open(&format!("{start}&credentials={}", dir.path().join("none").display())).await.unwrap();
    let text = nobody.ping().await.unwrap_err().to_string();
    assert!(text.contains("credentials"), "{text}");
}

pub(crate) async fn a_server_without_conditional_writes_is_served(bucket: &Bucket) {
    bucket.s3.weather().ignore_conditions();
    let dir = tempfile::tempdir().unwrap();
    let large = dir.path().join("large");
    std::fs::write(&large, noise(17 << 20)).unwrap();
    assert_eq!(bucket.blobs.put(&key("a/b"), b"first").await.unwrap(), Put::Written);
    assert_eq!(bucket.blobs.put(&key("a/b"), b"second").await.unwrap(), Put::AlreadyThere);
    assert_eq!(bucket.blobs.put_file(&key("a/b"), &large).await.unwrap(), Put::AlreadyThere);
    assert_eq!(bucket.blobs.get(&key("a/b")).await.unwrap(), b"first");
    assert_eq!(bucket.blobs.put_file(&key("a/large"), &large).await.unwrap(), Put::Written);
    assert_eq!(bucket.blobs.list("a/").await.unwrap(), [key("a/b"), key("a/large")]);
}

pub(crate) async fn a_server_without_trailers_is_told_and_served(bucket: &Bucket) {
    bucket.s3.weather().refuse_trailers();
    let dir = tempfile::tempdir().unwrap();
    let (small, large) = (dir.path().join("small"), dir.path().join("large"));
    std::fs::write(&small, noise(1_000)).unwrap();
    std::fs::write(&large, noise(17 << 20)).unwrap();
    let text = bucket.blobs.put_file(&key("a/b"), &small).await.unwrap_err().to_string();
    assert!(text.contains("add checksums=when_required to the URL"), "{text}");
    let other = S3Blobs::open(&format!("{}&checksums=when_required", bucket.url)).await.unwrap();
    for (name, file) in [("a/b", &small), ("a/c", &large)] {
        assert_eq!(other.put_file(&key(name), file).await.unwrap(), Put::Written);
        assert!(other.get(&key(name)).await.unwrap() == std::fs::read(file).unwrap());
    }
    assert_eq!(other.put(&key("a/d"), b"x").await.unwrap(), Put::Written);
    assert_eq!(other.remove("a/").await.unwrap(), 3);
}

pub(crate) async fn an_upload_that_is_dropped_leaves_no_parts(bucket: &Bucket) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("large");
    std::fs::write(&file, noise(40 << 20)).unwrap();
    for pause in [20, 60, 120, 200] {
        // Dropped at different moments, mostly in the midst of the parts.
        let name = key("a/film.mp4");
        let upload = tokio::time::timeout(Duration::from_millis(pause), bucket.blobs.put_file(&name, &file));
        if upload.await.is_ok() {
            break;
        }
    }
    let since = std::time::Instant::now();
    while bucket.s3.unfinished_uploads() > 0 {
        assert!(since.elapsed() < Duration::from_secs(20), "{} parts stay", bucket.s3.unfinished_uploads());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bucket.blobs.put_file(&key("a/other.mp4"), &file).await.unwrap();
    assert!(bucket.blobs.get(&key("a/other.mp4")).await.unwrap() == noise(40 << 20));
}
