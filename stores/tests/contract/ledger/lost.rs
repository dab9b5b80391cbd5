//! Lost workers, cancelled jobs, jobs that are taken up again.

use std::time::Duration;

use shared::{
    Clock as _, Error, JobState,
    TaskState::{self, Done, Ready, Waiting},
    Timestamp,
    clock::{ManualClock, SystemClock},
    ports::{Patience, Pulse, Renewal, ledger::MOST_FAILURES, records::Outcome},
};

use super::farm::{Farm, NOW, TERM, assert_lost, frames, names};

pub(crate) async fn a_lease_that_ran_out_is_taken_back(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    assert_eq!(farm.ledger().expire(Patience::EMBEDDED, lease.until).await.unwrap(), [], "it runs until that moment");
    let after = Timestamp(lease.until.0 + 1);
    assert_eq!(names(&farm.ledger().expire(Patience::EMBEDDED, after).await.unwrap()), ["prepare"]);
    assert_eq!(farm.ledger().expire(Patience::EMBEDDED, after).await.unwrap(), []);
    let task = farm.task(&job, "prepare").await;
    assert_eq!((task.state, task.failures), (TaskState::Ready, 1));
    assert!(task.error.unwrap().contains("the worker one was lost"));
    assert_eq!(farm.ready(after.0).await, ["prepare"]);
}

pub(crate) async fn a_task_that_loses_its_workers_is_given_up(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    for failures in 1..=MOST_FAILURES {
        let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
        let readied = farm.ledger().expire(Patience::EMBEDDED, lease.until.after(TERM)).await.unwrap();
        assert_eq!(readied.len(), usize::from(failures < MOST_FAILURES));
    }
    let ended = farm.ledger().job(&job).await.unwrap().unwrap();
    assert_eq!(ended.state, JobState::Failed);
    assert!(ended.error.unwrap().contains("prepare"));
}

pub(crate) async fn two_lost_tasks_of_one_job_fail_it_once(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    for task in ["prepare", "segment-0-00000", "segment-0-00001"] {
        farm.make(&job, task).await;
    }
    for failures in 1..=MOST_FAILURES {
        let segment = farm.claim(&job, "segment-0-00002", NOW).await.unwrap();
        farm.claim(&job, "part-00000", NOW).await.unwrap();
        let readied = farm.ledger().expire(Patience::EMBEDDED, segment.until.after(TERM)).await.unwrap();
        let expected: &[&str] = if failures < MOST_FAILURES { &["segment-0-00002", "part-00000"] } else { &[] };
        assert_eq!(names(&readied), expected);
    }
    let states = farm.states(&job).await;
    assert_eq!(states.iter().filter(|state| **state == TaskState::Failed).count(), 1, "{states:?}");
    assert!(states.iter().all(|state| state.is_final()), "{states:?}");
}

pub(crate) async fn reclaim_counts_no_failure(farm: &impl Farm) {
    let (job, other) = (farm.submit(10, 1).await, farm.submit(11, 1).await);
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    let kept = farm.claim(&other, "prepare", NOW).await.unwrap();
    assert_eq!(names(&farm.ledger().reclaim(&job, Timestamp(NOW)).await.unwrap()), ["prepare"]);
    let task = farm.task(&job, "prepare").await;
    assert_eq!((task.state, task.failures, task.attempt), (TaskState::Ready, 0, 1));
    assert_lost(&farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap_err());
    assert_eq!(farm.ledger().renew(&kept, &frames(0), kept.until, Timestamp(NOW)).await.unwrap(), Renewal::Kept);
}

pub(crate) async fn cancel_ends_the_job_and_its_leases(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.make(&job, "prepare").await;
    let lease = farm.claim(&job, "segment-0-00000", NOW).await.unwrap();
    assert!(farm.ledger().cancel(&job, None, Timestamp(NOW)).await.unwrap());
    assert!(!farm.ledger().cancel(&job, None, Timestamp(NOW + 1)).await.unwrap());
    let ended = farm.ledger().job(&job).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.ended), (JobState::Cancelled, Some(Timestamp(NOW))));
    assert_eq!(farm.ledger().renew(&lease, &frames(1), lease.until, Timestamp(NOW)).await.unwrap(), Renewal::Lost);
    assert_lost(&farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap_err());
    let states = farm.states(&job).await;
    assert_eq!(states[0], TaskState::Done);
    assert!(states[1..].iter().all(|state| *state == TaskState::Cancelled), "{states:?}");
    assert!(farm.ready(i64::MAX).await.is_empty());
    assert_eq!(farm.ledger().expire(Patience::EMBEDDED, Timestamp(i64::MAX)).await.unwrap(), []);
}

