//! What was measured of films.

use shared::{
    Frames, TaskId, Terms, Timestamp,
    quality::{ClipQuality, Fault, Measured, PartQuality, Quality, Refused},
    terms::Webhook,
};

use super::farm::{Farm, NOW, assert_lost};

fn record(task: &str, first: u64, quality: Quality) -> Measured {
    Measured { task: TaskId::from_text(task), frames: Frames::new(first, first + 4), quality }
}

/// A clip that came out well at its second take.
fn clip(first: u64) -> Measured {
    let refused = vec![Refused { take: 0, anchored: false, faults: vec![Fault::Blurred] }];
    record("segment-0-00000", first, Quality::Clip(ClipQuality { take: 1, refused, ..ClipQuality::default() }))
}

/// A run of frames that somebody should look at.
pub(crate) fn dark(first: u64) -> Measured {
    let part = PartQuality { sharpness: Some(0.0), black: 4, moved: vec![None, Some(0.25)], ..PartQuality::default() };
    record("film", first, Quality::Part(part))
}

pub(crate) async fn what_was_measured_comes_back_in_the_order_of_the_film(farm: &impl Farm) {
    let job = farm.submit(8, 1).await;
    let other = farm.submit(4, 1).await;
    farm.make(&job, "prepare").await;
    let lease = farm.claim(&job, "segment-0-00000", NOW).await.unwrap();
    let ledger = farm.ledger();
    let all = [clip(0), clip(4), clip(8)];
    ledger.keep_quality(&lease, &[all[2].clone(), all[0].clone(), all[1].clone()], Timestamp(NOW)).await.unwrap();
    assert_eq!(ledger.quality(&job, 0, 99).await.unwrap(), all);
    assert_eq!(ledger.quality(&job, 1, 1).await.unwrap(), all[1..2]);
    assert_eq!(ledger.quality(&job, 3, 9).await.unwrap(), []);
    assert_eq!(ledger.quality(&other, 0, 9).await.unwrap(), []);
    ledger.keep_quality(&lease, &[], Timestamp(NOW)).await.unwrap();
    assert_eq!(ledger.quality(&job, 0, 99).await.unwrap(), all, "nothing more was measured");
}

pub(crate) async fn only_the_attempt_that_holds_the_lease_keeps_measures(farm: &impl Farm) {
    let job = farm.submit(8, 1).await;
    farm.make(&job, "prepare").await;
    let ledger = farm.ledger();
    let first = farm.claim(&job, "segment-0-00000", NOW).await.unwrap();
    ledger.keep_quality(&first, &[clip(0), clip(4)], Timestamp(NOW)).await.unwrap();
    ledger.give_back(&first, Timestamp(NOW)).await.unwrap();
    assert_lost(&ledger.keep_quality(&first, &[clip(8)], Timestamp(NOW)).await.unwrap_err());
    let second = farm.claim(&job, "segment-0-00000", NOW).await.unwrap();
    assert_lost(&ledger.keep_quality(&first, &[clip(8)], Timestamp(NOW)).await.unwrap_err());
    ledger.keep_quality(&second, &[clip(0)], Timestamp(NOW)).await.unwrap();
    assert_eq!(ledger.quality(&job, 0, 9).await.unwrap(), [clip(0)], "what an earlier attempt measured is gone");
}

pub(crate) async fn a_warning_is_told_once_and_to_the_webhook(farm: &impl Farm) {
    let url = "https://example.com/hook".to_owned();
    let hook = Webhook { url, events: vec!["job.quality_warning".into()], secret: String::new() };
    let job = farm.submit_as(8, 1, &Terms { webhook: Some(hook), ..Terms::default() }).await;
    farm.make(&job, "prepare").await;
    let ledger = farm.ledger();
    let lease = farm.claim(&job, "segment-0-00000", NOW).await.unwrap();
    let records: Vec<Measured> = (0..12).map(|place| dark(place * 4)).chain([clip(48)]).collect();
    for _ in 0..2 {
        // The answer to the first may have been lost on its way.
        ledger.keep_quality(&lease, &records, Timestamp(NOW)).await.unwrap();
    }
    let events = ledger.events(Some(&job), None, 0, 99).await.unwrap();
    let warnings: Vec<_> = events.iter().filter(|event| event.kind == "job.quality_warning").collect();
    assert_eq!(warnings.len(), 1, "{events:?}");
    let data = &warnings[0].data;
    assert_eq!((data["count"].as_u64(), data["frames"].as_array().map(Vec::len)), (Some(12), Some(10)));
    assert_eq!(data["frames"][1]["first"], 4);
    assert!(data["frames"][0]["why"].as_str().unwrap().contains("black"), "{data}");
    assert_eq!(ledger.deliveries(&job).await.unwrap().len(), 1);
}
