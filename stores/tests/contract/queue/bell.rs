//! Rings and who hears them.

use std::{collections::BTreeSet, task::Poll};

use shared::{Route, error::Cause};

use super::{Bells, comes, heard, key, listen, now, render, ring, soon, stitch};

pub(crate) async fn rings_are_heard_in_order(bells: &impl Bells) {
    let mut listener = listen(bells, &[render()]).await;
    ring(bells, &render(), 0..3).await;
    for n in 0..3 {
        assert_eq!(comes(bells, listener.as_mut()).await, Some(key(n)));
    }
    assert_eq!(heard(bells, listener.as_mut()).await, None);
}

pub(crate) async fn a_ring_wakes_who_waits(bells: &impl Bells) {
    let mut listener = listen(bells, &[render()]).await;
    let late = async {
        tokio::time::sleep(bells.patience() / 2).await;
        ring(bells, &render(), [1]).await;
    };
    let (bell, ()) = tokio::join!(listener.next(), late);
    assert_eq!(bell.unwrap().key, key(1));
}

pub(crate) async fn each_ring_has_one_listener(bells: &impl Bells) {
    let mut listeners = [listen(bells, &[render()]).await, listen(bells, &[render()]).await];
    ring(bells, &render(), 0..10).await;
    let mut all = Vec::new();
    for turn in 0..10 {
        all.extend(comes(bells, listeners[turn % 2].as_mut()).await);
    }
    assert_eq!(all.len(), 10);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 10);
}

pub(crate) async fn routes_are_separate(bells: &impl Bells) {
    let small = Route { memory: 8_000, ..render() };
    let other = Route { pool: "a100".parse().unwrap(), ..render() };
    ring(bells, &render(), [1]).await;
    ring(bells, &small, [2]).await;
    ring(bells, &other, [3]).await;
    let mut stitcher = listen(bells, &[stitch()]).await;
    assert_eq!(heard(bells, stitcher.as_mut()).await, None);
    ring(bells, &stitch(), [4]).await;
    for (route, n) in [(render(), 1), (small, 2), (other, 3), (stitch(), 4)] {
        let mut listener = listen(bells, std::slice::from_ref(&route)).await;
        assert_eq!(comes(bells, listener.as_mut()).await, Some(key(n)), "{route}");
        assert_eq!(now(bells, listener.as_mut()).await, None, "{route}");
    }
}

pub(crate) async fn a_listener_hears_several_routes(bells: &impl Bells) {
    let mut listener = listen(bells, &[render(), stitch()]).await;
    for (before, after) in [(stitch(), render()), (render(), stitch())] {
        ring(bells, &before, [1]).await;
        ring(bells, &after, [2]).await;
        let both = [comes(bells, listener.as_mut()).await, comes(bells, listener.as_mut()).await];
        assert_eq!(BTreeSet::from(both), [Some(key(1)), Some(key(2))].into());
    }
}

pub(crate) async fn nothing_is_lost_with_a_dropped_wait(bells: &impl Bells) {
    let mut leaving = listen(bells, &[render()]).await;
    let mut staying = listen(bells, &[render()]).await;
    // The wait is registered, the ring arrives, and the wait is dropped without another poll.
    {
        let mut wait = leaving.next();
        let waits = std::future::poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_pending())).await;
        assert!(waits);
        ring(bells, &render(), [1]).await;
    }
    drop(leaving);
    assert_eq!(comes(bells, staying.as_mut()).await, Some(key(1)));
}

pub(crate) async fn a_dropped_wait_keeps_nothing_from_others(bells: &impl Bells) {
    let mut busy = listen(bells, &[render(), stitch()]).await;
    let mut free = listen(bells, &[render(), stitch()]).await;
    for n in 0..10 {
        // Dropped at a different moment of the wait each time, with the ring on its way.
        let pause = bells.patience() * n / 40;
        let route = if n % 2 == 0 { render() } else { stitch() };
        let late = async {
            tokio::time::sleep(bells.patience() / 8).await;
            ring(bells, &route, [n as usize]).await;
        };
        let (early, ()) = tokio::join!(tokio::time::timeout(pause, busy.next()), late);
        match early {
            Ok(bell) => busy.settle(bell.unwrap()).await.unwrap(),
            Err(_) => assert_eq!(comes(bells, free.as_mut()).await, Some(key(n as usize)), "dropped after {pause:?}"),
        }
    }
}

