//! Many hands at once on one ledger, opened several times.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use shared::{
    Hold, JobState, Priority, TaskState, Timestamp,
    error::Cause,
    ports::{Patience, records::Outcome, schedule::View},
};

use super::farm::{Lasting, NOW, TERM};

pub(crate) async fn two_coordinators_release_each_task_once(farm: &impl Lasting) {
    let other = farm.again().await;
    for frames in 1..=30 {
        farm.submit(frames, 1).await;
    }
    let some = |view: &View| view.candidates.iter().take(4).map(|task| task.key.clone()).collect();
    let mut released = Vec::new();
    for _ in 0..6 {
        let (a, b) =
            tokio::join!(farm.ledger().release(9, Timestamp(NOW), &some), other.release(9, Timestamp(NOW), &some));
        released.extend(a.unwrap().into_iter().chain(b.unwrap()).map(|(_, key)| key));
    }
    assert_eq!(released.len(), 30);
    released.sort();
    released.dedup();
    assert_eq!(released.len(), 30, "a task was released twice");
}

/// People who look must not wait for those who decide.
pub(crate) async fn counting_waits_for_no_round(farm: &impl Lasting) {
    let other = farm.again().await;
    farm.submit(10, 1).await;
    let (counted, wait) = std::sync::mpsc::channel();
    let wait = std::sync::Mutex::new(wait);
    let (began, begin) = tokio::sync::oneshot::channel();
    let began = std::sync::Mutex::new(Some(began));
    let decide = |_: &View| {
        began.lock().unwrap().take().into_iter().for_each(|began| began.send(()).unwrap());
        let under_way = wait.lock().unwrap().recv_timeout(std::time::Duration::from_secs(20));
        assert_eq!(under_way, Ok(0), "it was counted while the round went on");
        Vec::new()
    };
    let looking = tokio::spawn(async move {
        begin.await.unwrap();
        let tenant = shared::Name::house();
        counted.send(other.under_way(&tenant).await.unwrap()).unwrap();
    });
    farm.ledger().release(9, Timestamp(NOW), &decide).await.unwrap();
    looking.await.unwrap();
}

/// Everything that changes tasks, all at once and over again: nobody waits for anybody in a circle, every change is whole, and
/// no task is completed twice.
pub(crate) async fn nothing_is_lost_in_a_crowd(farm: &impl Lasting) {
    let other = farm.again().await;
    let mut jobs = Vec::new();
    for frames in 0..6 {
        jobs.push(farm.submit(40 + frames, 1).await);
    }
    let worker = async |name: String| {
        let mut idle = 0;
        while idle < 40 {
            let Some(lease) = farm.take(&name, NOW).await else {
                idle += 1;
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                continue;
            };
            idle = 0;
            let ended = match (lease.attempt, name.len() % 2) {
                (1, 0) => farm.ledger().give_back(&lease, Timestamp(NOW)).await,
                _ => farm.ledger().complete(&lease, Timestamp(NOW)).await.map(drop),
            };
            assert!(ended.is_ok() || ended.unwrap_err().cause() == Cause::LeaseLost);
        }
    };
    let coordinator = async || {
        for _ in 0..150 {
            farm.release(NOW).await;
            other.expire(Patience::FARM, Timestamp(NOW)).await.unwrap();
            other.unheard(Timestamp(NOW), 9, Timestamp(NOW)).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
    };
    let people = async {
        for round in 0..40_u8 {
            for job in &jobs {
                let hold = if round % 2 == 0 { Hold::Paused } else { Hold::None };
                other.hold(job, hold, Timestamp(NOW)).await.unwrap();
                other.set_priority(job, Priority::try_from(round).unwrap(), Timestamp(NOW)).await.unwrap();
            }
            if round == 20 {
                other.cancel(&jobs[0], None, Timestamp(NOW)).await.unwrap();
                other.revive(&jobs[0], Timestamp(NOW)).await.unwrap();
            }
        }
    };
    let workers = join_all((0..8).map(|place| worker(format!("worker-{}", "x".repeat(place)))));
    tokio::join!(workers, coordinator(), coordinator(), people);
    finish(farm).await;
    let mut done = BTreeMap::new();
    for job in &jobs {
        assert_eq!(farm.ledger().job(job).await.unwrap().unwrap().state, JobState::Done, "{job}");
        assert!(farm.states(job).await.iter().all(|state| *state == TaskState::Done));
        for attempt in farm.ledger().attempts(job, None, 0, 10_000).await.unwrap() {
            *done.entry((job, attempt.task)).or_insert(0) += u32::from(attempt.outcome == Outcome::Done);
        }
        let progress = farm.ledger().progress(job).await.unwrap();
        assert_eq!((progress.tasks_done, progress.frames_rendered), (progress.tasks, progress.frames));
    }
    assert!(done.values().all(|count| *count == 1), "{done:?}");
}

async fn finish(farm: &impl Lasting) {
    loop {
        farm.release(NOW).await;
        let Some(lease) = farm.take("last", NOW).await else { break };
        farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap();
    }
    farm.ledger().expire(Patience::FARM, Timestamp(NOW).after(TERM * 2)).await.unwrap();
}
