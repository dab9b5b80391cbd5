//! Two at once.

use futures_util::future::join_all;
use shared::{Timestamp, error::Cause};

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
