//! Films that are small enough to reckon by hand.

use std::time::Duration;

use coordinator::simulate::{Farm, Latencies, simulate};

use crate::farms::{NoMeter, all_done_once, farm, film, run};

/// A coordinator that is woken takes a moment to release.
fn is_about(seconds: f64, hops: f64, expected: f64) {
    assert!((expected..=expected + hops * 0.025).contains(&seconds), "{seconds} s, not {expected} s");
}

#[tokio::test]
async fn one_chain_is_as_long_as_its_clips() {
    let films = [film(125, &[], 1)];
    let record = run(&films, &farm(3, 1)).await;
    all_done_once(&record, &films);
    // Segments of 4, 4 and 3 clips in a row; each of five tasks after the first is released once.
    is_about(record.report().makespan, 5.0, 11.0);
    assert_eq!(record.report().bound.longest_path.round() as u32, 11);
}

#[tokio::test]
async fn two_chains_are_rendered_side_by_side() {
    // Chain 0 renders 72 frames in 6 clips, chain 1 89 frames in 8, and the bridge of 24 frames takes 2, when chain 0 is done.
    let films = [film(125, &[60], 1)];
    is_about(run(&films, &farm(2, 1)).await.report().makespan, 6.0, 8.0);
    is_about(run(&films, &farm(1, 1)).await.report().makespan, 9.0, 16.0);
    let report = run(&films, &farm(1, 1)).await.report();
    assert_eq!((report.bound.work.round() as u32, report.bound.longest_path.round() as u32), (16, 8));
    // 36 frames are rendered twice, 24 bridged: 72 + 89 + 24 of 125.
    assert_eq!((report.waste.overlap_frames, report.waste.bridge_frames), (36, 24));
}

#[tokio::test]
async fn everything_that_takes_time_counts() {
    let latencies = Latencies {
        prepare: Duration::from_secs(5),
        prepare_rate: 125.0,
        part_rate: 10.0,
        film_rate: 125.0,
        transfer: Duration::from_millis(500),
        claim: Duration::from_millis(100),
        take_up: Duration::from_secs(2),
        ..Latencies::bare(Duration::from_secs(1))
    };
    let report = run(&[film(125, &[], 1)], &Farm { latencies, ..farm(1, 1) }).await.report();
    // Prepared in 5 + 1, two segments of 4, a part of 96 frames, which the part of the last 29 waits for, the film: six tasks one
    // after the other, each claimed in 0.1 s with 1 s of transfers; worker and stitcher take the job up once each.
    is_about(report.makespan, 5.0, 6.0 + 8.0 + 9.6 + 2.9 + 1.0 + 6.0 * 1.1 + 2.0 * 2.0);
    let [render, stitch] = &report.lanes[..] else { panic!("{report:#?}") };
    assert!((render.busy - (6.0 + 11.0 + 4.0 + 2.0)).abs() < 0.5, "{report:#?}");
    assert!((stitch.busy - (12.5 + 1.0 + 3.0 + 2.0)).abs() < 0.5, "{report:#?}");
}

#[tokio::test]
async fn what_cannot_be_simulated_is_refused() {
    let ledger = stores::open_ledger("sqlite::memory:").await.unwrap();
    let [one, again] = [film(125, &[], 1), film(125, &[], 1)];
    let refused = [
        (vec![], farm(1, 1)),
        (vec![one.clone(), again], farm(1, 1)),
        (vec![one.clone()], farm(0, 1)),
        (vec![one.clone()], Farm { losses_per_hour: -1.0, ..farm(1, 1) }),
        (vec![one], Farm { latencies: Latencies::bare(Duration::ZERO), ..farm(1, 1) }),
    ];
    for (films, farm) in refused {
        let error = simulate(ledger.clone(), &films, &farm, &NoMeter).await.unwrap_err();
        assert!(error.mending().is_some(), "{error}");
    }
}
