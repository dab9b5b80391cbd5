//! Jobs enter, and are looked at.

use shared::{JobState, TaskState, Timestamp, ports::Submitted, task::Lane};

use super::farm::{Farm, NOW, order, plan};

pub(crate) async fn a_new_job_is_ready_to_prepare(farm: &impl Farm) {
    let (order, plan) = (order(10), plan(10));
    assert_eq!(farm.ledger().submit(&order, &plan, Timestamp(5)).await.unwrap(), Submitted::New);
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
    assert_eq!(farm.ledger().submit(&order(10), &plan(10), Timestamp(9)).await.unwrap(), Submitted::Known);
    assert_eq!((farm.ledger().job(&job).await.unwrap(), farm.ledger().tasks(&job).await.unwrap()), before);
}

pub(crate) async fn an_unknown_job_is_empty(farm: &impl Farm) {
    let job = order(3).job_id();
    assert_eq!(farm.ledger().job(&job).await.unwrap(), None);
    assert_eq!(farm.ledger().tasks(&job).await.unwrap(), []);
    assert_eq!(farm.ledger().progress(&job).await.unwrap(), shared::ports::Progress::default());
    assert_eq!(farm.claim(&job, "prepare", NOW).await, None);
    assert_eq!(farm.ledger().reclaim(&job).await.unwrap(), []);
    assert!(!farm.ledger().cancel(&job, Timestamp(NOW)).await.unwrap());
    assert!(!farm.ledger().revive(&job).await.unwrap());
}

pub(crate) async fn a_broken_plan_is_refused(farm: &impl Farm) {
    let mut broken = plan(10);
    broken.tasks.swap(1, 2);
    assert!(farm.ledger().submit(&order(10), &broken, Timestamp(1)).await.is_err());
    assert_eq!(farm.ledger().job(&order(10).job_id()).await.unwrap(), None);
}

pub(crate) async fn ready_is_oldest_job_first_in_plan_order(farm: &impl Farm) {
    let young = farm.submit(9, 2).await;
    let old = farm.submit(20, 1).await;
    farm.make(&young, "prepare").await;
    farm.make(&old, "prepare").await;
    for segment in 0..3 {
        farm.make(&old, &format!("segment-0-{segment:05}")).await;
    }
    let ready = farm.ledger().ready(&Lane::ALL, Timestamp(NOW), 10).await.unwrap();
    let got: Vec<_> = ready.iter().map(|(key, kind)| (&key.job, key.task.as_str(), kind.lane())).collect();
    let expected = [
        (&old, "segment-0-00003", Lane::Render),
        (&old, "part-00000", Lane::Stitch),
        (&young, "segment-0-00000", Lane::Render),
    ];
    assert_eq!(got, expected);
}

pub(crate) async fn ready_keeps_to_lanes_and_limit(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.make(&job, "prepare").await;
    farm.make(&job, "segment-0-00000").await;
    farm.make(&job, "segment-0-00001").await;
    let ready = async |lanes: &[Lane], limit| {
        let found = farm.ledger().ready(lanes, Timestamp(NOW), limit).await.unwrap();
        found.into_iter().map(|(key, _)| key.task.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ready(&[Lane::Stitch], 9).await, ["part-00000"]);
    assert_eq!(ready(&[Lane::Render], 9).await, ["segment-0-00002"]);
    assert_eq!(ready(&Lane::ALL, 9).await.len(), 2);
    assert_eq!(ready(&Lane::ALL, 1).await, ["segment-0-00002"]);
    assert!(ready(&[], 9).await.is_empty());
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
    farm.ledger().renew(&lease, lease.until, 2).await.unwrap();
    assert_eq!(progress().await, (6, 2));
    farm.ledger().complete(&lease, Timestamp(NOW)).await.unwrap();
    let lease = farm.claim(&job, "part-00000", NOW).await.unwrap();
    farm.ledger().renew(&lease, lease.until, 8).await.unwrap();
    assert_eq!(progress().await, (8, 3), "encoded frames are not rendered frames");
    let lease = farm.claim(&job, "segment-0-00002", NOW).await.unwrap();
    farm.ledger().renew(&lease, lease.until, 4).await.unwrap();
    assert_eq!(progress().await, (10, 3), "a last clip that reaches beyond the film counts what the film has");
}
