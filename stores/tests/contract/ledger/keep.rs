//! What ended jobs leave is kept as long as their terms say.

use shared::{
    Order, TaskState, Terms, Timestamp,
    job::Input,
    ports::retention::{GRACE, Kind},
};

use super::farm::{Farm, NOW, order, plan};

const HOUR: i64 = 3_600_000;

fn terms() -> Terms {
    Terms { keep_latents: Some("1h".parse().unwrap()), keep_film: Some("2h".parse().unwrap()), ..Terms::default() }
}

pub(crate) async fn what_was_kept_long_enough_is_told(farm: &impl Farm) {
    let (job, forever) = (farm.submit_as(10, 1, &terms()).await, farm.submit(11, 1).await);
    let ledger = farm.ledger();
    let outdated = async |at| ledger.outdated(9, Timestamp(at)).await.unwrap();
    assert_eq!(outdated(NOW + 9 * HOUR).await, [], "running jobs keep everything");
    for id in [&job, &forever] {
        ledger.cancel(id, None, Timestamp(NOW)).await.unwrap();
    }
    assert_eq!(outdated(NOW + HOUR - 1).await, []);
    assert_eq!(outdated(NOW + HOUR).await, [(job.clone(), Kind::Latents)]);
    assert_eq!(outdated(NOW + 2 * HOUR).await, [(job.clone(), Kind::Latents), (job.clone(), Kind::Film)]);
    let at = Timestamp(NOW + HOUR);
    assert!(ledger.removed(&job, Kind::Latents, at).await.unwrap());
    assert!(!ledger.removed(&job, Kind::Latents, at).await.unwrap(), "it is known");
    assert!(!ledger.removed(&order(99).job_id(), Kind::Latents, at).await.unwrap());
    let record = ledger.job(&job).await.unwrap().unwrap();
    assert_eq!((record.latents_gone, record.film_gone), (Some(at), None));
    assert_eq!(outdated(NOW + 2 * HOUR).await, [(job.clone(), Kind::Film)]);
    let audit = ledger.audited(None, 9).await.unwrap();
    assert_eq!(
        audit.iter().map(|entry| (entry.3.as_str(), entry.4.as_str())).collect::<Vec<_>>(),
        [("job.latents_removed", job.as_str())]
    );
}

pub(crate) async fn nothing_is_removed_right_after_the_end(farm: &impl Farm) {
    let at_once = Terms { keep_latents: Some("0s".parse().unwrap()), ..Terms::default() };
    let job = farm.submit_as(10, 1, &at_once).await;
    farm.ledger().cancel(&job, None, Timestamp(NOW)).await.unwrap();
    let grace = GRACE.as_millis() as i64;
    assert_eq!(farm.ledger().outdated(9, Timestamp(NOW + grace - 1)).await.unwrap(), []);
    assert_eq!(farm.ledger().outdated(9, Timestamp(NOW + grace)).await.unwrap(), [(job, Kind::Latents)]);
}

pub(crate) async fn what_a_running_job_reads_is_kept(farm: &impl Farm) {
    let job = farm.submit_as(10, 1, &terms()).await;
    let ledger = farm.ledger();
    ledger.cancel(&job, None, Timestamp(NOW)).await.unwrap();
    // Whoever renders some frames of a film anew names the blobs of the film in its order.
    let audio = Input { name: format!("jobs/{job}/segment-0-00000/1/latents.safetensors"), ..order(12).audio };
    let reads = Order { audio, ..order(12) };
    ledger.submit(&reads, &Terms::default(), &plan(12), Timestamp(1)).await.unwrap();
    assert_eq!(ledger.outdated(9, Timestamp(NOW + 9 * HOUR)).await.unwrap(), []);
    ledger.cancel(&reads.job_id(), None, Timestamp(NOW)).await.unwrap();
    assert_eq!(ledger.outdated(1, Timestamp(NOW + 9 * HOUR)).await.unwrap().len(), 2, "one of each kind");
}

pub(crate) async fn a_job_whose_work_is_gone_is_made_again(farm: &impl Farm) {
    let job = farm.submit_as(4, 1, &terms()).await;
    let all = ["prepare", "segment-0-00000", "part-00000", "film"];
    for task in all {
        farm.make(&job, task).await;
    }
    let (ledger, now) = (farm.ledger(), Timestamp(NOW));
    assert!(!ledger.revive(&job, now).await.unwrap(), "a film that is there is not made again");
    ledger.removed(&job, Kind::Latents, now).await.unwrap();
    assert!(ledger.revive(&job, now).await.unwrap());
    assert_eq!(farm.states(&job).await, [TaskState::Ready, TaskState::Waiting, TaskState::Waiting, TaskState::Waiting]);
    let progress = ledger.progress(&job).await.unwrap();
    assert_eq!((progress.tasks_done, progress.frames_rendered), (0, 0));
    assert_eq!(ledger.job(&job).await.unwrap().unwrap().latents_gone, None);
    assert_eq!(farm.claim(&job, "prepare", NOW).await.unwrap().attempt, 2, "attempts go on counting");
    ledger.reclaim(&job, now).await.unwrap();
    for task in all {
        farm.make(&job, task).await;
    }
    let progress = ledger.progress(&job).await.unwrap();
    assert_eq!((progress.tasks_done, progress.frames_rendered), (4, 4));
}
