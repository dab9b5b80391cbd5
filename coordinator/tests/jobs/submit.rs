//! Drafts become jobs.

use coordinator::{AUDIO, PORTRAIT, draft, submit};
use shared::{
    JobState, Timestamp,
    clock::ManualClock,
    ports::{BlobKey, Submitted},
};

use super::farm::{Farm, Sizes, wishes};

#[tokio::test]
async fn a_submitted_job_is_in_the_ledger_and_its_inputs_are_blobs() {
    let farm = Farm::new().await;
    let draft = draft(&farm.portrait(), &farm.track(8000), &wishes(), &Sizes).unwrap();
    let (ledger, blobs) = (farm.stores.ledger.as_ref(), farm.stores.blobs.as_ref());
    let clock = ManualClock::at(Timestamp(5));
    let submission = submit(&draft, ledger, blobs, &clock).await.unwrap();
    assert_eq!((submission.submitted, &submission.id), (Submitted::New, &draft.id));
    let job = ledger.job(&draft.id).await.unwrap().unwrap();
    assert_eq!((job.order, job.state, job.submitted), (draft.order.clone(), JobState::Running, Timestamp(5)));
    assert_eq!(ledger.tasks(&draft.id).await.unwrap().len(), draft.plan.tasks.len());
    for (name, file) in [(PORTRAIT, &draft.portrait), (AUDIO, &draft.audio)] {
        let kept = blobs.get(&BlobKey::input(&draft.id, name).unwrap()).await.unwrap();
        assert_eq!(kept, std::fs::read(file).unwrap());
    }
    let again = submit(&draft, ledger, blobs, &clock).await.unwrap();
    assert_eq!((again.submitted, again.id), (Submitted::Known, submission.id));
}

#[tokio::test]
async fn a_job_whose_inputs_cannot_be_kept_is_not_recorded() {
    let farm = Farm::new().await;
    let draft = draft(&farm.portrait(), &farm.track(8000), &wishes(), &Sizes).unwrap();
    std::fs::remove_file(&draft.audio).unwrap();
    let clock = ManualClock::default();
    let error = submit(&draft, farm.stores.ledger.as_ref(), farm.stores.blobs.as_ref(), &clock).await.unwrap_err();
    assert!(error.to_string().contains("speech.wav"), "{error}");
    assert_eq!(farm.stores.ledger.job(&draft.id).await.unwrap(), None);
}
