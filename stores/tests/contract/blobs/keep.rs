//! Writing, reading, listing, removing.

use shared::{
    error::Cause,
    ports::{BlobKey, Put},
};

use super::{Shelf, key};

fn texts(keys: &[BlobKey]) -> Vec<&str> {
    keys.iter().map(BlobKey::as_str).collect()
}

pub(crate) async fn what_was_put_is_there(shelf: &impl Shelf) {
    for (name, bytes) in [("jobs/1/a", b"some".to_vec()), ("jobs/1/empty", vec![]), ("top", vec![7; 300_000])] {
        assert_eq!(shelf.blobs().size(&key(name)).await.unwrap(), None);
        assert_eq!(shelf.blobs().put(&key(name), &bytes).await.unwrap(), Put::Written);
        assert_eq!(shelf.blobs().get(&key(name)).await.unwrap(), bytes);
        assert_eq!(shelf.blobs().size(&key(name)).await.unwrap(), Some(bytes.len() as u64));
    }
}

pub(crate) async fn a_blob_is_written_once(shelf: &impl Shelf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("other");
    std::fs::write(&file, "third").unwrap();
    let name = key("jobs/1/prepare/1/prepared.safetensors");
    assert_eq!(shelf.blobs().put(&name, b"first").await.unwrap(), Put::Written);
    assert_eq!(shelf.blobs().put(&name, b"second, longer").await.unwrap(), Put::AlreadyThere);
    assert_eq!(shelf.blobs().put_file(&name, &file).await.unwrap(), Put::AlreadyThere);
    assert_eq!(shelf.blobs().get(&name).await.unwrap(), b"first");
}

pub(crate) async fn many_writers_leave_one_whole_blob(shelf: &impl Shelf) {
    for round in 0..10 {
        let name = key(&format!("jobs/{round}/new/directory/blob"));
        let write = async |letter: u8| shelf.blobs().put(&name, &vec![letter; 100_000]).await.unwrap();
        let puts = tokio::join!(write(b'a'), write(b'b'), write(b'c'), write(b'd'));
        assert!([puts.0, puts.1, puts.2, puts.3].contains(&Put::Written));
        let bytes = shelf.blobs().get(&name).await.unwrap();
        assert!(bytes.len() == 100_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert_eq!(shelf.blobs().put(&name, b"late").await.unwrap(), Put::AlreadyThere);
    }
}

pub(crate) async fn a_missing_blob_is_named(shelf: &impl Shelf) {
    let dir = tempfile::tempdir().unwrap();
    let name = key("jobs/1/missing");
    let read = shelf.blobs().get(&name).await.unwrap_err();
    let fetched = shelf.blobs().fetch(&name, &dir.path().join("out")).await.unwrap_err();
    for error in [read, fetched] {
        assert_eq!(error.cause(), Cause::World);
        assert!(error.to_string().contains("jobs/1/missing"), "{error}");
    }
    assert!(!dir.path().join("out").exists());
    shelf.blobs().put(&key("jobs/1/blob"), b"x").await.unwrap();
    assert_eq!(shelf.blobs().size(&key("jobs/1/blob/below")).await.unwrap(), None);
    assert_eq!(shelf.blobs().size(&key("jobs/1")).await.unwrap(), None);
}

pub(crate) async fn a_listing_is_sorted_and_keeps_to_its_prefix(shelf: &impl Shelf) {
    for name in ["a/10/x", "a/2/x", "a/2/b/y", "ab/1", "a-", "b/1"] {
        shelf.blobs().put(&key(name), b"1").await.unwrap();
    }
    assert_eq!(texts(&shelf.blobs().list("a/").await.unwrap()), ["a/10/x", "a/2/b/y", "a/2/x"]);
    assert_eq!(texts(&shelf.blobs().list("a/2/").await.unwrap()), ["a/2/b/y", "a/2/x"]);
    assert_eq!(texts(&shelf.blobs().list("none/").await.unwrap()), Vec::<&str>::new());
}

pub(crate) async fn removal_takes_a_prefix_and_nothing_else(shelf: &impl Shelf) {
    for name in ["a/1/x", "a/1/y/z", "a/10/x", "b"] {
        shelf.blobs().put(&key(name), b"1").await.unwrap();
    }
    assert_eq!(shelf.blobs().remove("a/1/").await.unwrap(), 2);
    assert_eq!(shelf.blobs().remove("a/1/").await.unwrap(), 0);
    assert_eq!(texts(&shelf.blobs().list("a/").await.unwrap()), ["a/10/x"]);
    assert_eq!(shelf.blobs().get(&key("b")).await.unwrap(), b"1");
    assert_eq!(shelf.blobs().put(&key("a/1/x"), b"2").await.unwrap(), Put::Written, "a removed name is free");
}

pub(crate) async fn files_go_in_and_out(shelf: &impl Shelf) {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7) as u8).collect();
    std::fs::write(&from, &bytes).unwrap();
    std::fs::write(&to, vec![9; 500_000]).unwrap();
    assert_eq!(shelf.blobs().put_file(&key("a/film.mp4"), &from).await.unwrap(), Put::Written);
    shelf.blobs().fetch(&key("a/film.mp4"), &to).await.unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), bytes, "what was there before is replaced");
    assert!(from.is_file());
    let missing = shelf.blobs().put_file(&key("a/b"), &dir.path().join("none")).await.unwrap_err();
    assert!(missing.to_string().contains("none"), "{missing}");
}

pub(crate) async fn a_blob_does_not_follow_its_file(shelf: &impl Shelf) {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    std::fs::write(&from, "as it was").unwrap();
    shelf.blobs().put_file(&key("a/b"), &from).await.unwrap();
    std::fs::write(&from, "changed").unwrap();
    shelf.blobs().fetch(&key("a/b"), &to).await.unwrap();
    std::fs::write(&to, "changed as well").unwrap();
    assert_eq!(shelf.blobs().get(&key("a/b")).await.unwrap(), b"as it was");
}

pub(crate) async fn prefixes_are_checked(shelf: &impl Shelf) {
    shelf.blobs().put(&key("a/b"), b"1").await.unwrap();
    for prefix in ["", "/", "a", "../", "a/../", "/etc/"] {
        assert!(shelf.blobs().list(prefix).await.is_err(), "{prefix}");
        assert!(shelf.blobs().remove(prefix).await.is_err(), "{prefix}");
    }
    assert_eq!(shelf.blobs().get(&key("a/b")).await.unwrap(), b"1");
}

pub(crate) async fn parts_of_a_blob_are_read(shelf: &impl Shelf) {
    shelf.blobs().put(&key("a/b"), b"0123456789").await.unwrap();
    for (from, to, bytes) in
        [(0, 10, "0123456789"), (0, 1, "0"), (3, 7, "3456"), (8, 99, "89"), (4, 4, ""), (10, 12, ""), (99, 100, "")]
    {
        let read = shelf.blobs().get_range(&key("a/b"), from, to).await.unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), bytes, "{from}..{to}");
    }
    for (from, to) in [(0, 5), (2, 2)] {
        let error = shelf.blobs().get_range(&key("a/none"), from, to).await.unwrap_err();
        assert!(error.to_string().contains("a/none"), "{error}");
    }
}

pub(crate) async fn a_store_that_answers_says_so(shelf: &impl Shelf) {
    shelf.blobs().ping().await.unwrap();
}
