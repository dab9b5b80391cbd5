//! Views to decide on, by hand and by chance.

use proptest::prelude::*;
use shared::{
    Demand, JobId, Name, Priority, Reach, TaskId, TaskKey, Timestamp,
    ports::schedule::{Candidate, Crowd, Tenant, UnderWay, View},
    task::Lane,
};

pub(super) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(super) fn key(job: u32, task: u32) -> TaskKey {
    let job: JobId = format!("{job:032x}").parse().unwrap();
    TaskKey { job, task: TaskId::from_text(format!("segment-0-{task:05}")) }
}

/// A rendering task of the default pool.
pub(super) fn candidate(tenant: &str, job: u32, task: u32) -> Candidate {
    Candidate {
        key: key(job, task),
        tenant: name(tenant),
        demand: Demand::plain(Lane::Render),
        priority: Priority::NORMAL,
        rest: 100,
        submitted: Timestamp(i64::from(job)),
        most_of_job: None,
    }
}

pub(super) fn released(candidate: &Candidate) -> UnderWay {
    let Candidate { key, tenant, demand, priority, .. } = candidate.clone();
    UnderWay { job: key.job, tenant, demand, priority, leased: false, tasks: 1 }
}

pub(super) fn crowd(workers: u32) -> Crowd {
    Crowd { reach: Reach::plain(&Lane::ALL), workers }
}

pub(super) fn tenant(text: &str, weight: u32, most_at_once: Option<u32>) -> Tenant {
    Tenant { weight, most_at_once, ..Tenant::unlimited(name(text)) }
}

fn any_demand() -> impl Strategy<Value = Demand> {
    let memory = prop::sample::select(vec![0, 8_000, 24_000, 80_000]);
    (any::<bool>(), prop::sample::select(vec!["default", "a100"]), memory).prop_map(|(stitch, pool, memory)| {
        Demand::new(if stitch { Lane::Stitch } else { Lane::Render }, name(pool), memory)
    })
}

fn any_crowd() -> impl Strategy<Value = Crowd> {
    (any_demand(), 0_u32..12).prop_map(|(demand, workers)| {
        let reach = Reach { lanes: vec![demand.lane], pools: vec![demand.pool], gpu_memory: demand.gpu_memory };
        Crowd { reach, workers }
    })
}

fn any_priority() -> impl Strategy<Value = Priority> {
    prop::sample::select(vec![Priority::LOW, Priority::NORMAL, Priority::HIGH, Priority::URGENT])
}

/// Tasks of a few tenants with a few jobs each; a job has one tenant, one priority and one limit.
pub(super) fn any_view() -> impl Strategy<Value = View> {
    let job = (0_usize..4, any_priority(), prop::option::of(0_u32..6));
    let task = (0_usize..8, any_demand(), 0_u64..500, 0_u8..4);
    let tenants = prop::collection::vec((1_u32..9, prop::option::of(0_u32..10)), 4);
    let crowds = prop::collection::vec(any_crowd(), 0..4);
    let (jobs, tasks) = (prop::collection::vec(job, 8), prop::collection::vec(task, 0..160));
    (jobs, tasks, tenants, crowds, any::<u32>()).prop_map(|(jobs, tasks, tenants, crowds, now)| {
        let names = ["anna", "bert", "cora", "dora"];
        let mut view = View { now: Timestamp(i64::from(now)), crowds, ..View::default() };
        // The last tenant is one that no operator ever made.
        view.tenants = (0..3).map(|i| tenant(names[i], tenants[i].0, tenants[i].1)).collect();
        for (n, (job, demand, rest, state)) in tasks.into_iter().enumerate() {
            let (owner, priority, most_of_job) = jobs[job];
            let task =
                Candidate { demand, priority, rest, most_of_job, ..candidate(names[owner], job as u32, n as u32) };
            match state {
                0 => view.under_way.push(UnderWay { leased: true, ..released(&task) }),
                1 => view.under_way.push(released(&task)),
                _ => view.candidates.push(task),
            }
        }
        view
    })
}
