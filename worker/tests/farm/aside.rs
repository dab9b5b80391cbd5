//! Workers that are set aside, drained, or do not stop in time.

use std::time::{Duration, Instant};

use shared::{
    Clock as _, Timestamp,
    clock::SystemClock,
    ports::{
        Stores,
        crew::{Hand, WorkerOrder, WorkerState},
        records::Outcome,
    },
};
use worker::Settings;

use super::live::{Live, embedded};

async fn crew(live: &Live) -> Vec<Hand> {
    live.stores.ledger.crew(Timestamp(0)).await.unwrap()
}

/// Waits until the only worker of the crew is at something.
async fn until(live: &Live, what: impl Fn(&WorkerState) -> bool) -> Hand {
    let began = Instant::now();
    loop {
        if let [hand] = &crew(live).await[..]
            && what(&hand.state)
        {
            return hand.clone();
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{:?}", crew(live).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_aside(state: &WorkerState) -> bool {
    matches!(state, WorkerState::SetAside { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_fails_three_tasks_takes_no_more_until_it_is_asked_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::on(embedded(dir.path()).await);
    live.coordinate(1);
    let settings = Settings { set_aside_after: Some(3), ..live.settings("broken") };
    let mut broken = Vec::new();
    for seed in 1..=3 {
        let job = live.submit(seed).await;
        // The world's fault, as far as the worker can tell.
        live.stores.blobs.remove(&format!("jobs/{job}/inputs/")).await.unwrap();
        broken.push(job);
    }
    let worker = live.worker(settings);
    live.run(worker);
    let hand = until(&live, is_aside).await;
    let WorkerState::SetAside { reason } = &hand.state else { unreachable!() };
    assert!(reason.contains("3 different tasks of the kind prepare") && reason.contains("inputs/portrait"), "{reason}");
    let healthy = live.submit(9).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let attempts = live.stores.ledger.attempts(&healthy, None, 0, 9).await.unwrap();
    assert!(attempts.is_empty(), "it takes nothing: {attempts:?}");
    for job in &broken {
        live.stores.ledger.cancel(job, None, SystemClock.now()).await.unwrap();
    }
    assert!(live.stores.ledger.ask(&hand.card.id, WorkerOrder::Work).await.unwrap());
    live.done(&healthy).await;
    live.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_worker_finishes_its_task_and_leaves_the_crew() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = Live::on(embedded(dir.path()).await);
    live.coordinate(1);
    *live.script.slow.lock().unwrap() = Some((0, Duration::from_secs(6)));
    live.work("leaving");
    let job = live.submit(7).await;
    let hand =
        until(&live, |state| matches!(state, WorkerState::Busy { task, .. } if task.as_str() == "segment-0-00000"))
            .await;
    assert!(live.stores.ledger.ask(&hand.card.id, WorkerOrder::Drain).await.unwrap());
    until(&live, |state| *state == WorkerState::Draining).await;
    let began = Instant::now();
    while !crew(&live).await.is_empty() {
        assert!(began.elapsed() < Duration::from_mins(1), "it does not leave");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // `prepare` and the segment at hand, and nothing after it.
    assert_eq!(live.stores.ledger.attempts(&job, None, 0, 9).await.unwrap().len(), 2);
    live.work("next");
    live.done(&job).await;
    assert_eq!(live.outcomes(&job).await, [Outcome::Done; 7]);
    live.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_does_not_stop_in_time_is_given_back_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let stores: Stores = embedded(dir.path()).await;
    let mut live = Live::on(stores);
    live.coordinate(1);
    *live.script.slow.lock().unwrap() = Some((12, Duration::from_secs(10)));
    let grace = Duration::from_millis(300);
    let worker = live.worker(Settings { grace, ..live.settings("wedged") });
    live.run(worker);
    let job = live.submit(7).await;
    live.script.began.notified().await;
    let (stopped, stores) = (Instant::now(), live.stores.clone());
    live.close().await;
    assert!(stopped.elapsed() < Duration::from_secs(9), "the worker did not wait for its thread");
    let attempts = stores.ledger.attempts(&job, None, 0, 9).await.unwrap();
    assert_eq!(attempts.last().unwrap().outcome, Outcome::GivenBack);
    let tasks = stores.ledger.tasks(&job).await.unwrap();
    assert!(tasks.iter().all(|task| task.failures == 0));
}
