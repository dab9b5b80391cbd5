//! A ledger outlives the process that wrote it.

use shared::{JobState, Timestamp};

use super::farm::{Lasting, NOW, key, worker};

pub(crate) async fn everything_is_there_after_reopening(farm: &impl Lasting) {
    let job = farm.submit(10, 1).await;
    farm.make(&job, "prepare").await;
    let lease = farm.claim(&job, "segment-0-00000", NOW).await.unwrap();
    let (record, tasks) = (farm.ledger().job(&job).await.unwrap(), farm.ledger().tasks(&job).await.unwrap());
    let again = farm.again().await;
    assert_eq!(again.job(&job).await.unwrap(), record);
    assert_eq!(again.tasks(&job).await.unwrap(), tasks);
    let readied = again.complete(&lease, Timestamp(NOW)).await.unwrap();
    assert_eq!(readied, [key(&job, "segment-0-00001")]);
}

pub(crate) async fn two_openings_see_the_same_ledger(farm: &impl Lasting) {
    let other = farm.again().await;
    let mut jobs = Vec::new();
    for frames in 1..=20 {
        jobs.push(farm.submit(frames, 1).await);
    }
    let mut won = [0, 0];
    for job in &jobs {
        let prepare = key(job, "prepare");
        let [one, two] = [worker("one"), worker("two")];
        let claims = tokio::join!(
            farm.ledger().claim(&prepare, &one, super::farm::TERM, Timestamp(NOW)),
            other.claim(&prepare, &two, super::farm::TERM, Timestamp(NOW)),
        );
        let claims = [claims.0.unwrap(), claims.1.unwrap()];
        assert_eq!(claims.iter().flatten().count(), 1);
        won[usize::from(claims[1].is_some())] += 1;
    }
    assert_eq!(won[0] + won[1], 20);
    other.cancel(&jobs[0], None, Timestamp(NOW)).await.unwrap();
    assert_eq!(farm.ledger().job(&jobs[0]).await.unwrap().unwrap().state, JobState::Cancelled);
}
