//! A broker that is killed and comes back.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use shared::error::Cause;
use tokio::time::timeout;

use super::{Bells as _, OwnRabbit, comes, key, listen, render, ring, soon};

pub(crate) async fn no_confirmed_ring_is_lost_with_the_broker(rabbit: &OwnRabbit) {
    let mut listener = listen(rabbit, &[render()]).await;
    ring(rabbit, &render(), 0..100).await;
    let mut seen = BTreeSet::new();
    settled(rabbit).await;
    for _ in 0..10 {
        seen.insert(comes(rabbit, listener.as_mut()).await.unwrap());
    }
    let held = soon(rabbit, listener.as_mut()).await.unwrap();
    rabbit.broker.restart().await;
    // Its connection is gone, so this ring comes again; that is no error of whoever worked on it.
    listener.settle(held).await.unwrap();
    while let Ok(bell) = timeout(Duration::from_mins(1), listener.next()).await {
        let bell = bell.unwrap();
        seen.insert(bell.key.clone());
        listener.settle(bell).await.unwrap();
        if seen.len() == 100 {
            break;
        }
    }
    assert_eq!(seen.len(), 100, "the listener goes on and hears all");
    // The first call after the restart may find the old connection broken.
    let rings = [(render(), key(100))];
    if rabbit.queue().ring(&rings).await.is_err() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        rabbit.queue().ring(&rings).await.unwrap();
    }
    while comes(rabbit, listener.as_mut()).await.expect("rings go through again") != key(100) {}
}

pub(crate) async fn a_listener_waits_for_a_broker_that_is_away(rabbit: &OwnRabbit) {
    let mut listener = listen(rabbit, &[render()]).await;
    ring(rabbit, &render(), [1]).await;
    settled(rabbit).await;
    rabbit.broker.stop().await;
    let back = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        rabbit.broker.start().await;
    };
    let both = async { tokio::join!(listener.next(), rabbit.queue().woken(), rabbit.wake_when_back(), back) };
    let (bell, woken, (), ()) = timeout(Duration::from_secs(150), both).await.expect("they come back with the broker");
    assert_eq!(bell.unwrap().key, key(1));
    woken.unwrap();
}

pub(crate) async fn a_ring_into_the_void_fails_soon_and_says_where(rabbit: &OwnRabbit) {
    ring(rabbit, &render(), [1]).await;
    rabbit.broker.stop().await;
    let since = Instant::now();
    for _ in 0..50 {
        let error = rabbit.queue().ring(&[(render(), key(2))]).await.unwrap_err();
        assert_eq!(error.cause(), Cause::Unreachable);
        assert!(rabbit.queue().wake().await.is_err() && rabbit.queue().ping().await.is_err());
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:") && !text.contains("guest:"), "{text}");
    }
    assert!(since.elapsed() < Duration::from_secs(10), "who rings does not wait for a broker that is away");
}

/// Waits until the names of new queues are on the broker's disk: `RabbitMQ` writes them half a second after a queue was made (`auto_save` of
/// Ra's `names.dets`), and a queue whose name is lost with the power never gets a leader again.
async fn settled(rabbit: &OwnRabbit) {
    rabbit.queue().wake().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
}

impl OwnRabbit {
    /// Wakes as soon as somebody listens again.
    async fn wake_when_back(&self) {
        while self.queue().wake().await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
