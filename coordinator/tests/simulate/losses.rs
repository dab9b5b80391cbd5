//! Workers that are lost, and chance.

use std::time::Duration;

use coordinator::simulate::{Farm, Latencies};

use crate::farms::{all_done_once, farm, film, run};

#[tokio::test]
async fn films_are_made_however_many_workers_are_lost() {
    let films: Vec<_> = (0..4).map(|seed| film(600, &[200, 400], seed)).collect();
    // A worker lives for half a minute in the mean; a segment takes four seconds, and a lost one at least thirty.
    let farm = Farm { losses_per_hour: 120.0, ..farm(6, 2) };
    let record = run(&films, &farm).await;
    all_done_once(&record, &films);
    let report = record.report();
    assert_eq!(report.failed, 0);
    assert!(report.waste.workers_lost > 3 && report.waste.attempts_lost > 0, "{report:#?}");
    // Clips that were kept are not rendered again: one of a segment at the most, and both of a bridge, were for nothing.
    let worst = record.spells.iter().map(|spell| spell.wasted_ms).max().unwrap();
    assert!(worst <= 2_000, "{worst} ms of one attempt were for nothing");
    for spell in &record.spells {
        let mut lives = record.lives.iter().filter(|life| life.place == spell.place);
        assert!(lives.any(|life| life.from <= spell.taken && spell.ended <= life.to), "{spell:?}");
    }
}

#[tokio::test]
async fn a_task_that_loses_every_worker_ends_its_job_and_the_simulation() {
    let films = [film(125, &[], 1), film(125, &[60], 2)];
    let latencies = Latencies::bare(Duration::from_mins(5));
    let farm = Farm { losses_per_hour: 360.0, latencies, ..farm(2, 1) };
    let report = run(&films, &farm).await.report();
    assert_eq!(report.failed, 2, "{report:#?}");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_simulation() {
    let films: Vec<_> = (0..3).map(|seed| film(400, &[200], seed)).collect();
    let latencies = Latencies { spread: 0.3, ..Latencies::default() };
    let one = Farm { losses_per_hour: 5.0, latencies, ..farm(5, 2) };
    let other = Farm { seed: 2, ..one.clone() };
    let [first, again, different] = [run(&films, &one).await, run(&films, &one).await, run(&films, &other).await];
    assert_eq!((&first.spells, &first.lives), (&again.spells, &again.lives));
    assert_ne!(first.spells, different.spells);
}
