//! What holds for every single decision.

use std::collections::BTreeSet;

use proptest::prelude::*;
use shared::{
    Demand, Priority, Reach, TaskKey,
    ports::schedule::{Candidate, Crowd, UnderWay, View},
    task::Lane,
};

use super::{
    super::{FEWEST, UNREACHABLE, choose, depth::Depth, limits::Limits},
    views::{any_view, candidate, crowd, key, name, released, tenant},
};

fn chosen(view: &View) -> (Vec<TaskKey>, Vec<&Candidate>) {
    let keys = choose(view);
    let all = keys.iter().map(|key| view.candidates.iter().find(|c| c.key == *key).expect("a candidate")).collect();
    (keys, all)
}

/// What the ledger shows after the release.
fn after(view: &View, chosen: &[&Candidate]) -> View {
    let mut after = view.clone();
    after.under_way.extend(chosen.iter().map(|candidate| released(candidate)));
    after.candidates.retain(|candidate| !chosen.contains(&candidate));
    after
}

proptest! {
    #[test]
    fn nothing_is_chosen_twice_and_nothing_above_a_limit(view in any_view()) {
        let (keys, all) = chosen(&view);
        prop_assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        let later = after(&view, &all);
        for candidate in &all {
            let of_job = later.under_way.iter().filter(|task| task.job == candidate.key.job).map(|alike| alike.tasks).sum::<u32>();
            prop_assert!(candidate.most_of_job.is_none_or(|most| of_job <= most), "job of {}", candidate.key);
            let of_tenant = later.under_way.iter().filter(|task| task.tenant == candidate.tenant).map(|alike| alike.tasks).sum::<u32>();
            let tenant = view.tenants.iter().find(|tenant| tenant.name == candidate.tenant);
            prop_assert!(tenant.and_then(|t| t.most_at_once).is_none_or(|most| of_tenant <= most), "{}", candidate.tenant);
        }
    }

    #[test]
    fn what_waits_stays_shallow_in_every_class(view in any_view()) {
        let (_, all) = chosen(&view);
        let later = after(&view, &all);
        for candidate in &all {
            let waiting = later.under_way.iter().filter(|task| !task.leased && task.demand == candidate.demand);
            let waiting: u32 = waiting.filter(|task| task.priority >= candidate.priority).map(|alike| alike.tasks).sum();
            let workers = view.crowds.iter().filter(|crowd| crowd.reach.covers(&candidate.demand));
            let most = match workers.map(|crowd| crowd.workers).sum::<u32>() { 0 => UNREACHABLE, n => (2 * n).max(FEWEST) };
            // What waited before may have been more: workers went away. Then nothing of this class was added.
            prop_assert!(waiting <= most, "{waiting} wait for {:?} where {most} may", candidate.demand);
        }
    }

    #[test]
    fn nothing_that_waits_for_others_keeps_a_worker_without_work(view in any_view()) {
        let (_, all) = chosen(&view);
        let later = after(&view, &all);
        let limits = Limits::of(&later);
        for candidate in later.candidates.iter().filter(|candidate| limits.allow(candidate)) {
            let same = later.under_way.iter().filter(|task| !task.leased && task.demand == candidate.demand);
            let same: u32 = same.filter(|task| task.priority >= candidate.priority).map(|alike| alike.tasks).sum();
            let reached = view.crowds.iter().any(|crowd| crowd.workers > 0 && crowd.reach.covers(&candidate.demand));
            prop_assert!(!reached || same >= FEWEST, "{} waits behind what others are for", candidate.key);
        }
    }

    #[test]
    fn whatever_is_left_could_not_be_released(view in any_view()) {
        let (_, all) = chosen(&view);
        let later = after(&view, &all);
        let (depth, limits) = (Depth::of(&later), Limits::of(&later));
        for candidate in &later.candidates {
            prop_assert!(!(depth.allows(candidate) && limits.allow(candidate)), "{} was left", candidate.key);
        }
    }

    #[test]
    fn the_higher_priority_is_never_behind(view in any_view()) {
        let (_, all) = chosen(&view);
        prop_assert!(all.is_sorted_by_key(|candidate| std::cmp::Reverse(candidate.priority)));
        // The lower priorities are as if they were not there.
        for level in [Priority::NORMAL, Priority::HIGH, Priority::URGENT] {
            let mut above = view.clone();
            above.candidates.retain(|candidate| candidate.priority >= level);
            let expected: Vec<TaskKey> =
                all.iter().filter(|candidate| candidate.priority >= level).map(|candidate| candidate.key.clone()).collect();
            prop_assert_eq!(choose(&above), expected);
        }
    }

    #[test]
    fn the_same_view_gives_the_same_choice_in_whatever_order(view in any_view()) {
        let first = choose(&view);
        prop_assert_eq!(&choose(&view), &first);
        let mut turned = view.clone();
        turned.crowds.reverse();
        turned.tenants.reverse();
        turned.under_way.reverse();
        prop_assert_eq!(&choose(&turned), &first);
    }
}

#[test]
fn a_farm_without_workers_gets_a_few_tasks_and_a_farm_with_workers_twice_as_many() {
    let view = |crowds: Vec<Crowd>| {
        let candidates = (0..100).map(|n| candidate("anna", n % 10, n)).collect();
        View { crowds, candidates, ..View::default() }
    };
    let released = |crowds| choose(&view(crowds)).len() as u32;
    assert_eq!([released(vec![]), released(vec![crowd(3)]), released(vec![crowd(20)])], [UNREACHABLE, FEWEST, 40]);
    assert_eq!(released(vec![crowd(20), crowd(10)]), 60);
}