pub(crate) async fn who_is_at_work_keeps_no_other_ring(bells: &impl Bells) {
    let routes = [render(), stitch(), Route { memory: 8_000, ..render() }];
    let mut working = listen(bells, &routes).await;
    let mut free = listen(bells, &routes).await;
    let rings: Vec<_> = (0..9).map(|n| (routes[n % 3].clone(), key(n))).collect();
    // All routes ring while it waits, so that each could have handed it one.
    let late = async {
        tokio::time::sleep(bells.patience() / 2).await;
        bells.queue().ring(&rings).await.unwrap();
    };
    let (bell, ()) = tokio::join!(working.next(), late);
    let mut all = BTreeSet::from([bell.unwrap().key]);
    for _ in 1..9 {
        assert!(all.insert(comes(bells, free.as_mut()).await.expect("nobody else is free")));
    }
    assert_eq!(all.len(), 9, "the eight others are heard while the first is worked on");
    assert_eq!(heard(bells, free.as_mut()).await, None, "each is heard once");
}

pub(crate) async fn what_was_not_settled_rings_again(bells: &impl Bells) {
    let mut dying = listen(bells, &[render()]).await;
    let mut waiting = listen(bells, &[render()]).await;
    ring(bells, &render(), [1]).await;
    assert_eq!(soon(bells, dying.as_mut()).await.unwrap().key, key(1));
    assert_eq!(heard(bells, waiting.as_mut()).await, None);
    let (bell, ()) = tokio::join!(waiting.next(), async { drop(dying) });
    assert_eq!(bell.unwrap().key, key(1));
}

pub(crate) async fn whoever_asks_for_the_next_leaves_the_one_before(bells: &impl Bells) {
    let mut listener = listen(bells, &[render()]).await;
    ring(bells, &render(), [1]).await;
    assert_eq!(soon(bells, listener.as_mut()).await.unwrap().key, key(1));
    assert_eq!(comes(bells, listener.as_mut()).await, Some(key(1)), "it was not settled, and nobody else is there");
    assert_eq!(heard(bells, listener.as_mut()).await, None);
}

pub(crate) async fn a_listener_goes_on_after_long_work(bells: &impl Bells) {
    let mut listener = listen(bells, &[render(), stitch()]).await;
    ring(bells, &render(), [1]).await;
    let first = soon(bells, listener.as_mut()).await.unwrap();
    tokio::time::sleep(bells.patience()).await;
    ring(bells, &render(), [2]).await;
    ring(bells, &stitch(), [3]).await;
    listener.settle(first).await.unwrap();
    let both = [comes(bells, listener.as_mut()).await, comes(bells, listener.as_mut()).await];
    assert_eq!(BTreeSet::from(both), [Some(key(2)), Some(key(3))].into());
}

pub(crate) async fn what_was_settled_does_not(bells: &impl Bells) {
    let mut leaving = listen(bells, &[render()]).await;
    ring(bells, &render(), [1]).await;
    assert_eq!(comes(bells, leaving.as_mut()).await, Some(key(1)));
    drop(leaving);
    let mut listener = listen(bells, &[render()]).await;
    assert_eq!(heard(bells, listener.as_mut()).await, None);
}

pub(crate) async fn a_full_queue_refuses_and_goes_on(bells: &impl Bells) {
    let most = stores::queue::MOST_RINGS;
    ring(bells, &render(), 0..most + 300).await;
    ring(bells, &stitch(), [1]).await;
    let mut stitcher = listen(bells, &[stitch()]).await;
    assert_eq!(comes(bells, stitcher.as_mut()).await, Some(key(1)), "a full route does not fill another");
    let mut listener = listen(bells, &[render()]).await;
    let mut heard_of = 0;
    while heard_of < most {
        assert_eq!(comes(bells, listener.as_mut()).await, Some(key(heard_of)), "the first come are kept");
        heard_of += 1;
    }
    while let Some(more) = heard(bells, listener.as_mut()).await {
        assert_eq!(more, key(heard_of), "the first come are kept");
        heard_of += 1;
    }
    // A broker counts what it has stored; what is on the way at that moment may come on top.
    assert!((most..=most + 128).contains(&heard_of), "{heard_of} rings were kept");
    ring(bells, &render(), [7]).await;
    assert_eq!(comes(bells, listener.as_mut()).await, Some(key(7)), "an emptied queue takes rings again");
}

pub(crate) async fn nobody_listens_to_nothing(bells: &impl Bells) {
    assert_eq!(bells.queue().listen(&[]).await.err().unwrap().cause(), Cause::Order);
    bells.queue().ring(&[]).await.unwrap();
}
