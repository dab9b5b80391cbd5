//! Jobs enter, and are looked at.

use shared::{JobState, TaskState, Terms, Timestamp, ports::Submitted};

use super::farm::{Farm, NOW, frames, names, order, plan};

pub(crate) async fn a_new_job_is_ready_to_prepare(farm: &impl Farm) {
    let (order, plan) = (order(10), plan(10));
    assert_eq!(farm.ledger().submit(&order, &Terms::default(), &plan, Timestamp(5)).await.unwrap(), Submitted::New);
    let job = farm.ledger().job(&order.job_id()).await.unwrap().unwrap();
    assert_eq!((job.order, job.state, job.submitted), (order.clone(), JobState::Running, Timestamp(5)));
    assert_eq!((job.error, job.ended), (None, None));
    let tasks = farm.ledger().tasks(&order.job_id()).await.unwrap();
    let kept: Vec<_> = tasks.iter().map(|task| (&task.id, &task.kind)).collect();
    let planned: Vec<_> = plan.tasks.iter().map(|node| (&node.id, &node.kind)).collect();
    assert_eq!(kept, planned);
    assert!(tasks.iter().all(|task| (task.attempt, task.failures, task.frames_done) == (0, 0, 0)));
    let open = tasks.iter().filter(|task| task.state != TaskState::Waiting).map(|task| task.id.as_str());
    assert_eq!(open.collect::<Vec<_>>(), ["prepare"]);
}

pub(crate) async fn submitting_twice_changes_nothing(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.make(&job, "prepare").await;
    let before = (farm.ledger().job(&job).await.unwrap(), farm.ledger().tasks(&job).await.unwrap());
    assert_eq!(
        farm.ledger().submit(&order(10), &Terms::default(), &plan(10), Timestamp(9)).await.unwrap(),
        Submitted::Known
    );
    assert_eq!((farm.ledger().job(&job).await.unwrap(), farm.ledger().tasks(&job).await.unwrap()), before);
}

pub(crate) async fn an_unknown_job_is_empty(farm: &impl Farm) {
    let job = order(3).job_id();
    assert_eq!(farm.ledger().job(&job).await.unwrap(), None);
    assert_eq!(farm.ledger().tasks(&job).await.unwrap(), []);
    assert_eq!(farm.ledger().progress(&job).await.unwrap(), shared::ports::Progress::default());
    assert_eq!(farm.claim(&job, "prepare", NOW).await, None);
    assert_eq!(farm.ledger().reclaim(&job, Timestamp(NOW)).await.unwrap(), []);
    assert!(!farm.ledger().cancel(&job, None, Timestamp(NOW)).await.unwrap());
    assert!(!farm.ledger().revive(&job, Timestamp(NOW)).await.unwrap());
}

pub(crate) async fn a_broken_plan_is_refused(farm: &impl Farm) {
    let mut broken = plan(10);
    broken.tasks.swap(1, 2);
    assert!(farm.ledger().submit(&order(10), &Terms::default(), &broken, Timestamp(1)).await.is_err());
    assert_eq!(farm.ledger().job(&order(10).job_id()).await.unwrap(), None);
}

pub(crate) async fn candidates_come_by_rest_then_submission_then_plan(farm: &impl Farm) {
    let young = farm.submit(9, 2).await;
    let old = farm.submit(20, 1).await;
    let twin = farm.submit(12, 1).await;
    farm.make(&young, "prepare").await;
    farm.make(&old, "prepare").await;
    for segment in 0..3 {
        farm.make(&old, &format!("segment-0-{segment:05}")).await;
    }
    let candidates = farm.view(10, NOW).await.candidates;
    let got: Vec<_> = candidates.iter().map(|task| (&task.key.job, task.key.task.as_str(), task.rest)).collect();
    // Frames to the film; of two equal ones the job that came first.
    let expected = [
        (&twin, "prepare", 16),
        (&young, "segment-0-00000", 16),
        (&old, "segment-0-00003", 12),
        (&old, "part-00000", 8),
    ];
    assert_eq!(got, expected);
}

pub(crate) async fn candidates_keep_to_their_number(farm: &impl Farm) {
    for frames in 1..=5 {
        let job = farm.submit(frames, 1).await;
        if frames > 3 {
            farm.make(&job, "prepare").await;
            farm.make(&job, "segment-0-00000").await;
        }
    }
    let keys = |view: shared::ports::schedule::View| {
        names(&view.candidates.into_iter().map(|candidate| candidate.key).collect::<Vec<_>>())
    };
    let all = keys(farm.view(10, NOW).await);
    assert_eq!(all, ["segment-0-00001", "prepare", "prepare", "prepare", "part-00000"]);
    assert_eq!(keys(farm.view(1, NOW).await), ["segment-0-00001", "part-00000"], "one of each lane");
    assert!(keys(farm.view(0, NOW).await).is_empty());
}

pub(crate) async fn progress_counts_segments_and_tasks(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let progress = async || {
        let p = farm.ledger().progress(&job).await.unwrap();
        assert_eq!((p.frames, p.tasks), (10, 7));
        (p.frames_rendered, p.tasks_done)
    };
    assert_eq!(progress().await, (0, 0));
    farm.make(&job, "prepare").await;
    farm.make(&job, "segment-0-00000").await;
    assert_eq!(progress().await, (4, 2));
    let lease = farm.claim(&job, "segment-0-00001", NOW).await.unwrap();
    farm.ledger().renew(&lease, &frames(2), lease.until, Timestamp(NOW)).await.unwrap();
    assert_eq!(progress().await, (6, 2));
    farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap();
    let lease = farm.claim(&job, "part-00000", NOW).await.unwrap();
    farm.ledger().renew(&lease, &frames(8), lease.until, Timestamp(NOW)).await.unwrap();
    assert_eq!(progress().await, (8, 3), "encoded frames are not rendered frames");
    let lease = farm.claim(&job, "segment-0-00002", NOW).await.unwrap();
    farm.ledger().renew(&lease, &frames(4), lease.until, Timestamp(NOW)).await.unwrap();
    assert_eq!(progress().await, (10, 3), "a last clip that reaches beyond the film counts what the film has");
}