#[test]
fn the_longest_rest_goes_first_then_the_oldest_job() {
    let task = |job, n, rest| Candidate { rest, ..candidate("anna", job, n) };
    let candidates = vec![task(2, 0, 10), task(1, 1, 10), task(3, 2, 900), task(1, 3, 10)];
    let view = View { crowds: vec![crowd(4)], candidates, ..View::default() };
    assert_eq!(choose(&view), [key(3, 2), key(1, 1), key(1, 3), key(2, 0)]);
}

#[test]
fn tasks_that_are_alike_count_as_many_as_they_are() {
    let alike = |leased, tasks| UnderWay { leased, tasks, ..released(&candidate("anna", 0, 0)) };
    let chosen = |under_way: Vec<UnderWay>, most_of_job| {
        let candidates = vec![Candidate { most_of_job, ..candidate("anna", 0, 1) }];
        choose(&View { crowds: vec![crowd(1)], under_way, candidates, ..View::default() }).len()
    };
    assert_eq!((chosen(vec![alike(false, FEWEST - 1)], None), chosen(vec![alike(false, FEWEST)], None)), (1, 0));
    assert_eq!((chosen(vec![alike(true, 4)], Some(5)), chosen(vec![alike(true, 5)], Some(5))), (1, 0));
    let view = View {
        crowds: vec![crowd(1)],
        under_way: vec![alike(true, 3), UnderWay { tenant: name("bert"), ..alike(true, 2) }],
        candidates: vec![candidate("anna", 0, 1), candidate("bert", 1, 1)],
        ..View::default()
    };
    assert_eq!(choose(&view)[0], key(1, 1), "bert has less under way");
}

#[test]
fn an_urgent_task_passes_a_full_route() {
    let waiting = (0..FEWEST).map(|n| released(&candidate("anna", 0, n))).collect();
    let mut view = View { crowds: vec![crowd(1)], under_way: waiting, ..View::default() };
    view.candidates = vec![candidate("bert", 1, 0)];
    assert!(choose(&view).is_empty(), "the route is full");
    view.candidates.push(Candidate { priority: Priority::URGENT, ..candidate("bert", 2, 0) });
    assert_eq!(choose(&view), [key(2, 0)]);
}

#[test]
fn large_tasks_and_small_ones_do_not_keep_each_other_waiting() {
    let task = |gpu_memory, job, n| Candidate {
        demand: Demand::new(Lane::Render, name("default"), gpu_memory),
        rest: u64::from(gpu_memory),
        ..candidate("anna", job, n)
    };
    // The large ones come first in every order.
    let mut candidates: Vec<Candidate> = (0..50).map(|n| task(79_000, 0, n)).collect();
    candidates.extend((0..50).map(|n| task(0, 1, n)));
    let view = View { crowds: vec![crowd(2)], candidates, ..View::default() };
    let counts = |view: &View| {
        let chosen = choose(view);
        [0, 1].map(|job| chosen.iter().filter(|key| key.job == self::key(job, 0).job).count() as u32)
    };
    assert_eq!(counts(&view), [UNREACHABLE, FEWEST], "nobody is large enough");
    let gpu = Crowd { reach: Reach { gpu_memory: 81_559, ..Reach::plain(&[Lane::Render]) }, workers: 1 };
    let with_gpu = View { crowds: vec![crowd(2), gpu], ..view };
    assert_eq!(counts(&with_gpu), [FEWEST, FEWEST], "the small workers have something to do");
    let waiting = |gpu_memory, job| (0..100).map(move |n| released(&task(gpu_memory, job, 100 + n)));
    assert_eq!(counts(&View { under_way: waiting(79_000, 0).collect(), ..with_gpu.clone() }), [0, FEWEST]);
    assert_eq!(counts(&View { under_way: waiting(0, 1).collect(), ..with_gpu }), [FEWEST, 0]);
}

#[test]
fn a_need_is_compared_with_what_a_card_has_and_not_with_its_class() {
    let needs = |gpu_memory| {
        (0..50).map(move |n| Candidate {
            demand: Demand::new(Lane::Render, name("default"), gpu_memory),
            ..candidate("anna", gpu_memory, n)
        })
    };
    let reach = Reach { gpu_memory: 23_034, ..Reach::plain(&[Lane::Render]) };
    let crowds = vec![Crowd { reach, workers: 20 }];
    let released = |gpu_memory| {
        choose(&View { crowds: crowds.clone(), candidates: needs(gpu_memory).collect(), ..View::default() })
    };
    assert_eq!([20_000, 23_034, 24_000].map(|need| released(need).len() as u32), [40, 40, UNREACHABLE]);
}

#[test]
fn a_heavier_tenant_gets_more_and_nobody_nothing() {
    let tenants = vec![tenant("anna", 6, None), tenant("bert", 1, None)];
    let mut candidates: Vec<Candidate> = (0..99).map(|n| candidate("anna", 0, n)).collect();
    candidates.extend((0..99).map(|n| candidate("bert", 1, n)));
    candidates.extend((0..99).map(|n| candidate("cora", 2, n)));
    let chosen = choose(&View { crowds: vec![crowd(8)], tenants, candidates, ..View::default() });
    let count = |job| chosen.iter().filter(|key| key.job == self::key(job, 0).job).count();
    assert_eq!([count(0), count(1), count(2)], [12, 2, 2]);
}
