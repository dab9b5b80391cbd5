//! The reconciler.

use std::{sync::Arc, task::Poll, time::Duration};

use coordinator::{Draft, Sweep, draft, submit};
use shared::{
    Clock as _, Error, Route, TaskKey, Timestamp,
    clock::ManualClock,
    pace::Pace,
    ports::{Listener, Patience, WorkerId},
    task::Lane,
};
use tokio_util::sync::CancellationToken;

use super::farm::{Farm, Sizes, wishes};

const TERM: Duration = Duration::from_secs(30);

/// A farm with a submitted job, and its sweep.
struct Swept {
    farm: Farm,
    clock: Arc<ManualClock>,
    sweep: Sweep,
    draft: Draft,
}

async fn swept() -> Swept {
    let farm = Farm::new().await;
    let clock = Arc::new(ManualClock::at(Timestamp(1000)));
    let draft = draft(&farm.portrait(), &farm.track(8000), &wishes(), &Sizes).unwrap();
    submit(&draft, farm.stores.ledger.as_ref(), farm.stores.blobs.as_ref(), clock.as_ref()).await.unwrap();
    let never = Pace::new(Duration::from_hours(1), 0);
    let sweep = Sweep::new(farm.stores.ledger.clone(), farm.stores.queue.clone(), clock.clone()).paced(never);
    Swept { farm, clock, sweep, draft }
}

impl Swept {
    fn prepare(&self) -> TaskKey {
        TaskKey { job: self.draft.id.clone(), task: self.draft.plan.tasks[0].id.clone() }
    }

    async fn claim(&self) -> shared::ports::Lease {
        let (key, worker) = (self.prepare(), WorkerId("one".into()));
        let claim = self.farm.stores.ledger.claim(&key, &worker, TERM, self.clock.now());
        claim.await.unwrap().unwrap()
    }

    /// A worker takes the released task and gives it back: it is ready, and not released.
    async fn give_back(&self) {
        let lease = self.claim().await;
        self.farm.stores.ledger.give_back(&lease, self.clock.now()).await.unwrap();
    }

    async fn listener(&self) -> Box<dyn Listener> {
        self.farm.stores.queue.listen(&[Route::plain(Lane::Render)]).await.unwrap()
    }
}

/// The task that rings now, if one does.
async fn ringing(listener: &mut dyn Listener) -> Option<TaskKey> {
    let bell = {
        let mut wait = listener.next();
        let now = std::future::poll_fn(|context| Poll::Ready(wait.as_mut().poll(context))).await;
        let Poll::Ready(bell) = now else { return None };
        bell.unwrap()
    };
    listener.settle(bell.clone()).await.unwrap();
    Some(bell.key)
}

#[tokio::test]
async fn a_sweep_rings_for_what_is_ready_and_nothing_else() {
    let swept = swept().await;
    let mut listener = swept.listener().await;
    swept.sweep.tick().await.unwrap();
    swept.sweep.tick().await.unwrap();
    assert_eq!(ringing(listener.as_mut()).await, Some(swept.prepare()));
    assert_eq!(ringing(listener.as_mut()).await, None, "two sweeps ring once");
    swept.claim().await;
    swept.sweep.tick().await.unwrap();
    assert_eq!(ringing(listener.as_mut()).await, None, "a task that is leased does not ring");
}

#[tokio::test]
async fn a_ring_that_was_lost_is_repeated() {
    let swept = swept().await;
    let mut listener = swept.listener().await;
    for _ in 0..3 {
        swept.sweep.tick().await.unwrap();
        assert_eq!(ringing(listener.as_mut()).await, Some(swept.prepare()), "heard, but nobody claimed");
        swept.sweep.tick().await.unwrap();
        assert_eq!(ringing(listener.as_mut()).await, None, "the ring may still be heard");
        swept.clock.advance(Duration::from_millis(10_001));
    }
}

#[tokio::test]
async fn a_lost_worker_is_found_out_and_its_task_rings() {
    let swept = swept().await;
    let mut listener = swept.listener().await;
    swept.claim().await;
    swept.clock.advance(TERM);
    swept.sweep.tick().await.unwrap();
    assert_eq!(ringing(listener.as_mut()).await, None, "the lease holds until its last moment");
    swept.clock.advance(Duration::from_millis(1));
    swept.sweep.tick().await.unwrap();
    assert_eq!(ringing(listener.as_mut()).await, Some(swept.prepare()));
}

#[tokio::test]
async fn a_failed_task_rings_when_its_wait_is_over() {
    let swept = swept().await;
    let mut listener = swept.listener().await;
    let lease = swept.claim().await;
    swept
        .farm
        .stores
        .ledger
        .fail(&lease, &Error::world("disk full"), Patience::EMBEDDED, swept.clock.now())
        .await
        .unwrap();
    swept.sweep.tick().await.unwrap();
    assert_eq!(ringing(listener.as_mut()).await, None);
    swept.clock.advance(Duration::from_secs(1));
    swept.sweep.tick().await.unwrap();
    assert_eq!(ringing(listener.as_mut()).await, Some(swept.prepare()));
}

#[tokio::test]
async fn the_loop_releases_at_once_when_woken_and_until_it_is_stopped() {
    let swept = swept().await;
    let mut listener = swept.listener().await;
    let cancel = CancellationToken::new();
    let watch = async {
        // Each wait ends only when another round released the task.
        for _ in 0..3 {
            let bell = listener.next().await.unwrap();
            assert_eq!(bell.key, swept.prepare());
            listener.settle(bell).await.unwrap();
            swept.give_back().await;
            swept.farm.stores.queue.wake().await.unwrap();
        }
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(swept.sweep.run(cancel.clone()), watch);
    ended.unwrap();
}
