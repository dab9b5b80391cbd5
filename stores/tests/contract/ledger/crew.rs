//! The crew.

use std::time::Duration;

use shared::{
    Reach, Timestamp,
    ports::{
        Patience,
        crew::{Hand, WorkerOrder, WorkerState},
    },
    task::Lane,
};

use super::farm::{Farm, NOW, TERM, card, worker};

const DAY: Duration = Duration::from_hours(24);

pub(crate) async fn workers_are_listed_as_they_said_last(farm: &impl Farm) {
    let ledger = farm.ledger();
    let (one, two) = (card("one", &Reach::plain(&Lane::ALL)), card("two", &Reach::plain(&[Lane::Stitch])));
    ledger.report(&two, &WorkerState::Idle, Timestamp(NOW)).await.unwrap();
    ledger.report(&one, &WorkerState::Starting, Timestamp(NOW)).await.unwrap();
    let aside = WorkerState::SetAside { reason: "three tasks failed".into() };
    assert_eq!(ledger.report(&one, &aside, Timestamp(NOW + 5)).await.unwrap(), None);
    let hand =
        |card, state, seen| Hand { card, state, since: Timestamp(NOW), seen: Timestamp(seen), done: 0, failed: 0 };
    let expected = [hand(one, aside, NOW + 5), hand(two, WorkerState::Idle, NOW)];
    assert_eq!(ledger.crew(Timestamp(NOW)).await.unwrap(), expected);
    assert_eq!(ledger.crew(Timestamp(NOW + 1)).await.unwrap(), expected[..1]);
    ledger.leave(&worker("one")).await.unwrap();
    assert_eq!(ledger.crew(Timestamp(0)).await.unwrap(), expected[1..]);
}

pub(crate) async fn what_a_worker_did_is_counted(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.ledger().report(&card("one", &Reach::plain(&Lane::ALL)), &WorkerState::Idle, Timestamp(NOW)).await.unwrap();
    let counts = async || {
        let crew = farm.ledger().crew(Timestamp(0)).await.unwrap();
        (crew[0].done, crew[0].failed)
    };
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    farm.ledger().give_back(&lease, Timestamp(NOW)).await.unwrap();
    assert_eq!(counts().await, (0, 0));
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    let later = farm.fail(&lease, NOW).await;
    let lease = farm.claim(&job, "prepare", later).await.unwrap();
    farm.ledger().expire(Patience::FARM, lease.until.after(TERM)).await.unwrap();
    assert_eq!(counts().await, (0, 2));
    farm.make(&job, "prepare").await;
    assert_eq!(counts().await, (1, 2));
}

pub(crate) async fn orders_are_handed_over_once_and_drain_stays(farm: &impl Farm) {
    let ledger = farm.ledger();
    let card = card("one", &Reach::plain(&Lane::ALL));
    assert!(!ledger.ask(&card.id, WorkerOrder::Drain).await.unwrap(), "nobody knows it yet");
    let report = async || ledger.report(&card, &WorkerState::Idle, Timestamp(NOW)).await.unwrap();
    assert_eq!(report().await, None);
    assert!(ledger.ask(&card.id, WorkerOrder::Work).await.unwrap());
    assert_eq!(report().await, Some(WorkerOrder::Work));
    assert_eq!(report().await, None);
    assert!(ledger.ask(&card.id, WorkerOrder::Drain).await.unwrap());
    assert_eq!((report().await, report().await), (Some(WorkerOrder::Drain), Some(WorkerOrder::Drain)));
}

pub(crate) async fn workers_not_heard_of_for_a_day_are_forgotten(farm: &impl Farm) {
    let ledger = farm.ledger();
    let reach = Reach::plain(&Lane::ALL);
    let later = Timestamp(NOW).after(DAY);
    ledger.report(&card("old", &reach), &WorkerState::Idle, Timestamp(NOW - 1)).await.unwrap();
    ledger.report(&card("just", &reach), &WorkerState::Idle, Timestamp(NOW)).await.unwrap();
    ledger.report(&card("new", &reach), &WorkerState::Idle, later).await.unwrap();
    let crew = ledger.crew(Timestamp(0)).await.unwrap();
    assert_eq!(crew.iter().map(|hand| hand.card.id.0.as_str()).collect::<Vec<_>>(), ["just", "new"]);
}
