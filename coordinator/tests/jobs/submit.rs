//! Drafts become jobs.

use coordinator::{AUDIO, PORTRAIT, draft, submit};
use shared::{
    JobState, Timestamp,
    clock::ManualClock,
    error::Cause,
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

#[tokio::test]
async fn a_file_that_changes_after_the_draft_leaves_no_wrong_bytes_behind() {
    let farm = Farm::new().await;
    let draft = draft(&farm.portrait(), &farm.track(8000), &wishes(), &Sizes).unwrap();
    let (ledger, blobs) = (farm.stores.ledger.as_ref(), farm.stores.blobs.as_ref());
    let clock = ManualClock::default();
    for file in [&draft.portrait, &draft.audio] {
        let before = std::fs::read(file).unwrap();
        let mut after = before.clone();
        *after.last_mut().unwrap() ^= 1;
        std::fs::write(file, after).unwrap();
        let error = submit(&draft, ledger, blobs, &clock).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("{} changed while it was read", file.display())), "{text}");
        assert_eq!((error.cause(), error.mending().is_some()), (Cause::Order, true), "{text}");
        assert_eq!(ledger.job(&draft.id).await.unwrap(), None);
        std::fs::write(file, before).unwrap();
    }
    submit(&draft, ledger, blobs, &clock).await.unwrap();
    let kept = blobs.get(&BlobKey::input(&draft.id, AUDIO).unwrap()).await.unwrap();
    assert!(kept == std::fs::read(&draft.audio).unwrap());
}

#[tokio::test]
async fn wrong_bytes_that_are_already_in_the_store_are_removed() {
    let farm = Farm::new().await;
    let draft = draft(&farm.portrait(), &farm.track(8000), &wishes(), &Sizes).unwrap();
    let (ledger, blobs) = (farm.stores.ledger.as_ref(), farm.stores.blobs.as_ref());
    let clock = ManualClock::default();
    blobs.put(&BlobKey::input(&draft.id, AUDIO).unwrap(), b"something else").await.unwrap();
    let error = submit(&draft, ledger, blobs, &clock).await.unwrap_err();
    assert!(error.to_string().contains("speech.wav") && error.mending().is_some(), "{error}");
    assert_eq!(blobs.list(&format!("jobs/{}/", draft.id)).await.unwrap(), []);
    assert_eq!(ledger.job(&draft.id).await.unwrap(), None);
    let again = submit(&draft, ledger, blobs, &clock).await.unwrap();
    assert_eq!(again.submitted, Submitted::New);
}
