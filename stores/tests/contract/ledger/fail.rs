//! Attempts that fail.

use shared::{
    Error, JobState,
    TaskState::{self, Cancelled, Done, Failed},
    Timestamp,
    ports::{
        Patience,
        ledger::{MOST_FAILURES, back_off},
    },
};

use super::farm::{Farm, NOW};

pub(crate) async fn a_failure_waits_before_the_next_attempt(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let mut now = NOW;
    for failures in 1..MOST_FAILURES {
        let lease = farm.claim(&job, "prepare", now).await.unwrap();
        let state =
            farm.ledger().fail(&lease, &Error::world("disk full"), Patience::EMBEDDED, Timestamp(now)).await.unwrap();
        let task = farm.task(&job, "prepare").await;
        assert_eq!((state, task.state, task.failures), (TaskState::Ready, TaskState::Ready, failures));
        assert_eq!(task.error.as_deref(), Some("disk full"));
        let until = Timestamp(now).after(back_off(failures)).0;
        assert!(farm.ready(until - 1).await.is_empty());
        assert_eq!(farm.claim(&job, "prepare", until - 1).await, None);
        assert_eq!(farm.ready(until).await, ["prepare"]);
        now = until;
    }
}

pub(crate) async fn the_last_failure_fails_the_job(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.make(&job, "prepare").await;
    farm.make(&job, "segment-0-00000").await;
    let later = NOW * 1000;
    for failures in 1..=MOST_FAILURES {
        let lease = farm.claim(&job, "segment-0-00001", later * i64::from(failures)).await.unwrap();
        let now = Timestamp(later * i64::from(failures));
        let state = farm
            .ledger()
            .fail(&lease, &Error::world(format!("failure {failures}")), Patience::EMBEDDED, now)
            .await
            .unwrap();
        assert_eq!(state, if failures == MOST_FAILURES { TaskState::Failed } else { TaskState::Ready });
    }
    let ended = farm.ledger().job(&job).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.error.as_deref()), (JobState::Failed, Some("failure 3")));
    assert_eq!(ended.ended, Some(Timestamp(later * 3)));
    assert_eq!(farm.states(&job).await, [Done, Done, Failed, Cancelled, Cancelled, Cancelled, Cancelled]);
    assert!(farm.ready(i64::MAX).await.is_empty());
}

pub(crate) async fn an_error_may_allow_fewer_attempts(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    for expected in [TaskState::Ready, TaskState::Failed] {
        let lease = farm.claim(&job, "prepare", i64::MAX).await.unwrap();
        let error = Error::world("frame 7 is not a number").at_most(2);
        assert_eq!(farm.ledger().fail(&lease, &error, Patience::EMBEDDED, Timestamp(NOW)).await.unwrap(), expected);
    }
}

pub(crate) async fn a_wrong_order_fails_at_once(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    let error = Error::order("speech.wav holds no audio").mend("choose another");
    assert_eq!(
        farm.ledger().fail(&lease, &error, Patience::EMBEDDED, Timestamp(NOW)).await.unwrap(),
        TaskState::Failed
    );
    let ended = farm.ledger().job(&job).await.unwrap().unwrap();
    assert_eq!(ended.error.as_deref(), Some("speech.wav holds no audio (choose another)"));
    let task = farm.task(&job, "prepare").await;
    assert_eq!((task.failures, task.error), (1, ended.error));
}

pub(crate) async fn a_stop_gives_the_task_back(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    assert_eq!(
        farm.ledger().fail(&lease, &Error::stopped(), Patience::EMBEDDED, Timestamp(NOW)).await.unwrap(),
        TaskState::Ready
    );
    assert_eq!(farm.task(&job, "prepare").await.failures, 0);
    assert_eq!(farm.ready(NOW).await, ["prepare"]);
}
