//! People pause, resume, drain and hurry jobs.

use shared::{
    Hold, JobState, Priority,
    TaskState::{Cancelled, Done, Leased, Ready, Waiting},
    Terms, Timestamp,
    ports::schedule::Tenant,
};

use super::farm::{Farm, NOW, name};

pub(crate) async fn a_paused_job_is_called_back(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.release(NOW).await;
    let ledger = farm.ledger();
    assert!(ledger.hold(&job, Hold::Paused, Timestamp(NOW)).await.unwrap());
    assert_eq!(ledger.job(&job).await.unwrap().unwrap().hold, Hold::Paused);
    assert_eq!(farm.take("one", NOW).await, None, "what was released is not any more");
    assert!(farm.ready(NOW).await.is_empty());
    assert_eq!(farm.claim(&job, "prepare", NOW).await, None);
    assert!(ledger.hold(&job, Hold::None, Timestamp(NOW)).await.unwrap());
    assert_eq!(farm.ready(NOW).await, ["prepare"]);
    farm.release(NOW).await;
    assert!(farm.take("one", NOW).await.is_some());
}

pub(crate) async fn what_is_under_way_in_a_paused_job_is_finished(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    farm.ledger().hold(&job, Hold::Paused, Timestamp(NOW)).await.unwrap();
    farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap();
    assert!(farm.ready(NOW).await.is_empty(), "what became ready is held too");
    assert_eq!(farm.states(&job).await[..2], [Done, Ready]);
    assert_eq!(farm.ledger().drained(Timestamp(NOW)).await.unwrap(), [], "paused is not draining");
    farm.ledger().hold(&job, Hold::None, Timestamp(NOW)).await.unwrap();
    assert_eq!(farm.ready(NOW).await, ["segment-0-00000"]);
}

pub(crate) async fn what_comes_back_to_a_paused_job_stays_there(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    farm.ledger().hold(&job, Hold::Paused, Timestamp(NOW)).await.unwrap();
    farm.ledger().give_back(&lease, Timestamp(NOW)).await.unwrap();
    assert!(farm.ready(NOW).await.is_empty());
    farm.ledger().hold(&job, Hold::None, Timestamp(NOW)).await.unwrap();
    assert_eq!(farm.ready(NOW).await, ["prepare"]);
}

pub(crate) async fn a_draining_job_ends_with_what_is_under_way(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let idle = farm.submit(11, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    let ledger = farm.ledger();
    for job in [&job, &idle] {
        assert!(ledger.hold(job, Hold::Draining, Timestamp(NOW)).await.unwrap());
    }
    assert_eq!(ledger.drained(Timestamp(NOW)).await.unwrap(), [idle]);
    assert_eq!(farm.states(&job).await[..2], [Leased, Waiting]);
    ledger.complete(&lease, Timestamp(NOW)).await.unwrap();
    assert_eq!(ledger.drained(Timestamp(NOW)).await.unwrap(), std::slice::from_ref(&job));
    assert_eq!(ledger.drained(Timestamp(NOW)).await.unwrap(), []);
    let ended = ledger.job(&job).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.error.as_deref()), (JobState::Cancelled, Some("drained")));
    assert_eq!(farm.states(&job).await[..2], [Done, Cancelled]);
    assert!(ledger.revive(&job, Timestamp(NOW)).await.unwrap());
    assert_eq!(ledger.job(&job).await.unwrap().unwrap().hold, Hold::None);
    assert_eq!(farm.ready(NOW).await, ["segment-0-00000"]);
}

pub(crate) async fn a_new_priority_acts_on_released_tasks(farm: &impl Farm) {
    let slow = farm.submit(10, 1).await;
    let quick = farm.submit(11, 2).await;
    farm.release(NOW).await;
    assert!(farm.ledger().set_priority(&quick, Priority::URGENT, Timestamp(NOW)).await.unwrap());
    let first = farm.take("one", NOW).await.unwrap();
    assert_eq!((&first.key.job, first.terms.priority), (&quick, Priority::URGENT));
    assert_eq!(farm.ledger().job(&quick).await.unwrap().unwrap().terms.priority, Priority::URGENT);
    farm.ledger().set_priority(&slow, Priority::LOW, Timestamp(NOW)).await.unwrap();
    farm.ledger().complete(&first, Timestamp(NOW)).await.unwrap();
    let view = farm.view(9, NOW).await;
    assert_eq!(view.candidates[0].priority, Priority::URGENT, "what becomes ready later has it too");
    assert_eq!(view.under_way[0].priority, Priority::LOW);
}

pub(crate) async fn only_running_jobs_are_steered(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let unknown = super::farm::order(99).job_id();
    farm.ledger().cancel(&job, None, Timestamp(NOW)).await.unwrap();
    for id in [&job, &unknown] {
        assert!(!farm.ledger().hold(id, Hold::Paused, Timestamp(NOW)).await.unwrap());
        assert!(!farm.ledger().set_priority(id, Priority::HIGH, Timestamp(NOW)).await.unwrap());
    }
}

pub(crate) async fn tenants_are_kept(farm: &impl Farm) {
    let ledger = farm.ledger();
    assert_eq!(ledger.tenant(&name("anna")).await.unwrap(), None);
    let anna = Tenant {
        name: name("anna"),
        weight: 3,
        most_at_once: Some(8),
        highest_priority: Priority::HIGH,
        longest_film: Some(3600),
        most_jobs: Some(20),
    };
    let bert = Tenant::unlimited(name("bert"));
    for tenant in [&bert, &Tenant::unlimited(name("anna")), &anna] {
        ledger.set_tenant(tenant, "x", Timestamp(NOW)).await.unwrap();
    }
    assert_eq!(ledger.tenant(&anna.name).await.unwrap(), Some(anna.clone()));
    assert_eq!(ledger.tenants().await.unwrap(), [anna, bert]);
}

pub(crate) async fn tenants_have_jobs_of_their_own(farm: &impl Farm) {
    let terms = |tenant| Terms { tenant: name(tenant), ..Terms::default() };
    let (a, b) = (farm.submit_as(10, 1, &terms("anna")).await, farm.submit_as(10, 1, &terms("bert")).await);
    assert_ne!(a, b);
    farm.make(&a, "prepare").await;
    assert_eq!(farm.states(&b).await[0], Ready);
    assert_eq!(farm.ledger().job(&a).await.unwrap().unwrap().terms.tenant.as_str(), "anna");
}
