//! Attempts that end well, and attempts that come too late.

use shared::{
    Error, JobState, TaskState, Timestamp,
    ports::{Patience, Renewal},
};

use super::farm::{Farm, NOW, TERM, assert_lost, frames};

pub(crate) async fn a_task_is_ready_when_all_its_needs_are_done(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    assert_eq!(farm.make(&job, "prepare").await, ["segment-0-00000"]);
    assert_eq!(farm.make(&job, "segment-0-00000").await, ["segment-0-00001"]);
    assert_eq!(farm.make(&job, "segment-0-00001").await, ["part-00000", "segment-0-00002"]);
    assert!(farm.make(&job, "part-00000").await.is_empty());
    assert_eq!(farm.make(&job, "segment-0-00002").await, ["part-00001"]);
    assert_eq!(farm.make(&job, "part-00001").await, ["film"]);
}

pub(crate) async fn the_film_ends_the_job(farm: &impl Farm) {
    let job = farm.submit(4, 1).await;
    for task in ["prepare", "segment-0-00000", "part-00000"] {
        farm.make(&job, task).await;
        assert_eq!(farm.ledger().job(&job).await.unwrap().unwrap().state, JobState::Running);
    }
    assert!(farm.make(&job, "film").await.is_empty());
    let ended = farm.ledger().job(&job).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.ended, ended.error), (JobState::Done, Some(Timestamp(NOW)), None));
    assert!(farm.states(&job).await.iter().all(|state| *state == TaskState::Done));
    let progress = farm.ledger().progress(&job).await.unwrap();
    assert_eq!((progress.frames_rendered, progress.tasks_done), (4, 4));
}

pub(crate) async fn inputs_name_the_attempt_that_counts(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let first = farm.claim(&job, "prepare", NOW).await.unwrap();
    farm.ledger().give_back(&first, Timestamp(NOW)).await.unwrap();
    farm.make(&job, "prepare").await;
    farm.make(&job, "segment-0-00000").await;
    let lease = farm.claim(&job, "segment-0-00001", NOW).await.unwrap();
    let inputs: Vec<_> = lease.inputs.iter().map(|(id, attempt)| (id.as_str(), *attempt)).collect();
    assert_eq!(inputs, [("prepare", 2), ("segment-0-00000", 1)]);
}

pub(crate) async fn a_late_attempt_is_refused_everywhere(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let late = farm.claim(&job, "prepare", NOW).await.unwrap();
    farm.ledger().expire(Patience::EMBEDDED, late.until.after(TERM)).await.unwrap();
    let next = farm.claim(&job, "prepare", NOW).await.unwrap();
    let before = farm.ledger().tasks(&job).await.unwrap();
    let ledger = farm.ledger();
    assert_lost(&ledger.complete(&late, Timestamp(NOW)).await.unwrap_err());
    assert_lost(&ledger.fail(&late, &Error::world("x"), Patience::EMBEDDED, Timestamp(NOW)).await.unwrap_err());
    assert_lost(&ledger.fail(&late, &Error::order("x"), Patience::EMBEDDED, Timestamp(NOW)).await.unwrap_err());
    assert_lost(&ledger.fail(&late, &Error::stopped(), Patience::EMBEDDED, Timestamp(NOW)).await.unwrap_err());
    assert_lost(&ledger.give_back(&late, Timestamp(NOW)).await.unwrap_err());
    assert_eq!(ledger.renew(&late, &frames(5), late.until, Timestamp(NOW)).await.unwrap(), Renewal::Lost);
    assert_eq!(farm.ledger().tasks(&job).await.unwrap(), before);
    assert_eq!(ledger.complete(&next, Timestamp(NOW)).await.unwrap().len(), 1);
}

pub(crate) async fn a_task_given_back_counts_no_failure(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    farm.ledger().give_back(&lease, Timestamp(NOW)).await.unwrap();
    let task = farm.task(&job, "prepare").await;
    assert_eq!((task.state, task.failures, task.error), (TaskState::Ready, 0, None));
    assert_eq!(farm.ready(NOW).await, ["prepare"]);
}

pub(crate) async fn a_done_task_takes_no_step(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap();
    assert_lost(&farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap_err());
    assert_lost(&farm.ledger().fail(&lease, &Error::order("x"), Patience::EMBEDDED, Timestamp(NOW)).await.unwrap_err());
    assert_lost(&farm.ledger().give_back(&lease, Timestamp(NOW)).await.unwrap_err());
    assert_eq!(farm.ledger().renew(&lease, &frames(5), lease.until, Timestamp(NOW)).await.unwrap(), Renewal::Lost);
    assert_eq!(farm.ledger().reclaim(&job, Timestamp(NOW)).await.unwrap(), []);
    assert_eq!(farm.task(&job, "prepare").await.state, TaskState::Done);
    assert_eq!(farm.ready(NOW).await, ["segment-0-00000"]);
}
