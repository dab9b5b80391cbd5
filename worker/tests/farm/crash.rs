//! Workers that die at every moment of every task, and workers that come back from the dead.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use shared::{
    JobState,
    ports::{Lease, records::Outcome},
};
use tokio::sync::Notify;
use worker::{Moment, Watch};

use super::{house::House, services::farm_urls};

/// The n-th time that a task reaches a moment.
pub(crate) type Point = (String, Moment, usize);

/// Counts moments; at one of them it stands still until it is let go.
#[derive(Default)]
pub(crate) struct Trap {
    at: Option<Point>,
    seen: Mutex<Vec<Point>>,
    pub(crate) reached: Notify,
    let_go: Notify,
}

#[async_trait]
impl Watch for Trap {
    async fn at(&self, moment: Moment, lease: &Lease) {
        let point = {
            let mut seen = self.seen.lock().unwrap();
            let task = lease.key.task.to_string();
            let nth = seen.iter().filter(|(of, what, _)| (of, what) == (&task, &moment)).count();
            seen.push((task, moment, nth));
            seen.last().cloned()
        };
        if point == self.at {
            self.reached.notify_one();
            self.let_go.notified().await;
        }
    }
}

impl Trap {
    pub(crate) fn set_at(point: Option<Point>) -> Arc<Self> {
        Arc::new(Self { at: point, ..Self::default() })
    }

    /// How often each task was committed.
    fn commits(traps: &[&Self]) -> HashMap<String, usize> {
        let mut commits = HashMap::new();
        for trap in traps {
            for (task, moment, _) in trap.seen.lock().unwrap().iter() {
                *commits.entry(task.clone()).or_default() += usize::from(*moment == Moment::AfterCommit);
            }
        }
        commits
    }
}

/// A job without trouble: every moment that there is, and what comes out.
async fn undisturbed() -> (Vec<Point>, BTreeMap<String, Vec<u8>>) {
    undisturbed_in(&House::new().await).await
}

/// The same of the job in a house that nobody has begun.
pub(crate) async fn undisturbed_in(house: &House) -> (Vec<Point>, BTreeMap<String, Vec<u8>>) {
    let trap = Trap::set_at(None);
    house.work(&house.worker("only").watched(trap.clone())).await;
    let seen = trap.seen.lock().unwrap().clone();
    (seen, house.results().await)
}

#[tokio::test]
async fn the_film_is_the_same_wherever_a_worker_dies() {
    let (points, expected) = undisturbed().await;
    let of = |moment| points.iter().filter(|(_, what, _)| *what == moment).count();
    let counts = [Moment::Claimed, Moment::Kept, Moment::BeforeCommit, Moment::AfterCommit].map(of);
    // Kept: the portrait, three features, what is measured against and two pieces of sound; two clips, latents and handoff of each
    // segment; two parts; the film.
    assert_eq!(counts, [7, 7 + 3 * 4 + 2 + 1, 7, 7]);
    for point in points {
        dies(House::new().await, &point, &expected).await;
    }
}

/// The services of a farm: at each moment of each task once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_film_is_the_same_wherever_a_worker_of_a_farm_dies() {
    let (points, expected) = undisturbed().await;
    let points: Vec<Point> = points.into_iter().filter(|(_, _, nth)| *nth == 0).collect();
    assert_eq!(points.len(), 7 * 4);
    for point in points {
        let dir = tempfile::tempdir().unwrap();
        dies(House::at(&farm_urls().await, dir).await, &point, &expected).await;
    }
}