pub(crate) async fn a_failed_job_is_taken_up_again(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.make(&job, "prepare").await;
    farm.make(&job, "segment-0-00000").await;
    let lease = farm.claim(&job, "segment-0-00001", NOW).await.unwrap();
    farm.ledger().fail(&lease, &Error::order("disk gone"), Patience::EMBEDDED, Timestamp(NOW)).await.unwrap();
    assert!(farm.ledger().revive(&job, Timestamp(NOW)).await.unwrap());
    let record = farm.ledger().job(&job).await.unwrap().unwrap();
    assert_eq!((record.state, record.error, record.ended), (JobState::Running, None, None));
    assert_eq!(farm.states(&job).await, [Done, Done, Ready, Waiting, Waiting, Waiting, Waiting]);
    let task = farm.task(&job, "segment-0-00001").await;
    assert_eq!((task.attempt, task.failures, task.error), (1, 0, None));
    assert_eq!(farm.claim(&job, "segment-0-00001", NOW).await.unwrap().attempt, 2);
    assert_lost(&farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap_err());
}

pub(crate) async fn a_cancelled_job_is_taken_up_again(farm: &impl Farm) {
    let job = farm.submit(4, 1).await;
    farm.make(&job, "prepare").await;
    farm.ledger().cancel(&job, None, Timestamp(NOW)).await.unwrap();
    assert!(farm.ledger().revive(&job, Timestamp(NOW)).await.unwrap());
    for task in ["segment-0-00000", "part-00000", "film"] {
        farm.make(&job, task).await;
    }
    assert_eq!(farm.ledger().job(&job).await.unwrap().unwrap().state, JobState::Done);
}

pub(crate) async fn only_ended_jobs_are_taken_up(farm: &impl Farm) {
    let job = farm.submit(4, 1).await;
    assert!(!farm.ledger().revive(&job, Timestamp(NOW)).await.unwrap(), "running");
    for task in ["prepare", "segment-0-00000", "part-00000", "film"] {
        farm.make(&job, task).await;
    }
    assert!(!farm.ledger().revive(&job, Timestamp(NOW)).await.unwrap(), "done");
}

pub(crate) async fn work_that_stands_still_is_taken_back(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    let forever = Timestamp(i64::MAX);
    let pulse = |steps, usual_ms| Pulse { frames_done: 0, steps, usual_ms };
    let expire = async |at| names(&farm.ledger().expire(Patience::FARM, Timestamp(at)).await.unwrap());
    // The first step, at ten seconds; one takes seven seconds as a rule, so it may stand still for 140.
    farm.ledger().renew(&lease, &pulse(1, 7_000), forever, Timestamp(NOW + 10_000)).await.unwrap();
    // Renewed again and again without a step.
    farm.ledger().renew(&lease, &pulse(1, 7_000), forever, Timestamp(NOW + 149_000)).await.unwrap();
    assert!(expire(NOW + 150_000).await.is_empty());
    assert_eq!(expire(NOW + 150_001).await, ["prepare"]);
    let task = farm.task(&job, "prepare").await;
    assert_eq!((task.state, task.failures), (TaskState::Ready, 1));
    let error = task.error.unwrap();
    assert!(error.contains("the worker one was stuck") && error.contains("140 s"), "{error}");
    assert_eq!(farm.ledger().attempts(&job, None, 0, 9).await.unwrap()[0].outcome, Outcome::Stuck);
    assert_lost(&farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap_err());
}

pub(crate) async fn a_thousand_leases_are_taken_back_at_a_time(farm: &impl Farm) {
    for frames in 1..=1001 {
        farm.submit(frames, 1).await;
    }
    assert_eq!(farm.release(NOW).await.len(), 1000);
    while farm.take("one", NOW).await.is_some() {}
    farm.release(NOW).await;
    let last = farm.take("one", NOW).await.unwrap();
    let over = last.until.after(TERM);
    assert_eq!(farm.ledger().expire(Patience::FARM, over).await.unwrap().len(), 1000);
    assert_eq!(farm.ledger().expire(Patience::FARM, over).await.unwrap().len(), 1);
}

pub(crate) async fn why_a_job_was_cancelled_is_kept(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.ledger().cancel(&job, Some("cancelled by anna: wrong track"), Timestamp(NOW)).await.unwrap();
    let ended = farm.ledger().job(&job).await.unwrap().unwrap();
    assert_eq!(ended.error.as_deref(), Some("cancelled by anna: wrong track"));
}

pub(crate) async fn a_ledger_tells_how_far_a_clock_is_off(farm: &impl Farm) {
    let ledger = farm.ledger();
    let now = SystemClock.now();
    assert!(ledger.skew_of(&SystemClock).await.unwrap().abs() < 2000, "both are on this machine");
    let ahead = ledger.skew_of(&ManualClock::at(now.after(Duration::from_mins(1)))).await.unwrap();
    assert!((50_000..=60_000).contains(&ahead), "{ahead}");
    let behind = ledger.skew_of(&ManualClock::at(Timestamp(now.0 - 60_000))).await.unwrap();
    assert!((-70_000..=-60_000).contains(&behind), "{behind}");
}

pub(crate) async fn a_ledger_that_answers_says_so(farm: &impl Farm) {
    farm.ledger().ping().await.unwrap();
}
