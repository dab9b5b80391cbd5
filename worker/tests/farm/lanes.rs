//! Several workers at once, moved by rings alone.

use std::time::Duration;

use shared::{Clock as _, JobState, Reach, TaskKind, ports::WorkerId, task::Lane};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::house::{House, TERM};

/// Runs one worker for each entry of `lanes` until the job has ended.
pub(crate) async fn run(house: &House, lanes: &[&[Lane]]) {
    let cancel = CancellationToken::new();
    let mut workers = JoinSet::new();
    for (place, lanes) in lanes.iter().enumerate() {
        let worker = house.worker_of(&format!("worker-{place}"), lanes, TERM);
        let cancel = cancel.clone();
        workers.spawn(async move { worker.run(cancel).await });
    }
    let ended = async {
        while house.ended().await.0 == JobState::Running {
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_mins(1), ended);
    tokio::select! {
        ended = ended => ended.expect("rings keep the farm going"),
        () = house.coordinate() => unreachable!("a coordinator does not end"),
    }
    cancel.cancel();
    while let Some(ended) = workers.join_next().await {
        ended.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_worker_keeps_to_its_lane_and_rings_for_the_other() {
    let house = House::new().await;
    run(&house, &[&[Lane::Render], &[Lane::Stitch]]).await;
    assert_eq!(house.ended().await, (JobState::Done, String::new()));
    assert!(house.tasks().await.iter().all(|task| task.attempt == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_make_the_same_film_as_one() {
    let one = House::new().await;
    one.work(&one.worker("only")).await;
    let many = House::new().await;
    run(&many, &[&Lane::ALL[..]; 5]).await;
    assert!(many.results().await == one.results().await);
    assert_eq!(*many.script.rendered.lock().unwrap(), [0, 4, 8, 12, 16, 20]);
}

#[tokio::test]
async fn a_stitcher_leaves_render_tasks_alone() {
    let house = House::new().await;
    let stitcher = house.worker_of("stitcher", &[Lane::Stitch], TERM);
    assert!(!stitcher.tick().await.unwrap());
    house.release().await;
    assert!(!stitcher.tick().await.unwrap());
    let (id, now) = (WorkerId("by hand".into()), house.clock.now());
    let lease = house.stores.ledger.take(&id, &Reach::plain(&Lane::ALL), &[], TERM, now).await.unwrap();
    assert_eq!(lease.unwrap().node.kind, TaskKind::Prepare);
}
