//! Releasing: what it is decided from, and what becomes of the decision.

use shared::{
    Demand, Hold, Priority, Reach, Route, Terms, Timestamp,
    ports::{
        crew::{GONE_AFTER, WorkerState},
        schedule::{Tenant, View},
    },
    task::Lane,
};

use super::farm::{Farm, NOW, TERM, card, key, name, names};

pub(crate) async fn what_is_chosen_is_released_once(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let chosen = key(&job, "prepare");
    // One that is no candidate, one that is unknown, and one twice.
    let choose = |_: &View| vec![key(&job, "film"), chosen.clone(), key(&job, "no-such-task"), chosen.clone()];
    let released = farm.ledger().release(10, Timestamp(NOW), &choose).await.unwrap();
    assert_eq!(released, [(Route::plain(Lane::Render), chosen.clone())]);
    assert_eq!(farm.ledger().release(10, Timestamp(NOW), &choose).await.unwrap(), []);
    assert!(farm.ready(NOW).await.is_empty(), "what is released is no candidate");
}

pub(crate) async fn the_order_of_the_choice_is_the_order_of_taking(farm: &impl Farm) {
    for frames in 1..=6 {
        farm.submit(frames, frames as i64).await;
    }
    let backwards = |view: &View| view.candidates.iter().rev().map(|task| task.key.clone()).collect();
    let released = farm.ledger().release(10, Timestamp(NOW), &backwards).await.unwrap();
    let mut taken = Vec::new();
    while let Some(lease) = farm.take("one", NOW).await {
        taken.push(lease.key);
    }
    assert_eq!(taken, released.into_iter().map(|(_, key)| key).collect::<Vec<_>>());
    assert_eq!(taken.len(), 6);
}

pub(crate) async fn a_view_tells_all_that_the_choice_needs(farm: &impl Farm) {
    let terms = |tenant: &str, priority, most| Terms {
        tenant: name(tenant),
        priority,
        pool: name("gold"),
        gpu_memory: 20_000,
        most_at_once: most,
        ..Terms::default()
    };
    let first = farm.submit_as(10, 1, &terms("anna", Priority::HIGH, Some(3))).await;
    let second = farm.submit_as(10, 2, &terms("bert", Priority::LOW, None)).await;
    farm.ledger()
        .set_tenant(&Tenant { weight: 7, ..Tenant::unlimited(name("anna")) }, "x", Timestamp(NOW))
        .await
        .unwrap();
    farm.ledger().set_tenant(&Tenant::unlimited(name("nobody")), "x", Timestamp(NOW)).await.unwrap();
    farm.make(&first, "prepare").await;
    farm.make(&first, "segment-0-00000").await;
    farm.make(&first, "segment-0-00001").await;
    farm.claim(&first, "segment-0-00002", NOW).await.unwrap();
    let view = farm.view(5, NOW).await;
    assert_eq!(view.now, Timestamp(NOW));
    assert_eq!(
        view.tenants.iter().map(|tenant| (tenant.name.as_str(), tenant.weight)).collect::<Vec<_>>(),
        [("anna", 7)]
    );
    let (render, stitch) =
        (Demand::new(Lane::Render, name("gold"), 20_000), Demand::new(Lane::Stitch, name("gold"), 20_000));
    assert_eq!((render.gpu_memory, stitch.gpu_memory), (20_000, 0));
    let [under_way] = &view.under_way[..] else { panic!("{view:?}") };
    assert_eq!((&under_way.job, &under_way.demand, under_way.leased, under_way.tasks), (&first, &render, true, 1));
    assert_eq!((under_way.tenant.as_str(), under_way.priority), ("anna", Priority::HIGH));
    let seen: Vec<_> = view
        .candidates
        .iter()
        .map(|task| (&task.key, &task.demand, task.tenant.as_str(), task.priority, task.rest, task.most_of_job))
        .collect();
    let (prepare, part) = (key(&second, "prepare"), key(&first, "part-00000"));
    let expected =
        [(&prepare, &render, "bert", Priority::LOW, 16, None), (&part, &stitch, "anna", Priority::HIGH, 8, Some(3))];
    assert_eq!(seen, expected);
    assert_eq!(view.candidates.iter().map(|task| task.submitted.0).collect::<Vec<_>>(), [2, 1]);
}

