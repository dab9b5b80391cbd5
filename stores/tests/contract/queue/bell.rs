//! Rings and who hears them.

use std::{collections::BTreeSet, task::Poll};

use shared::{
    Route, TaskId, TaskKey,
    ports::{Bell, Listener},
    task::Lane,
};

use super::Bells;

fn key(n: usize) -> TaskKey {
    TaskKey { job: "0".repeat(32).parse().unwrap(), task: TaskId::from_text(format!("task-{n}")) }
}

async fn ring(bells: &impl Bells, lane: Lane, n: usize) {
    bells.queue().ring(&[(Route::plain(lane), key(n))]).await.unwrap();
}

async fn listen(bells: &impl Bells, lanes: &[Lane]) -> Box<dyn Listener> {
    bells.queue().listen(&lanes.iter().copied().map(Route::plain).collect::<Vec<_>>()).await.unwrap()
}

/// The next ring, if one waits: the wait is polled once and dropped.
async fn now(listener: &mut dyn Listener) -> Option<Bell> {
    let mut wait = listener.next();
    std::future::poll_fn(|context| {
        Poll::Ready(match wait.as_mut().poll(context) {
            Poll::Ready(bell) => Some(bell.unwrap()),
            Poll::Pending => None,
        })
    })
    .await
}

/// The next ring, settled.
async fn heard(listener: &mut dyn Listener) -> Option<TaskKey> {
    let bell = now(listener).await?;
    listener.settle(bell.clone()).await.unwrap();
    Some(bell.key)
}

pub(crate) async fn a_ring_is_heard_in_order(bells: &impl Bells) {
    let mut listener = listen(bells, &[Lane::Render]).await;
    for n in 0..3 {
        ring(bells, Lane::Render, n).await;
    }
    for n in 0..3 {
        assert_eq!(heard(listener.as_mut()).await, Some(key(n)));
    }
    assert_eq!(heard(listener.as_mut()).await, None);
}

pub(crate) async fn a_ring_wakes_who_waits(bells: &impl Bells) {
    let mut listener = listen(bells, &[Lane::Render]).await;
    let (bell, ()) = tokio::join!(listener.next(), ring(bells, Lane::Render, 1));
    assert_eq!(bell.unwrap().key, key(1));
}

pub(crate) async fn a_waiting_task_rings_once(bells: &impl Bells) {
    let mut listener = listen(bells, &[Lane::Render]).await;
    ring(bells, Lane::Render, 1).await;
    ring(bells, Lane::Render, 1).await;
    assert_eq!(heard(listener.as_mut()).await, Some(key(1)));
    assert_eq!(heard(listener.as_mut()).await, None);
    ring(bells, Lane::Render, 1).await;
    assert_eq!(heard(listener.as_mut()).await, Some(key(1)), "a task that was heard may ring again");
}

pub(crate) async fn each_ring_has_one_listener(bells: &impl Bells) {
    let mut listeners = [listen(bells, &[Lane::Render]).await, listen(bells, &[Lane::Render]).await];
    for n in 0..10 {
        ring(bells, Lane::Render, n).await;
    }
    let mut all = Vec::new();
    for turn in 0..10 {
        all.extend(heard(listeners[turn % 2].as_mut()).await);
    }
    assert_eq!(all.len(), 10);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 10);
}

pub(crate) async fn lanes_are_separate(bells: &impl Bells) {
    let mut stitcher = listen(bells, &[Lane::Stitch]).await;
    ring(bells, Lane::Render, 1).await;
    assert_eq!(heard(stitcher.as_mut()).await, None);
    ring(bells, Lane::Stitch, 2).await;
    assert_eq!(heard(stitcher.as_mut()).await, Some(key(2)));
    let mut renderer = listen(bells, &[Lane::Render]).await;
    assert_eq!(heard(renderer.as_mut()).await, Some(key(1)));
    assert!(bells.queue().listen(&[]).await.is_err());
}

pub(crate) async fn a_listener_hears_several_lanes(bells: &impl Bells) {
    ring(bells, Lane::Stitch, 1).await;
    ring(bells, Lane::Render, 2).await;
    let mut listener = listen(bells, &Lane::ALL).await;
    let both: BTreeSet<_> = [heard(listener.as_mut()).await, heard(listener.as_mut()).await].into();
    assert_eq!(both, [Some(key(1)), Some(key(2))].into());
}

pub(crate) async fn nothing_is_lost_with_a_dropped_wait(bells: &impl Bells) {
    let mut leaving = listen(bells, &[Lane::Render]).await;
    let mut staying = listen(bells, &[Lane::Render]).await;
    // The wait is registered, the ring arrives, and the wait is dropped without another poll.
    {
        let mut wait = leaving.next();
        let waits = std::future::poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_pending())).await;
        assert!(waits);
        ring(bells, Lane::Render, 1).await;
    }
    drop(leaving);
    assert_eq!(heard(staying.as_mut()).await, Some(key(1)));
}

pub(crate) async fn what_was_not_settled_rings_again(bells: &impl Bells) {
    let mut dying = listen(bells, &[Lane::Render]).await;
    let mut waiting = listen(bells, &[Lane::Render]).await;
    ring(bells, Lane::Render, 1).await;
    assert_eq!(now(dying.as_mut()).await.unwrap().key, key(1));
    assert_eq!(heard(waiting.as_mut()).await, None);
    let (bell, ()) = tokio::join!(waiting.next(), async { drop(dying) });
    assert_eq!(bell.unwrap().key, key(1));
}

pub(crate) async fn what_was_settled_does_not(bells: &impl Bells) {
    let mut leaving = listen(bells, &[Lane::Render]).await;
    ring(bells, Lane::Render, 1).await;
    assert_eq!(heard(leaving.as_mut()).await, Some(key(1)));
    drop(leaving);
    let mut listener = listen(bells, &[Lane::Render]).await;
    assert_eq!(heard(listener.as_mut()).await, None);
}

pub(crate) async fn rings_are_bounded(bells: &impl Bells) {
    for n in 0..bells.most() + 10 {
        ring(bells, Lane::Render, n).await;
    }
    ring(bells, Lane::Stitch, 1).await;
    let mut listener = listen(bells, &[Lane::Render]).await;
    let mut heard_of = 0;
    while heard(listener.as_mut()).await.is_some() {
        heard_of += 1;
    }
    assert_eq!(heard_of, bells.most());
    let mut stitcher = listen(bells, &[Lane::Stitch]).await;
    assert_eq!(heard(stitcher.as_mut()).await, Some(key(1)), "a full lane does not fill another");
}
