//! Tasks that fail.

use std::time::Duration;

use shared::{JobState, TaskState, ports::BlobKey};

use super::house::{House, TERM};

#[tokio::test]
async fn a_broken_clip_is_tried_once_more() {
    let house = House::new().await;
    *house.script.broken.lock().unwrap() = Some((12, 1));
    let worker = house.worker("only");
    house.work(&worker).await;
    let task = house.task("segment-0-00001").await;
    assert_eq!((task.state, task.failures), (TaskState::Ready, 1));
    assert!(!house.blobs().await.iter().any(|name| name.contains("clip-00000012")), "a broken clip is not kept");
    house.clock.advance(Duration::from_secs(1));
    house.work(&worker).await;
    assert_eq!(house.ended().await.0, JobState::Done);
    assert_eq!(*house.script.rendered.lock().unwrap(), [0, 4, 8, 12, 12, 16, 20]);
}

#[tokio::test]
async fn a_clip_that_stays_broken_fails_the_job_by_name() {
    let house = House::new().await;
    *house.script.broken.lock().unwrap() = Some((12, usize::MAX));
    let worker = house.worker("only");
    house.work(&worker).await;
    house.clock.advance(Duration::from_secs(1));
    house.work(&worker).await;
    let (state, error) = house.ended().await;
    assert_eq!(state, JobState::Failed);
    assert!(error.contains("frames 12..16") && error.contains("frame 12 is not a number"), "{error}");
    assert_eq!(house.task("segment-0-00001").await.attempt, 2);
}

#[tokio::test]
async fn an_input_that_is_not_the_ordered_one_fails_the_job_at_once() {
    let house = House::new().await;
    let portrait = BlobKey::input(&house.job, "portrait").unwrap();
    house.stores.blobs.remove(&format!("jobs/{}/inputs/", house.job)).await.unwrap();
    house.stores.blobs.put(&portrait, b"another file").await.unwrap();
    house.work(&house.worker("only")).await;
    let (state, error) = house.ended().await;
    assert_eq!(state, JobState::Failed);
    assert!(error.contains("face.png changed"), "{error}");
    assert_eq!(house.task("prepare").await.attempt, 1, "no repetition helps");
}

#[tokio::test]
async fn a_missing_blob_is_the_worlds_fault_and_is_tried_again() {
    let house = House::new().await;
    house.stores.blobs.remove(&format!("jobs/{}/inputs/", house.job)).await.unwrap();
    let worker = house.worker("only");
    for failures in 1..=3 {
        house.work(&worker).await;
        assert_eq!(house.task("prepare").await.failures, failures);
        house.clock.advance(Duration::from_mins(5));
    }
    let (state, error) = house.ended().await;
    assert_eq!(state, JobState::Failed);
    assert!(error.contains("inputs/portrait"), "{error}");
}

#[tokio::test]
async fn a_worker_without_room_says_what_it_lacks_and_another_goes_on() {
    let house = House::new().await;
    let frugal = house.worker_with("frugal", &shared::task::Lane::ALL, TERM, Some(1000));
    house.work(&frugal).await;
    let task = house.task("prepare").await;
    assert_eq!((task.state, task.failures), (TaskState::Ready, 1));
    let error = task.error.unwrap();
    assert!(error.contains("scratch space") && error.contains("this worker may use 1 MiB"), "{error}");
    house.clock.advance(Duration::from_secs(1));
    house.work(&house.worker_with("roomy", &shared::task::Lane::ALL, TERM, Some(100 << 20))).await;
    assert_eq!(house.ended().await.0, JobState::Done);
    assert_eq!(house.scratch(), 2, "only the workers' own directories are left");
}
