//! Free workers take released tasks.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use shared::{
    Error, JobState, Priority, Reach, TaskState, Terms, Timestamp,
    ports::{
        Patience,
        crew::{GONE_AFTER, WorkerState},
    },
    task::Lane,
};

use super::farm::{Farm, NOW, TERM, card, key, name, worker};

pub(crate) async fn a_worker_takes_what_is_released_and_nothing_else(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    assert_eq!(farm.take("one", NOW).await, None, "ready, not released");
    farm.release(NOW).await;
    let lease = farm.take("one", NOW).await.unwrap();
    assert_eq!((&lease.key, lease.attempt, lease.until), (&key(&job, "prepare"), 1, Timestamp(NOW).after(TERM)));
    assert_eq!(lease.terms, Terms::default());
    assert_eq!(farm.take("two", NOW).await, None);
    farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap();
}

pub(crate) async fn sixteen_workers_take_five_hundred_tasks_once(farm: &impl Farm) {
    for frames in 1..=500 {
        farm.submit(frames, 1).await;
    }
    assert_eq!(farm.release(NOW).await.len(), 500);
    let life = async |place: usize| {
        let mut got = Vec::new();
        while let Some(lease) = farm.take(&format!("worker-{place}"), NOW).await {
            got.push(lease.key);
        }
        got
    };
    let mut taken: Vec<_> = join_all((0..16).map(life)).await.concat();
    assert_eq!(taken.len(), 500);
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 500, "a task was taken twice");
}

pub(crate) async fn urgent_work_comes_first_then_what_is_prepared_here(farm: &impl Farm) {
    let terms = |priority| Terms { priority, ..Terms::default() };
    let normal = farm.submit(10, 1).await;
    let held = farm.submit(11, 2).await;
    let low = farm.submit_as(12, 1, &terms(Priority::LOW)).await;
    farm.release(NOW).await;
    let urgent = farm.submit_as(13, 3, &terms(Priority::URGENT)).await;
    farm.release(NOW + 5).await;
    let mut order = Vec::new();
    let holds = [low.clone(), held.clone()];
    while let Some(lease) =
        farm.ledger().take(&worker("one"), &Reach::plain(&Lane::ALL), &holds, TERM, Timestamp(NOW + 9)).await.unwrap()
    {
        order.push(lease.key.job);
    }
    assert_eq!(order, [urgent, held, normal, low]);
}

pub(crate) async fn a_worker_keeps_to_its_reach(farm: &impl Farm) {
    let gold = Terms { pool: name("gold"), gpu_memory: 20_000, ..Terms::default() };
    let job = farm.submit_as(10, 1, &gold).await;
    farm.release(NOW).await;
    let reach = |lanes: &[Lane], pools: &[&str], gpu_memory| Reach {
        lanes: lanes.to_vec(),
        pools: pools.iter().map(|pool| name(pool)).collect(),
        gpu_memory,
    };
    for out_of_reach in [
        reach(&[Lane::Stitch], &["gold"], 80_000),
        reach(&[Lane::Render], &["default"], 80_000),
        reach(&[Lane::Render], &["gold"], 19_999),
        reach(&[], &["gold"], 80_000),
        reach(&[Lane::Render], &[], 80_000),
    ] {
        assert_eq!(farm.take_within("one", &out_of_reach, NOW).await, None, "{out_of_reach:?}");
    }
    let lease = farm.take_within("one", &reach(&Lane::ALL, &["default", "gold"], 20_000), NOW).await.unwrap();
    assert_eq!((lease.key, lease.terms), (key(&job, "prepare"), gold));
}

pub(crate) async fn a_task_goes_to_somebody_who_did_not_fail_it(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    for id in ["one", "two"] {
        farm.ledger().report(&card(id, &Reach::plain(&Lane::ALL)), &WorkerState::Idle, Timestamp(NOW)).await.unwrap();
    }
    farm.release(NOW).await;
    let lease = farm.take("one", NOW).await.unwrap();
    let later = farm.fail(&lease, NOW).await;
    farm.release(later).await;
    assert_eq!(farm.take("one", later).await, None, "two lives and did not fail it");
    let lease = farm.take("two", later).await.unwrap();
    let later = farm.fail(&lease, later).await;
    farm.release(later).await;
    assert_eq!(farm.take("two", later).await.unwrap().attempt, 3, "everybody who lives failed it");
    assert_eq!(farm.task(&job, "prepare").await.failures, 2);
}

pub(crate) async fn whoever_is_alone_gets_his_task_back(farm: &impl Farm) {
    farm.submit(10, 1).await;
    let gone = Timestamp(NOW - GONE_AFTER.as_millis() as i64 - 1);
    let stitcher = Reach::plain(&[Lane::Stitch]);
    let others = [
        ("gone", Reach::plain(&Lane::ALL), WorkerState::Idle, gone),
        ("stitcher", stitcher, WorkerState::Idle, Timestamp(NOW)),
        (
            "other-pool",
            Reach { pools: vec![name("gold")], ..Reach::plain(&Lane::ALL) },
            WorkerState::Idle,
            Timestamp(NOW),
        ),
        ("draining", Reach::plain(&Lane::ALL), WorkerState::Draining, Timestamp(NOW)),
    ];
    for (id, reach, state, seen) in others {
        farm.ledger().report(&card(id, &reach), &state, seen).await.unwrap();
    }
    farm.release(NOW).await;
    let lease = farm.take("one", NOW).await.unwrap();
    let later = farm.fail(&lease, NOW).await;
    farm.release(later).await;
    assert!(farm.take("one", later).await.is_some());
}

pub(crate) async fn three_different_workers_fail_a_job(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let mut now = NOW;
    for (place, id) in ["one", "one", "two", "one", "three"].into_iter().enumerate() {
        farm.release(now).await;
        let lease = farm.take(id, now).await.unwrap();
        let error = Error::world(format!("failure {place}"));
        let state = farm.ledger().fail(&lease, &error, Patience::FARM, Timestamp(now)).await.unwrap();
        assert_eq!(state, if place == 4 { TaskState::Failed } else { TaskState::Ready }, "{place}");
        now += 1_000_000;
    }
    assert_eq!(farm.ledger().job(&job).await.unwrap().unwrap().state, JobState::Failed);
    // Taken up again, nothing of that counts.
    assert!(farm.ledger().revive(&job, Timestamp(now)).await.unwrap());
    for id in ["three", "two"] {
        farm.release(now).await;
        let lease = farm.take(id, now).await.unwrap();
        let state = farm.ledger().fail(&lease, &Error::world("again"), Patience::FARM, Timestamp(now)).await.unwrap();
        assert_eq!(state, TaskState::Ready);
        now += 1_000_000;
    }
}

pub(crate) async fn six_failures_are_enough_where_there_are_few_workers(farm: &impl Farm) {
    farm.submit(10, 1).await;
    let mut states = BTreeMap::new();
    for failure in 1..=6 {
        let now = NOW + failure * 1_000_000;
        farm.release(now).await;
        let lease = farm.take(["one", "two"][failure as usize % 2], now).await.unwrap();
        let state = farm.ledger().fail(&lease, &Error::world("x"), Patience::FARM, Timestamp(now)).await.unwrap();
        states.insert(failure, state);
    }
    assert!((1..=5).all(|failure| states[&failure] == TaskState::Ready), "{states:?}");
    assert_eq!(states[&6], TaskState::Failed);
}
