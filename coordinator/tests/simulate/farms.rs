//! Farms at a smaller scale than those that they stand for.

use std::{collections::BTreeMap, time::Duration};

use coordinator::simulate::{Farm, Film, Latencies, Meter, Record, simulate};
use shared::{
    Cuts, Fps, Join, Order, Plan, Shape, Terms,
    job::{Input, Settings},
};

/// Counts nothing.
pub(crate) struct NoMeter;

impl Meter for NoMeter {
    fn used(&self) -> Duration {
        Duration::ZERO
    }
}

/// A film of so many frames at 25 frames a second: clips of 12 frames, segments of 4 clips, parts of 2 segments.
pub(crate) fn film(frames: u64, seams: &[u64], seed: u64) -> Film {
    let shape = Shape { frames, clip_frames: 12, segment_clips: 4, part_segments: 2 };
    let cuts = Cuts::at(seams.to_vec(), Join::Bridge, 12);
    let input = Input { name: "x".into(), sha256: "0".repeat(64) };
    let order = Order {
        portrait: input.clone(),
        audio: input,
        samples: frames,
        sample_rate: 25,
        fps: Fps::PAL,
        model: "simulated".into(),
        model_digest: String::new(),
        seed,
        shape,
        cuts: cuts.clone(),
        retake: None,
        settings: Settings::default(),
    };
    let plan = Plan::cut(shape, &cuts).unwrap().into();
    Film { order, terms: Terms::default(), plan, arrives: Duration::ZERO }
}

/// A film in chains of 30 seconds.
fn anchored(minutes: u64, seed: u64) -> Film {
    let frames = minutes * 1500;
    film(frames, &(1..minutes * 2).map(|chain| chain * 750).collect::<Vec<_>>(), seed)
}

/// A farm whose clips take a second and everything else nothing.
pub(crate) fn farm(workers: u32, stitchers: u32) -> Farm {
    let latencies = Latencies::bare(Duration::from_secs(1));
    let start_up = Duration::from_secs(10);
    Farm { workers, stitchers, losses_per_hour: 0.0, start_up, latencies, seed: 1 }
}

pub(crate) async fn run(films: &[Film], farm: &Farm) -> Record {
    let ledger = stores::open_ledger("sqlite::memory:").await.unwrap();
    simulate(ledger, films, farm, &NoMeter).await.unwrap()
}

/// Every task of every film was done exactly once.
pub(crate) fn all_done_once(record: &Record, films: &[Film]) {
    let mut done: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for spell in record.spells.iter().filter(|spell| spell.done) {
        *done.entry((spell.film, spell.task)).or_default() += 1;
    }
    assert_eq!(done.len(), films.iter().map(|film| film.plan.tasks.len()).sum::<usize>());
    assert!(done.values().all(|times| *times == 1));
}

/// Nobody does two things at once, and nothing begins before what it needs is done.
fn possible(record: &Record, films: &[Film]) {
    let mut places: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    let mut ends = BTreeMap::new();
    for spell in &record.spells {
        places.entry(spell.place).or_default().push((spell.taken, spell.ended));
        if spell.done {
            ends.insert(
                (spell.film, films[spell.film as usize].plan.tasks[spell.task as usize].id.clone()),
                spell.ended,
            );
        }
    }
    for spells in places.values_mut() {
        spells.sort();
        assert!(spells.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    }
    for spell in &record.spells {
        for need in &films[spell.film as usize].plan.tasks[spell.task as usize].needs {
            assert!(ends[&(spell.film, need.clone())] <= spell.taken);
        }
    }
}

#[tokio::test]
async fn ten_minutes_on_sixteen_workers_take_little_longer_than_they_have_to() {
    let films = [anchored(10, 1)];
    let farm = Farm { latencies: Latencies::default(), ..farm(16, 4) };
    let record = run(&films, &farm).await;
    let report = record.report();
    all_done_once(&record, &films);
    possible(&record, &films);
    assert!((1.0..=1.15).contains(&report.bound.ratio), "{report:#?}");
    let last = report.critical.last().unwrap();
    let path: f64 = report.critical.iter().map(|step| step.ran + step.waited + step.lost).sum();
    assert_eq!(last.kind, "film");
    // What went by between two tasks of the path was waiting, so the path explains all of the makespan.
    assert!((path - report.makespan).abs() < 0.01, "{path} {report:#?}");
}

#[tokio::test]
async fn many_jobs_keep_a_farm_at_work() {
    let films: Vec<Film> = (0..12).map(|seed| anchored(2, seed)).collect();
    let farm = Farm { latencies: Latencies { spread: 0.2, ..Latencies::default() }, ..farm(40, 8) };
    let record = run(&films, &farm).await;
    let report = record.report();
    all_done_once(&record, &films);
    possible(&record, &films);
    assert!((0.95..=1.2).contains(&report.bound.ratio), "{report:#?}");
    let render = &report.lanes[0];
    assert!(render.unreleased + render.unheard < render.live * 0.05, "{report:#?}");
    assert!(report.waste.frames_share > 0.0 && report.waste.attempts_lost == 0);
}

#[tokio::test]
async fn a_large_farm_is_not_swept_for_every_task() {
    let seams: Vec<u64> = (1..50).map(|chain| chain * 60).collect();
    let films: Vec<Film> = (0..5).map(|seed| film(3000, &seams, seed)).collect();
    let farm = Farm { latencies: Latencies::bare(Duration::from_millis(250)), ..farm(150, 20) };
    let record = run(&films, &farm).await;
    all_done_once(&record, &films);
    let report = record.report();
    // More than a hundred tasks end in a second, and a coordinator could do a hundred rounds.
    assert!(report.tasks as f64 / report.makespan > 100.0, "{report:#?}");
    assert!(record.rounds as f64 <= 50.0 + 10.0 * report.makespan, "{report:#?}");
    assert!(report.lanes[0].unreleased < report.lanes[0].live * 0.1, "{report:#?}");
}

#[tokio::test]
async fn workers_may_take_both_lanes_and_films_may_come_later() {
    let later = Film { arrives: Duration::from_mins(10), ..film(300, &[], 2) };
    let films = [film(300, &[], 1), later];
    let record = run(&films, &farm(2, 0)).await;
    all_done_once(&record, &films);
    let report = record.report();
    assert_eq!(report.lanes.len(), 1);
    // Of the film that came later, 25 clips in one chain; until then the farm had nothing to do.
    assert!((625.0..625.5).contains(&report.makespan), "{report:#?}");
    assert!((25.0..25.5).contains(&report.turnaround.shortest) && report.turnaround.longest < 25.5, "{report:#?}");
    assert!(report.lanes[0].nothing_ready > 1100.0, "{report:#?}");
}

#[tokio::test]
async fn no_schedule_beats_the_bound() {
    for (workers, stitchers, frames, seams) in [(1, 1, 125, &[60][..]), (3, 1, 500, &[250]), (5, 2, 700, &[200, 460])] {
        let films = [film(frames, seams, 1), film(frames, seams, 2)];
        let report = run(&films, &farm(workers, stitchers)).await.report();
        assert!(report.bound.ratio >= 1.0, "{report:#?}");
        assert!(report.bound.seconds >= report.bound.work.max(report.bound.longest_path) - 1e-9);
    }
}