pub(crate) async fn tasks_that_are_alike_are_counted(farm: &impl Farm) {
    let job = farm.submit(24, 1).await;
    farm.make(&job, "prepare").await;
    for segment in 0..6 {
        farm.make(&job, &format!("segment-0-{segment:05}")).await;
    }
    assert_eq!(farm.release(NOW).await.len(), 3, "three parts");
    farm.take("one", NOW).await.unwrap();
    let mut counts: Vec<_> =
        farm.view(5, NOW).await.under_way.iter().map(|alike| (alike.leased, alike.tasks)).collect();
    counts.sort_unstable();
    assert_eq!(counts, [(false, 2), (true, 1)]);
}

pub(crate) async fn every_tenant_and_pool_has_its_first_candidates(farm: &impl Farm) {
    for (tenant, pool, jobs) in
        [("anna", "gold", 1..=4), ("anna", "tin", 5..=5), ("bert", "gold", 1..=3), ("carl", "tin", 1..=2)]
    {
        for size in jobs {
            let terms = Terms { tenant: name(tenant), pool: name(pool), ..Terms::default() };
            farm.submit_as(size * 40, 1, &terms).await;
        }
    }
    let view = farm.view(2, NOW).await;
    let got: Vec<_> = view.candidates.iter().map(|t| (t.demand.pool.as_str(), t.tenant.as_str(), t.rest)).collect();
    let expected = [
        ("gold", "anna", 168),
        ("gold", "anna", 128),
        ("gold", "bert", 128),
        ("gold", "bert", 88),
        ("tin", "anna", 208),
        ("tin", "carl", 88),
        ("tin", "carl", 48),
    ];
    assert_eq!(got, expected);
}

pub(crate) async fn crowds_are_live_workers_that_take_tasks(farm: &impl Farm) {
    let at = |ms: i64| Timestamp(NOW - ms);
    let gone = GONE_AFTER.as_millis() as i64;
    let aside = WorkerState::SetAside { reason: "three failures".into() };
    let workers = [
        ("a", Lane::Render, WorkerState::Idle, at(0)),
        ("b", Lane::Render, WorkerState::busy(&key(&farm.submit(3, 1).await, "prepare")), at(gone)),
        ("c", Lane::Stitch, WorkerState::Idle, at(5)),
        ("gone", Lane::Render, WorkerState::Idle, at(gone + 1)),
        ("starting", Lane::Render, WorkerState::Starting, at(0)),
        ("draining", Lane::Render, WorkerState::Draining, at(0)),
        ("aside", Lane::Render, aside, at(0)),
    ];
    for (id, lane, state, seen) in workers {
        farm.ledger().report(&card(id, &Reach::plain(&[lane])), &state, seen).await.unwrap();
    }
    let crowds: Vec<_> = farm.view(1, NOW).await.crowds.into_iter().map(|c| (c.reach.lanes[0], c.workers)).collect();
    assert_eq!(crowds, [(Lane::Render, 2), (Lane::Stitch, 1)]);
}

pub(crate) async fn full_held_and_waiting_work_is_no_candidate(farm: &impl Farm) {
    let full = farm.submit_as(20, 1, &Terms { most_at_once: Some(1), ..Terms::default() }).await;
    for task in ["prepare", "segment-0-00000", "segment-0-00001"] {
        farm.make(&full, task).await;
    }
    let only = farm.claim(&full, "segment-0-00002", NOW).await.unwrap();
    let held = farm.submit(11, 1).await;
    farm.ledger().hold(&held, Hold::Paused, Timestamp(NOW)).await.unwrap();
    let failed = farm.submit(12, 1).await;
    let lease = farm.claim(&failed, "prepare", NOW).await.unwrap();
    farm.fail(&lease, NOW).await;
    assert!(farm.ready(NOW).await.is_empty());
    assert_eq!(farm.ready(NOW + 1000).await, ["prepare"], "the wait after the failure is over");
    farm.ledger().complete(&only, Timestamp(NOW)).await.unwrap();
    assert_eq!(farm.ready(NOW).await, ["segment-0-00003", "part-00000"], "the job has room again");
}

