//! Work that is stopped, and leases that are lost meanwhile.

use std::time::Duration;

use shared::{JobState, TaskState, task::Lane};
use tokio_util::sync::CancellationToken;

use super::house::House;

/// A house whose clip at `frame` goes on until it is stopped.
async fn endless(frame: u64) -> House {
    let house = House::new().await;
    *house.script.endless.lock().unwrap() = Some(frame);
    house
}

#[tokio::test]
async fn a_stopped_worker_gives_its_task_back_and_its_clips_stay() {
    let house = endless(12).await;
    let (worker, cancel) = (house.worker("stopped"), CancellationToken::new());
    let stop = async {
        house.script.began.notified().await;
        cancel.cancel();
    };
    tokio::select! {
        (ended, ()) = async { tokio::join!(worker.run(cancel.clone()), stop) } => ended.unwrap(),
        () = house.coordinate() => unreachable!("a coordinator does not end"),
    }
    let task = house.task("segment-0-00001").await;
    assert_eq!((task.state, task.failures, task.attempt), (TaskState::Ready, 0, 1));
    assert_eq!(*house.script.rendered.lock().unwrap(), [0, 4, 8]);
    *house.script.endless.lock().unwrap() = None;
    house.work(&house.worker("next")).await;
    assert_eq!(house.ended().await.0, JobState::Done);
    assert_eq!(*house.script.rendered.lock().unwrap(), [0, 4, 8, 12, 16, 20], "it went on after the kept clip");
}

#[tokio::test]
async fn a_worker_that_is_stopped_at_once_takes_nothing() {
    let house = House::new().await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    house.worker("stopped").run(cancel).await.unwrap();
    assert!(house.tasks().await.iter().all(|task| task.attempt == 0));
}

#[tokio::test]
async fn a_cancelled_job_is_left_at_the_next_step() {
    let house = endless(12).await;
    // Renewals happen in real time, three in a term: the first after the cancel finds out.
    let worker = house.worker_of("left", &Lane::ALL, Duration::from_secs(3));
    let cancel = async {
        house.script.began.notified().await;
        house.stores.ledger.cancel(&house.job, None, shared::Timestamp(1)).await.unwrap();
    };
    let ((), ()) = tokio::join!(house.work(&worker), cancel);
    assert_eq!(house.ended().await.0, JobState::Cancelled);
    let kept = house.blobs().await;
    assert!(!kept.iter().any(|name| name.contains("segment-0-00001/1/latents")), "{kept:?}");
    assert_eq!(house.task("segment-0-00001").await.failures, 0);
}

#[tokio::test]
async fn dropping_the_work_stops_its_threads() {
    let house = endless(4).await;
    let worker = house.worker("dropped");
    tokio::select! {
        () = house.work(&worker) => panic!("the clip has no end"),
        () = house.script.began.notified() => {}
    }
    // The future is gone; its thread finds out at its next step.
    let stopped = tokio::time::timeout(Duration::from_secs(30), house.script.stopped.notified());
    stopped.await.expect("the clip goes on for nobody");
}

#[tokio::test]
async fn the_next_worker_removes_what_a_killed_one_left_in_its_scratch() {
    let house = House::new().await;
    let worker = house.worker("again");
    let before = house.scratch();
    let left = house.scratch_of("again").join("task-dead");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("half.mp4"), "half").unwrap();
    std::fs::write(house.scratch_of("again").join("note.txt"), "not a worker's").unwrap();
    let cancel = CancellationToken::new();
    cancel.cancel();
    worker.run(cancel).await.unwrap();
    assert_eq!(house.scratch(), before + 1, "only what workers make is removed");
}
