//! What happened: attempts, events and rates.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;
use shared::{
    Error, Hold, Priority, TaskId, Terms, Timestamp,
    ports::{
        Patience,
        records::{EVENTS, Outcome},
        retention::Kind,
    },
};

use super::farm::{Farm, NOW, TERM, name};

pub(crate) async fn attempts_tell_how_each_ended(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    let ledger = farm.ledger();
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    ledger.give_back(&lease, Timestamp(NOW + 1)).await.unwrap();
    let lease = farm.claim(&job, "prepare", NOW + 1).await.unwrap();
    ledger.fail(&lease, &Error::world("disk full"), Patience::FARM, Timestamp(NOW + 2)).await.unwrap();
    let at = NOW + 5000;
    let lost = farm.claim(&job, "prepare", at).await.unwrap().until.after(TERM);
    ledger.expire(Patience::FARM, lost).await.unwrap();
    farm.make_at(&job, "prepare", lost.0).await;
    let running = farm.claim(&job, "segment-0-00000", lost.0 + 1).await.unwrap();
    let outcomes = async |task: Option<&TaskId>, skip, limit| {
        let attempts = ledger.attempts(&job, task, skip, limit).await.unwrap();
        attempts.iter().map(|a| (a.task.to_string(), a.attempt, a.outcome)).collect::<Vec<_>>()
    };
    let of = |attempt, outcome| ("prepare".to_owned(), attempt, outcome);
    let prepare = [of(1, Outcome::GivenBack), of(2, Outcome::Failed), of(3, Outcome::Lost), of(4, Outcome::Done)];
    let first = ("segment-0-00000".to_owned(), 1, Outcome::Running);
    assert_eq!(outcomes(None, 0, 9).await, [&prepare[..], std::slice::from_ref(&first)].concat());
    assert_eq!(outcomes(Some(&TaskId::from_text("prepare")), 1, 2).await, prepare[1..3]);
    assert_eq!(outcomes(Some(&running.key.task), 0, 9).await, [first]);
    let attempts = ledger.attempts(&job, None, 1, 1).await.unwrap();
    assert_eq!((attempts[0].started, attempts[0].ended), (Timestamp(NOW + 1), Some(Timestamp(NOW + 2))));
    assert_eq!((attempts[0].error.as_deref(), attempts[0].worker.0.as_str()), (Some("disk full"), "one"));
    ledger.cancel(&job, None, Timestamp(NOW)).await.unwrap();
    assert_eq!(outcomes(None, 4, 9).await[0].2, Outcome::Cancelled);
}

pub(crate) async fn reclaimed_attempts_are_given_back(farm: &impl Farm) {
    let job = farm.submit(10, 1).await;
    farm.claim(&job, "prepare", NOW).await.unwrap();
    farm.ledger().reclaim(&job, Timestamp(NOW + 1)).await.unwrap();
    let attempts = farm.ledger().attempts(&job, None, 0, 9).await.unwrap();
    assert_eq!((attempts[0].outcome, attempts[0].ended), (Outcome::GivenBack, Some(Timestamp(NOW + 1))));
}

pub(crate) async fn events_tell_a_jobs_life(farm: &impl Farm) {
    let job = farm.submit(4, 1).await;
    let ledger = farm.ledger();
    let now = Timestamp(NOW);
    for hold in [Hold::Paused, Hold::Paused, Hold::Draining, Hold::None] {
        ledger.hold(&job, hold, now).await.unwrap();
    }
    ledger.set_priority(&job, Priority::HIGH, now).await.unwrap();
    ledger.set_priority(&job, Priority::HIGH, now).await.unwrap();
    assert!(ledger.preview(&job, &[], true, now).await.unwrap());
    assert_eq!(ledger.previewed(now).await.unwrap(), std::slice::from_ref(&job));
    assert!(ledger.approve(&job, now).await.unwrap());
    let lease = farm.claim(&job, "prepare", NOW).await.unwrap();
    let later = farm.fail(&lease, NOW).await;
    let lease = farm.claim(&job, "prepare", later).await.unwrap();
    ledger.fail(&lease, &Error::order("no sound"), Patience::FARM, now).await.unwrap();
    ledger.revive(&job, now).await.unwrap();
    ledger.cancel(&job, None, now).await.unwrap();
    ledger.revive(&job, now).await.unwrap();
    for task in ["prepare", "segment-0-00000", "part-00000"] {
        farm.make_at(&job, task, later).await;
    }
    let lease = farm.claim(&job, "film", later).await.unwrap();
    ledger.keep_quality(&lease, &[super::quality::dark(0)], now).await.unwrap();
    ledger.complete(&lease, now).await.unwrap();
    for kind in Kind::ALL {
        assert!(ledger.removed(&job, kind, now).await.unwrap());
    }
    let events = ledger.events(Some(&job), None, 0, 99).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    let expected = [
        "job.accepted",
        "job.paused",
        "job.draining",
        "job.resumed",
        "job.priority_changed",
        "job.preview_ready",
        "job.approval_required",
        "job.approved",
        "job.started",
        "task.failed",
        "task.failed",
        "job.failed",
        "job.cancelled",
        "job.quality_warning",
        "job.completed",
        "job.latents_removed",
        "job.film_removed",
    ];
    assert_eq!(kinds, expected);
    assert!(kinds.iter().all(|kind| EVENTS.contains(kind)) && EVENTS.iter().all(|kind| kinds.contains(kind)));
    assert_eq!(events[4].data, json!({ "from": 50, "to": 75 }));
    let failed = &events[10].data;
    assert_eq!((&failed["error"], &failed["attempt"], &failed["final"]), (&json!("no sound"), &json!(2), &json!(true)));
    assert_eq!(events[11].data["error"], "no sound");
    assert!(events.iter().all(|event| event.job == job && event.tenant.is_house()));
}

