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

/// A film in two chains, of which the first is looked at before the rest is rendered.
async fn previewed_film(farm: &impl Farm, approve: bool) -> shared::JobId {
    let shape = shared::Shape { frames: 48, clip_frames: 4, segment_clips: 2, part_segments: 1 };
    let cuts = shared::Cuts::at(vec![24], shared::Join::Bridge, 4);
    let order = shared::Order { shape, cuts, ..super::farm::order(48) };
    let terms = Terms { preview: Some("last".parse().unwrap()), approve, ..Terms::default() };
    farm.ledger().submit(&order, &terms, &order.plan().unwrap(), Timestamp(1)).await.unwrap();
    order.job_id()
}

/// Does whatever is ready, until nothing is; what was done.
async fn all_that_is_ready(farm: &impl Farm, job: &shared::JobId) -> Vec<String> {
    let mut done = Vec::new();
    loop {
        let ready = farm.ready(NOW).await;
        if ready.is_empty() {
            return done;
        }
        for task in ready {
            farm.make(job, &task).await;
            done.push(task);
        }
    }
}

pub(crate) async fn what_a_preview_needs_is_handed_out_alone(farm: &impl Farm) {
    let job = previewed_film(farm, true).await;
    let ledger = farm.ledger();
    assert_eq!(ledger.job(&job).await.unwrap().unwrap().hold, Hold::Preview);
    let made = all_that_is_ready(farm, &job).await;
    assert!(made.iter().all(|task| task == "prepare" || task.starts_with("segment-1-") || task.starts_with("part-")));
    assert_eq!(made.iter().filter(|task| task.starts_with("part-")).count(), 1, "{made:?}");
    assert_eq!(ledger.previewed(Timestamp(NOW)).await.unwrap(), std::slice::from_ref(&job));
    assert_eq!(ledger.previewed(Timestamp(NOW)).await.unwrap(), [], "it is told once");
    assert_eq!(ledger.job(&job).await.unwrap().unwrap().hold, Hold::Approval);
    assert_eq!(all_that_is_ready(farm, &job).await, Vec::<String>::new());
    assert!(ledger.approve(&job, Timestamp(NOW)).await.unwrap());
    assert!(!ledger.approve(&job, Timestamp(NOW)).await.unwrap(), "it is approved already");
    let rest = all_that_is_ready(farm, &job).await;
    assert!(rest.iter().all(|task| !made.contains(task)), "nothing is done again: {made:?} {rest:?}");
    assert_eq!(ledger.job(&job).await.unwrap().unwrap().state, JobState::Done);
}

pub(crate) async fn a_preview_without_approval_lets_the_rest_follow(farm: &impl Farm) {
    let job = previewed_film(farm, false).await;
    let made = all_that_is_ready(farm, &job).await;
    assert!(!made.contains(&"film".to_owned()));
    assert_eq!(farm.ledger().previewed(Timestamp(NOW)).await.unwrap(), std::slice::from_ref(&job));
    assert_eq!(farm.ledger().job(&job).await.unwrap().unwrap().hold, Hold::None);
    all_that_is_ready(farm, &job).await;
    assert_eq!(farm.ledger().job(&job).await.unwrap().unwrap().state, JobState::Done);
}

pub(crate) async fn a_paused_preview_is_one_after_the_pause(farm: &impl Farm) {
    let job = previewed_film(farm, true).await;
    let (ledger, now) = (farm.ledger(), Timestamp(NOW));
    let hold = async || ledger.job(&job).await.unwrap().unwrap().hold;
    assert!(ledger.hold(&job, Hold::Paused, now).await.unwrap());
    assert!(farm.ready(NOW).await.is_empty(), "a pause holds the preview too");
    assert!(ledger.hold(&job, Hold::None, now).await.unwrap());
    assert_eq!(hold().await, Hold::Preview);
    all_that_is_ready(farm, &job).await;
    assert!(ledger.hold(&job, Hold::Paused, now).await.unwrap());
    ledger.previewed(now).await.unwrap();
    assert_eq!(hold().await, Hold::Paused, "a pause stays one");
    assert!(ledger.hold(&job, Hold::None, now).await.unwrap());
    assert_eq!(hold().await, Hold::Approval);
    ledger.cancel(&job, None, now).await.unwrap();
    assert!(!ledger.approve(&job, now).await.unwrap(), "what was rejected is not approved");
    ledger.revive(&job, now).await.unwrap();
    assert_eq!((hold().await, farm.ready(NOW).await.len()), (Hold::Approval, 0));
}

pub(crate) async fn an_approval_may_come_early(farm: &impl Farm) {
    let job = previewed_film(farm, true).await;
    assert!(farm.ledger().approve(&job, Timestamp(NOW)).await.unwrap());
    all_that_is_ready(farm, &job).await;
    assert_eq!(farm.ledger().job(&job).await.unwrap().unwrap().state, JobState::Done);
    assert_eq!(farm.ledger().previewed(Timestamp(NOW)).await.unwrap(), []);
    let plain = farm.submit(10, 1).await;
    assert!(!farm.ledger().approve(&plain, Timestamp(NOW)).await.unwrap(), "there is nothing to approve");
}
