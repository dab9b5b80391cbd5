//! Claims and renewals.

use std::collections::BTreeMap;

use shared::{
    TaskState, Terms, Timestamp,
    ports::{Lease, Patience, Renewal},
};

use super::farm::{Farm, NOW, TERM, frames, key, order, plan, worker};

pub(crate) async fn a_claim_gives_all_that_is_needed(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.make(&job, "prepare").await;
    farm.make(&job, "segment-0-00000").await;
    let lease = farm.claim(&job, "segment-0-00001", NOW).await.unwrap();
    let node = plan(10).tasks[2].clone();
    let inputs = node.needs.iter().map(|id| (id.clone(), 1)).collect();
    let expected = Lease {
        key: key(&job, "segment-0-00001"),
        attempt: 1,
        worker: worker("one"),
        until: Timestamp(NOW).after(TERM),
        node,
        order: order(10),
        terms: Terms::default(),
        inputs,
    };
    assert_eq!(lease, expected);
    assert_eq!(farm.task(&job, "segment-0-00001").await.state, TaskState::Leased);
}

pub(crate) async fn of_two_claims_one_wins(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let prepare = key(&job, "prepare");
    let [one, two] = [worker("one"), worker("two")];
    let ledger = farm.ledger();
    let (a, b) = tokio::join!(
        ledger.claim(&prepare, &one, TERM, Timestamp(NOW)),
        ledger.claim(&prepare, &two, TERM, Timestamp(NOW))
    );
    assert_eq!(usize::from(a.unwrap().is_some()) + usize::from(b.unwrap().is_some()), 1);
}

/// One worker's life: take the best there is, until there is nothing.
async fn take_all(farm: &impl Farm, name: String) -> Vec<(String, u32)> {
    let mut got = Vec::new();
    while let Some(lease) = farm.take(&name, NOW).await {
        got.push((lease.key.to_string(), lease.attempt));
    }
    got
}

pub(crate) async fn fifty_workers_share_two_hundred_tasks(farm: &impl Farm) {
    for frames in 1..=200 {
        farm.submit(frames, 1).await;
    }
    assert_eq!(farm.release(NOW).await.len(), 200);
    // Fifty lives at once on this one task: every await is a place where another goes on.
    let mut lives: Vec<_> = (0..50).map(|i| Box::pin(take_all(farm, format!("worker-{i}")))).collect();
    let mut attempts = BTreeMap::new();
    let all = std::future::poll_fn(|context| {
        lives.retain_mut(|life| match life.as_mut().poll(context) {
            std::task::Poll::Ready(got) => {
                for (key, attempt) in got {
                    assert_eq!(attempts.insert(key.clone(), attempt), None, "{key} was claimed twice");
                }
                false
            }
            std::task::Poll::Pending => true,
        });
        if lives.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    });
    all.await;
    assert_eq!(attempts.len(), 200);
    assert!(attempts.values().all(|attempt| *attempt == 1));
}

pub(crate) async fn attempts_grow(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    for attempt in 1..=4 {
        let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
        assert_eq!(lease.attempt, attempt);
        farm.ledger().renew(&lease, &frames(1), lease.until, Timestamp(NOW)).await.unwrap();
        farm.ledger().give_back(&lease, Timestamp(NOW)).await.unwrap();
    }
    farm.claim(&job, "prepare", NOW).await.unwrap();
    let task = farm.task(&job, "prepare").await;
    assert_eq!((task.attempt, task.frames_done), (5, 0), "a new attempt starts at no frames");
}

pub(crate) async fn only_ready_tasks_are_claimed(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    assert_eq!(farm.claim(&job, "segment-0-00000", NOW).await, None, "waiting");
    assert_eq!(farm.claim(&job, "no-such-task", NOW).await, None);
    farm.claim(&job, "prepare", NOW).await.unwrap();
    assert_eq!(farm.claim(&job, "prepare", NOW).await, None, "leased");
    let other = farm.submit(11, 1).await;
    farm.make(&other, "prepare").await;
    assert_eq!(farm.claim(&other, "prepare", NOW).await, None, "done");
    farm.ledger().cancel(&other, None, Timestamp(NOW)).await.unwrap();
    assert_eq!(farm.claim(&other, "segment-0-00000", NOW).await, None, "cancelled");
}

pub(crate) async fn a_renewal_keeps_the_lease(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    let later = lease.until.after(TERM);
    assert_eq!(farm.ledger().renew(&lease, &frames(3), later, Timestamp(NOW)).await.unwrap(), Renewal::Kept);
    assert_eq!(farm.ledger().expire(Patience::EMBEDDED, lease.until.after(TERM / 2)).await.unwrap(), []);
    assert_eq!(farm.task(&job, "prepare").await.frames_done, 3);
}

pub(crate) async fn a_renewal_of_a_lost_lease_says_so(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    farm.ledger().expire(Patience::EMBEDDED, lease.until.after(TERM)).await.unwrap();
    assert_eq!(farm.ledger().renew(&lease, &frames(1), lease.until, Timestamp(NOW)).await.unwrap(), Renewal::Lost);
    let next = farm.claim(&job, "prepare", NOW).await.unwrap();
    assert_eq!(farm.ledger().renew(&lease, &frames(1), lease.until, Timestamp(NOW)).await.unwrap(), Renewal::Lost);
    assert_eq!(farm.ledger().renew(&next, &frames(1), next.until, Timestamp(NOW)).await.unwrap(), Renewal::Kept);
}