pub(crate) async fn events_are_filtered_and_continued(farm: &impl Farm) {
    let terms = |tenant| Terms { tenant: name(tenant), ..Terms::default() };
    let anna = farm.submit_as(10, 1, &terms("anna")).await;
    farm.submit_as(10, 1, &terms("bert")).await;
    farm.claim(&anna, "prepare", NOW).await.unwrap();
    let ledger = farm.ledger();
    let all = ledger.events(None, None, 0, 9).await.unwrap();
    assert_eq!(all.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2, 3], "numbered without gaps");
    assert_eq!(ledger.events(None, None, 1, 1).await.unwrap(), all[1..2]);
    assert_eq!(ledger.events(None, Some(&name("bert")), 0, 9).await.unwrap(), all[1..2]);
    assert_eq!(ledger.events(Some(&anna), Some(&name("anna")), 1, 9).await.unwrap(), all[2..]);
    assert_eq!(ledger.events(Some(&anna), Some(&name("bert")), 0, 9).await.unwrap(), []);
    assert_eq!(ledger.events(None, None, u64::MAX, 9).await.unwrap(), []);
}

/// A reader that asks for what comes after the last event that it saw sees every event, whoever writes beside it.
pub(crate) async fn a_reader_misses_no_event(farm: &impl Farm) {
    const JOBS: u64 = 60;
    let life = async |frames| {
        let job = farm.submit(frames, 1).await;
        farm.claim(&job, "prepare", NOW).await.unwrap();
        farm.ledger().cancel(&job, None, Timestamp(NOW)).await.unwrap();
    };
    let reader = async {
        let (mut seen, mut last) = (BTreeSet::new(), 0);
        while seen.len() < 3 * JOBS as usize {
            for event in farm.ledger().events(None, None, last, 7).await.unwrap() {
                assert!(event.id > last && seen.insert(event.id), "event {} comes after {last}", event.id);
                last = event.id;
            }
            assert_eq!(seen.len() as u64, last, "an event before {last} was not there yet");
        }
    };
    let all = async { tokio::join!(join_all((1..=JOBS).map(life)), reader) };
    tokio::time::timeout(std::time::Duration::from_mins(3), all).await.expect("every event is seen in the end");
}

pub(crate) async fn rates_are_medians_of_what_was_done_lately(farm: &impl Farm) {
    assert_eq!(farm.ledger().rates().await.unwrap(), []);
    let gold = Terms { pool: name("gold"), ..Terms::default() };
    // Films of 1 to 120 frames: long ago 10 s for each frame, lately 2 s; `prepare` counts the frames of the whole film.
    for frames in 1..=120_u64 {
        let (job, at) = (farm.submit_as(frames, 1, &gold).await, NOW + frames as i64 * 1_000_000);
        let lease = farm.claim(&job, "prepare", at).await.unwrap();
        let seconds = frames as i64 * if frames <= 20 { 10 } else { 2 };
        farm.ledger().complete(&lease, Timestamp(at + seconds * 1000)).await.unwrap();
        if frames == 9 {
            let lease = farm.claim(&job, "segment-0-00000", at).await.unwrap();
            farm.ledger().complete(&lease, Timestamp(at + 3000)).await.unwrap();
            let lease = farm.claim(&job, "segment-0-00001", at).await.unwrap();
            farm.fail(&lease, at + 999_999).await;
        }
    }
    let rates = farm.ledger().rates().await.unwrap();
    let names: Vec<_> =
        rates.iter().map(|r| (r.kind.as_str(), r.model.as_str(), r.pool.as_str(), r.attempts)).collect();
    assert_eq!(names, [("prepare", "test-pattern", "gold", 100), ("segment", "test-pattern", "gold", 1)]);
    assert!((rates[0].seconds_per_frame - 2.0).abs() < 1e-9, "the last hundred: {rates:?}");
    assert!((rates[1].seconds_per_frame - 0.75).abs() < 1e-9, "3 s for 4 frames: {rates:?}");
}
