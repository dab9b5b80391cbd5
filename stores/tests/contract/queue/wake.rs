//! Waking coordinators.

use tokio::time::timeout;

use super::Bells;

async fn woken(bells: &impl Bells) -> bool {
    timeout(bells.patience(), bells.queue().woken()).await.is_ok_and(|woken| woken.is_ok())
}

/// Where a wake must come, a loaded machine has its time.
async fn wakes(bells: &impl Bells) -> bool {
    timeout(bells.patience() * 20, bells.queue().woken()).await.is_ok_and(|woken| woken.is_ok())
}

pub(crate) async fn a_wake_reaches_who_waits(bells: &impl Bells) {
    let late = async {
        tokio::time::sleep(bells.patience() / 2).await;
        bells.queue().wake().await.unwrap();
    };
    let (woken, ()) = tokio::join!(wakes(bells), late);
    assert!(woken);
}

pub(crate) async fn a_wake_waits_for_who_comes(bells: &impl Bells) {
    assert!(!woken(bells).await);
    bells.queue().wake().await.unwrap();
    assert!(wakes(bells).await);
    assert!(!woken(bells).await, "one wake wakes once");
}

pub(crate) async fn many_wakes_are_few(bells: &impl Bells) {
    for _ in 0..200 {
        bells.queue().wake().await.unwrap();
    }
    assert!(wakes(bells).await);
    let mut times = 1;
    while woken(bells).await {
        times += 1;
    }
    assert!((1..=5).contains(&times), "woken {times} times");
}

pub(crate) async fn each_wake_has_one_coordinator(bells: &impl Bells) {
    let late = async {
        tokio::time::sleep(bells.patience() / 2).await;
        bells.queue().wake().await.unwrap();
    };
    let (one, other) = (Box::pin(wakes(bells)), Box::pin(wakes(bells)));
    let (first, ()) = tokio::join!(futures_util::future::select(one, other), late);
    let (woken, waiting) = first.factor_first();
    assert!(woken, "nobody was woken");
    assert!(timeout(bells.patience(), waiting).await.is_err(), "one wake woke both");
}

pub(crate) async fn a_dropped_wait_loses_no_wake(bells: &impl Bells) {
    for n in 0..10 {
        let late = async {
            tokio::time::sleep(bells.patience() / 8).await;
            bells.queue().wake().await.unwrap();
        };
        let pause = bells.patience() * n / 40;
        let (early, ()) = tokio::join!(timeout(pause, bells.queue().woken()), late);
        assert!(early.is_ok() || wakes(bells).await, "dropped after {pause:?}");
    }
}

pub(crate) async fn a_queue_that_answers_says_so(bells: &impl Bells) {
    bells.queue().ping().await.unwrap();
}
