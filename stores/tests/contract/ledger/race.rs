//! Two at once.

use futures_util::future::join_all;
use shared::{Hold, TaskState, Timestamp, error::Cause};

use super::farm::{Farm, NOW, names};

pub(crate) async fn one_attempt_completes_a_task(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    let all = join_all((0..8).map(|_| farm.ledger().complete(&lease, Timestamp(NOW)))).await;
    let (won, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(lost.into_iter().all(|lost| lost.unwrap_err().cause() == Cause::LeaseLost));
    assert_eq!(farm.ledger().progress(&job).await.unwrap().tasks_done, 1);
}

pub(crate) async fn needs_that_are_done_together_ready_a_task_once(farm: &impl Farm) {
    // Twelve segments, and six parts that the film needs.
    for frames in 45..=48 {
        let job = farm.submit(frames, 1).await;
        farm.make(&job, "prepare").await;
        for segment in 0..12 {
            farm.make(&job, &format!("segment-0-{segment:05}")).await;
        }
        let mut leases = Vec::new();
        for part in 0..6 {
            leases.push(farm.claim(&job, &format!("part-{part:05}"), NOW).await.unwrap());
        }
        let readied = join_all(leases.iter().map(|lease| farm.ledger().complete(lease, Timestamp(NOW)))).await;
        let readied: Vec<_> = readied.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(names(&readied), ["film"], "{frames} frames");
    }
}

pub(crate) async fn what_is_readied_beside_a_pause_is_held(farm: &impl Farm) {
    for frames in 10..40 {
        let job = farm.submit(frames, 1).await;
        let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
        let (made, held) = tokio::join!(
            farm.ledger().complete(&lease, Timestamp(NOW)),
            farm.ledger().hold(&job, Hold::Paused, Timestamp(NOW))
        );
        assert_eq!((names(&made.unwrap()), held.unwrap()), (vec!["segment-0-00000".to_owned()], true));
        assert_eq!(farm.release(NOW).await, [], "{frames} frames");
        assert!(farm.ledger().hold(&job, Hold::None, Timestamp(NOW)).await.unwrap());
        assert_eq!(names(&farm.release(NOW).await), ["segment-0-00000"], "{frames} frames");
        assert!(farm.ledger().cancel(&job, None, Timestamp(NOW)).await.unwrap());
    }
}

pub(crate) async fn a_task_that_ends_beside_its_job_counts_or_is_cancelled(farm: &impl Farm) {
    for frames in 10..40 {
        let job = farm.submit(frames, 1).await;
        let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
        let (made, cancelled) = tokio::join!(
            farm.ledger().complete(&lease, Timestamp(NOW)),
            farm.ledger().cancel(&job, None, Timestamp(NOW))
        );
        assert!(cancelled.unwrap());
        let states = farm.states(&job).await;
        let first = if made.is_ok() { TaskState::Done } else { TaskState::Cancelled };
        assert!(made.is_ok_and(|readied| readied.len() == 1) || first == TaskState::Cancelled);
        assert_eq!(states[0], first, "{frames} frames");
        assert!(states[1..].iter().all(|state| *state == TaskState::Cancelled), "{frames} frames: {states:?}");
        let done = u64::from(first == TaskState::Done);
        assert_eq!(farm.ledger().progress(&job).await.unwrap().tasks_done, done, "{frames} frames");
    }
}