pub(crate) async fn what_nobody_took_is_rung_for_again(farm: &impl Farm) {
    for frames in 1..=3 {
        farm.submit(frames, 1).await;
    }
    let released = farm.release(NOW).await;
    let ledger = farm.ledger();
    assert_eq!(
        ledger.unheard(Timestamp(NOW), 9, Timestamp(NOW)).await.unwrap(),
        [],
        "released at that moment, not before"
    );
    let late = Timestamp(NOW + 2001);
    let first = ledger.unheard(Timestamp(NOW + 1), 2, late).await.unwrap();
    assert_eq!(first.len(), 2, "no more than asked for");
    let rest = ledger.unheard(Timestamp(NOW + 1), 9, late).await.unwrap();
    let again: Vec<_> = first.iter().chain(&rest).map(|(_, key)| key.clone()).collect();
    let sorted = |mut keys: Vec<_>| {
        keys.sort();
        keys
    };
    assert_eq!(sorted(again), sorted(released));
    assert_eq!(ledger.unheard(Timestamp(NOW + 1), 9, late).await.unwrap(), [], "they count as rung for a moment ago");
    while farm.take("one", NOW).await.is_some() {}
    assert_eq!(ledger.unheard(Timestamp(i64::MAX), 9, late).await.unwrap(), []);
}

pub(crate) async fn ringing_again_changes_no_order(farm: &impl Farm) {
    let mut released = Vec::new();
    for round in 0..3 {
        for frames in 1..=3 {
            farm.submit(round as u64 * 3 + frames, NOW - 1).await;
        }
        released.extend(farm.release(NOW + round).await);
    }
    // Some are rung for again now, some later, and some twice.
    for (moment, limit, rung) in [(20_000, 4, 4), (20_001, 9, 5), (40_000, 2, 2)] {
        let before = Timestamp(NOW + moment - 10_000);
        let again = farm.ledger().unheard(before, limit, Timestamp(NOW + moment)).await.unwrap();
        assert_eq!(again.len(), rung);
    }
    let mut taken = Vec::new();
    while let Some(lease) = farm.take("one", NOW + 50_000).await {
        taken.push(lease.key);
    }
    assert_eq!(taken, released);
}

pub(crate) async fn tasks_that_nobody_can_take_hide_no_others(farm: &impl Farm) {
    let large = Terms { gpu_memory: 79_000, priority: Priority::HIGH, ..Terms::default() };
    for frames in 1..=70 {
        farm.submit_as(frames, 1, &large).await;
    }
    // A class of its own: an L4 has more than this one needs and less than that of the next job.
    farm.submit_as(71, 2, &Terms { gpu_memory: 24_000, ..Terms::default() }).await;
    let small = farm.submit_as(72, 3, &Terms { gpu_memory: 20_000, ..Terms::default() }).await;
    let view = farm.view(64, NOW).await;
    let mut needs: Vec<_> = view.candidates.iter().map(|task| task.demand.gpu_memory).collect();
    let mut others = needs.split_off(64);
    others.sort_unstable();
    assert_eq!(others, [20_000, 24_000]);
    assert!(needs.iter().all(|need| *need == 79_000));
    assert!(view.candidates.iter().any(|task| task.key == key(&small, "prepare")));
}

pub(crate) async fn what_comes_back_is_released_anew(farm: &impl Farm) {
    farm.submit(3, 1).await;
    farm.release(NOW).await;
    let lease = farm.take("one", NOW).await.unwrap();
    farm.ledger().give_back(&lease, Timestamp(NOW)).await.unwrap();
    assert_eq!(farm.take("one", NOW).await, None);
    assert_eq!(names(&farm.release(NOW).await), ["prepare"]);
    let lease = farm.take("one", NOW).await.unwrap();
    farm.ledger().expire(shared::ports::Patience::FARM, lease.until.after(TERM)).await.unwrap();
    assert_eq!(farm.take("two", NOW).await, None);
    assert_eq!(names(&farm.release(NOW).await), ["prepare"]);
}
