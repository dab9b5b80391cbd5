//! Deliveries to webhooks.

use shared::{
    JobId, Terms, Timestamp,
    ports::hooks::{Delivery, DeliveryState, GONE, GONE_ONCE},
    terms::Webhook,
};

use super::farm::{Farm, NOW};

fn hooked(events: &[&str]) -> Terms {
    let events = events.iter().map(|event| (*event).to_owned()).collect();
    let webhook = Webhook { url: "https://studio.example/news".into(), secret: "whsec_c2VjcmV0".into(), events };
    Terms { webhook: Some(webhook), ..Terms::default() }
}

fn kinds(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.event.kind.as_str()).collect()
}

async fn due(farm: &impl Farm, limit: u32, at: i64) -> Vec<Delivery> {
    farm.ledger().due(limit, Timestamp(at + 100), Timestamp(at)).await.unwrap()
}

async fn cancelled(farm: &impl Farm, frames: u64, terms: &Terms) -> JobId {
    let job = farm.submit_as(frames, 1, terms).await;
    farm.ledger().cancel(&job, Some("enough"), Timestamp(NOW)).await.unwrap();
    job
}

pub(crate) async fn events_that_are_wanted_become_deliveries(farm: &impl Farm) {
    let all = cancelled(farm, 10, &hooked(&[])).await;
    let some = cancelled(farm, 11, &hooked(&["job.cancelled", "job.completed"])).await;
    let none = farm.submit(12, 1).await;
    assert_eq!(kinds(&farm.ledger().deliveries(&all).await.unwrap()), ["job.accepted", "job.cancelled"]);
    assert_eq!(kinds(&farm.ledger().deliveries(&none).await.unwrap()), <[&str; 0]>::default());
    let deliveries = farm.ledger().deliveries(&some).await.unwrap();
    let [delivery] = &deliveries[..] else { panic!("{deliveries:?}") };
    assert_eq!(delivery.webhook, hooked(&["job.cancelled", "job.completed"]).webhook.unwrap());
    assert_eq!((delivery.state, delivery.tries, delivery.next), (DeliveryState::Waiting, 0, Timestamp(NOW)));
    assert_eq!((&delivery.last, &delivery.event.data["reason"]), (&None, &"enough".into()));
    let events = farm.ledger().events(Some(&some), None, 0, 9).await.unwrap();
    assert_eq!(delivery.event, events[1], "a delivery tells of an event");
}

pub(crate) async fn a_delivery_is_taken_by_one_and_comes_again(farm: &impl Farm) {
    for frames in 1..=6 {
        farm.submit_as(frames, 1, &hooked(&[])).await;
    }
    let (first, second) = tokio::join!(due(farm, 4, NOW), due(farm, 4, NOW));
    let mut ids: Vec<_> = first.iter().chain(&second).map(|delivery| delivery.id).collect();
    ids.sort_unstable();
    let taken = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), taken, "one was sent twice");
    let rest = due(farm, 9, NOW).await.len();
    assert_eq!(taken + rest, 6);
    assert!(due(farm, 9, NOW + 99).await.is_empty());
    assert_eq!(due(farm, 9, NOW + 100).await.len(), 6, "whoever took them did not settle them");
}

pub(crate) async fn a_settled_delivery_stays_settled(farm: &impl Farm) {
    let job = farm.submit_as(10, 1, &hooked(&[])).await;
    let ledger = farm.ledger();
    let id = due(farm, 9, NOW).await[0].id;
    let later = Timestamp(NOW + 5000);
    ledger.settle_delivery(id, DeliveryState::Waiting, later, "status 503").await.unwrap();
    assert!(due(farm, 9, NOW + 4999).await.is_empty());
    let again = due(farm, 9, NOW + 5000).await;
    assert_eq!((again[0].tries, again[0].last.as_deref()), (1, Some("status 503")));
    ledger.settle_delivery(id, DeliveryState::Delivered, later, "status 204").await.unwrap();
    assert!(due(farm, 9, i64::MAX - 200).await.is_empty());
    let settled = &ledger.deliveries(&job).await.unwrap()[0];
    assert_eq!((settled.state, settled.tries), (DeliveryState::Delivered, 2));
}

pub(crate) async fn a_delivery_is_sent_again_on_request(farm: &impl Farm) {
    let job = farm.submit_as(10, 1, &hooked(&[])).await;
    let other = farm.submit_as(11, 1, &hooked(&[])).await;
    let ledger = farm.ledger();
    for delivery in due(farm, 9, NOW).await {
        ledger.settle_delivery(delivery.id, DeliveryState::Failed, Timestamp(NOW), "no such host").await.unwrap();
    }
    let id = ledger.deliveries(&job).await.unwrap()[0].id;
    assert!(!ledger.replay(&other, id, Timestamp(NOW)).await.unwrap(), "of another job");
    assert!(!ledger.replay(&job, 999, Timestamp(NOW)).await.unwrap());
    assert!(ledger.replay(&job, id, Timestamp(NOW)).await.unwrap());
    let again = due(farm, 9, NOW).await;
    assert_eq!(again.iter().map(|d| (d.id, d.tries, d.last.clone())).collect::<Vec<_>>(), [(id, 0, None)]);
}

pub(crate) async fn of_each_job_the_earliest_delivery_is_taken(farm: &impl Farm) {
    let talkative = cancelled(farm, 10, &hooked(&[])).await;
    let other = farm.submit_as(11, 1, &hooked(&[])).await;
    let first = due(farm, 9, NOW).await;
    assert_eq!(first.iter().map(|d| d.event.job.clone()).collect::<Vec<_>>(), [talkative.clone(), other]);
    let second = due(farm, 9, NOW).await;
    assert_eq!(kinds(&second), ["job.cancelled"], "the next of the job follows");
    farm.ledger().put_off_delivery(first[0].id, Timestamp(NOW + 30)).await.unwrap();
    assert!(due(farm, 9, NOW + 29).await.is_empty());
    let again = due(farm, 9, NOW + 30).await;
    assert_eq!(again.iter().map(|d| (d.id, d.tries)).collect::<Vec<_>>(), [(first[0].id, 0)], "no try was counted");
}

pub(crate) async fn what_is_sent_again_is_held_back_by_nothing(farm: &impl Farm) {
    let job = cancelled(farm, 10, &hooked(&[])).await;
    let ledger = farm.ledger();
    let ids: Vec<_> = ledger.deliveries(&job).await.unwrap().iter().map(|d| d.id).collect();
    for id in &ids {
        ledger.settle_delivery(*id, DeliveryState::Failed, Timestamp(NOW), GONE).await.unwrap();
    }
    assert!(ledger.replay(&job, ids[0], Timestamp(NOW)).await.unwrap());
    let after = ledger.deliveries(&job).await.unwrap();
    let said: Vec<_> = after.iter().map(|d| (d.state, d.last.as_deref())).collect();
    assert_eq!(said, [(DeliveryState::Waiting, None), (DeliveryState::Failed, Some(GONE_ONCE))]);
}
