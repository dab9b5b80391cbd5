//! Rings that are lost, doubled or late: the queue is a bell and nothing more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use shared::{
    Result, Route, TaskKey,
    ports::{Listener, Queue, Stores, queue::DeadLetter, records::Outcome},
};

use super::{
    house::{House, results},
    live::{Live, embedded},
};

/// What happens to a ring.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Doubled,
    Late,
    Mixed,
}

/// A queue that is not to be relied on.
struct Unreliable {
    inner: Arc<dyn Queue>,
    fate: Fate,
    rings: AtomicU64,
}

#[async_trait]
impl Queue for Unreliable {
    async fn ring(&self, rings: &[(Route, TaskKey)]) -> Result<()> {
        for ring in rings {
            let ring = std::slice::from_ref(ring);
            let nth = self.rings.fetch_add(1, Ordering::SeqCst);
            let fate = match (self.fate, nth % 3) {
                (Fate::Mixed, 0) => Fate::Lost,
                (Fate::Mixed, 1) => Fate::Doubled,
                (Fate::Mixed, _) => Fate::Late,
                (fate, _) => fate,
            };
            match fate {
                Fate::Lost => {}
                Fate::Late => {
                    let (inner, ring) = (self.inner.clone(), ring.to_vec());
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(700)).await;
                        inner.ring(&ring).await.unwrap();
                    });
                }
                Fate::Doubled | Fate::Mixed => {
                    self.inner.ring(ring).await?;
                    // Again when somebody may have heard the first.
                    let (inner, ring) = (self.inner.clone(), ring.to_vec());
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(30)).await;
                        inner.ring(&ring).await.unwrap();
                    });
                }
            }
        }
        Ok(())
    }

    async fn listen(&self, routes: &[Route]) -> Result<Box<dyn Listener>> {
        self.inner.listen(routes).await
    }

    async fn wake(&self) -> Result<()> {
        // Half of the wakes are lost too.
        if self.rings.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { self.inner.wake().await } else { Ok(()) }
    }

    async fn woken(&self) -> Result<()> {
        self.inner.woken().await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>> {
        self.inner.dead_letters(limit).await
    }

    async fn count_dead_letters(&self) -> Result<u64> {
        self.inner.count_dead_letters().await
    }

    async fn replay_dead_letters(&self) -> Result<u64> {
        self.inner.replay_dead_letters().await
    }

    async fn purge_dead_letters(&self) -> Result<u64> {
        self.inner.purge_dead_letters().await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }
}

/// The film is the same, and every task was worked on once.
async fn makes_the_film(fate: Fate) {
    let dir = tempfile::tempdir().unwrap();
    let stores = embedded(dir.path()).await;
    let queue = Arc::new(Unreliable { inner: stores.queue.clone(), fate, rings: AtomicU64::new(0) });
    let mut live = Live::on(Stores { queue, ..stores });
    live.coordinate(1);
    live.coordinate(2);
    live.work("one");
    live.work("two");
    let job = live.submit(7).await;
    live.done(&job).await;
    assert_eq!(live.outcomes(&job).await, [Outcome::Done; 7]);
    let undisturbed = House::new().await;
    undisturbed.work(&undisturbed.worker("only")).await;
    assert!(results(&live.stores, &job).await == undisturbed.results().await, "another film");
    live.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_rings_are_made_up_for_by_the_clock() {
    makes_the_film(Fate::Lost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doubled_rings_give_nobody_a_task_twice() {
    makes_the_film(Fate::Doubled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rings_find_nothing_and_do_no_harm() {
    makes_the_film(Fate::Late).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_together_changes_nothing() {
    makes_the_film(Fate::Mixed).await;
}