/// A worker dies at `point`, and another one makes the film.
pub(crate) async fn dies(house: House, point: &Point, expected: &BTreeMap<String, Vec<u8>>) {
    let (deadly, other) = (Trap::set_at(Some(point.clone())), Trap::set_at(None));
    let first = house.worker("first").watched(deadly.clone());
    tokio::select! {
        // Dropping the work is what a killed process looks like from outside.
        () = house.work(&first) => panic!("{point:?} was not reached"),
        () = deadly.reached.notified() => {}
    }
    drop(first);
    house.expire().await;
    house.work(&house.worker("second").watched(other.clone())).await;
    assert_eq!(house.ended().await, (JobState::Done, String::new()), "{point:?}");
    assert!(house.results().await == *expected, "another film after {point:?}");
    let commits = Trap::commits(&[&deadly, &other]);
    let tasks = house.tasks().await.len();
    assert!(commits.len() == tasks && commits.values().all(|n| *n == 1), "{point:?}: {commits:?}");
    let attempts = house.stores.ledger.attempts(&house.job, None, 0, 999).await.unwrap();
    let ended = |outcome| attempts.iter().filter(|attempt| attempt.outcome == outcome).count();
    assert_eq!(ended(Outcome::Done), tasks, "{point:?}");
    assert_eq!(ended(Outcome::Lost), usize::from(point.1 != Moment::AfterCommit), "{point:?}");
}

#[tokio::test]
async fn clips_that_were_kept_are_not_rendered_again() {
    let house = House::new().await;
    let point = ("segment-0-00001".to_owned(), Moment::Kept, 0);
    let deadly = Trap::set_at(Some(point));
    let first = house.worker("first").watched(deadly.clone());
    tokio::select! {
        () = house.work(&first) => panic!("the first clip of segment 1 was not kept"),
        () = deadly.reached.notified() => {}
    }
    drop(first);
    assert_eq!(*house.script.rendered.lock().unwrap(), [0, 4, 8]);
    assert!(house.blobs().await.contains(&"segment-0-00001/1/clips/clip-00000008.safetensors".to_owned()));
    house.expire().await;
    house.work(&house.worker("second")).await;
    assert_eq!(*house.script.rendered.lock().unwrap(), [0, 4, 8, 12, 16, 20], "each clip once");
    let left = house.blobs().await;
    assert!(!left.iter().any(|name| name.contains("clips/")), "{left:?}");
    assert!(left.contains(&"segment-0-00001/2/latents.safetensors".to_owned()));
}

#[tokio::test]
async fn a_damaged_clip_is_rendered_again() {
    let house = House::new().await;
    let (_, expected) = undisturbed().await;
    let deadly = Trap::set_at(Some(("segment-0-00001".to_owned(), Moment::Claimed, 0)));
    let first = house.worker("first").watched(deadly.clone());
    tokio::select! {
        () = house.work(&first) => panic!("segment 1 was not claimed"),
        () = deadly.reached.notified() => {}
    }
    drop(first);
    let key = format!("jobs/{}/segment-0-00001/1/clips/clip-00000008.safetensors", house.job);
    let key = shared::ports::BlobKey::from_text(key).unwrap();
    house.stores.blobs.put(&key, b"not a clip").await.unwrap();
    house.expire().await;
    house.work(&house.worker("second")).await;
    assert!(house.results().await == expected);
}

#[tokio::test]
async fn a_worker_back_from_the_dead_changes_nothing() {
    let (points, expected) = undisturbed().await;
    let late = points.into_iter().filter(|(_, moment, nth)| *nth == 0 && *moment != Moment::AfterCommit);
    for point in late {
        let house = House::new().await;
        let trap = Trap::set_at(Some(point.clone()));
        let first = house.worker("first").watched(trap.clone());
        let other = Trap::set_at(None);
        let rest = async {
            trap.reached.notified().await;
            house.expire().await;
            house.work(&house.worker("second").watched(other.clone())).await;
            assert_eq!(house.ended().await.0, JobState::Done, "{point:?}");
            let tasks = house.tasks().await;
            trap.let_go.notify_one();
            tasks
        };
        let ((), tasks) = tokio::join!(house.work(&first), rest);
        assert_eq!(house.tasks().await, tasks, "the ledger is as it was: {point:?}");
        assert!(house.results().await == expected, "{point:?}");
        let commits = Trap::commits(&[&trap, &other]);
        assert!(commits.len() == 7 && commits.values().all(|n| *n == 1), "{point:?}: {commits:?}");
    }
}
