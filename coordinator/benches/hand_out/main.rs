//! How fast tasks are handed out, on a real `PostgreSQL` and a real broker where one is known: the figures of `docs/performance.md`.
//!
//! `cargo bench -p coordinator --bench hand_out -- throughput backlog urgent [--jobs N] [--tasks N] [--seconds N] [--runs N] [--durable]`
//!
//! With `--durable` the database waits for the disk with every transaction, as it does in production.

mod farm;

use std::time::{Duration, Instant};

use coordinator::schedule::{CANDIDATES, choose};
use shared::{Clock as _, Priority, clock::SystemClock};

use self::farm::Farm;

/// Workers that take and complete; one connection each is enough to keep two cores busy.
const WORKERS: u32 = 16;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, otherwise: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (jobs, tasks) = (number("--jobs", 100), number("--tasks", 1000));
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let durable = named("--durable");
    if named("throughput") {
        let (runs, time) = (number("--runs", 1), Duration::from_secs(number("--seconds", 20)));
        let mut rates = Vec::new();
        for _ in 0..runs {
            rates.push(throughput(durable, jobs, tasks, time).await);
        }
        println!("throughput: median of {runs} runs: {:.0} tasks/s", median(rates));
    }
    if named("backlog") {
        let small = hand_out(durable, number("--small", 10), 1000).await;
        let large = hand_out(durable, number("--large", 1000), 1000).await;
        println!("backlog: a hundred times the backlog takes {:.2} times as long", large / small);
    }
    if named("urgent") {
        urgent(durable, jobs, tasks).await;
    }
}

/// Workers take and complete as fast as they can, moved by one coordinator and rings.
async fn throughput(durable: bool, jobs: u64, tasks: u64, time: Duration) -> f64 {
    let farm = Farm::new(durable).await;
    let began = Instant::now();
    farm.submit(0, jobs, tasks, Priority::NORMAL).await;
    println!("throughput: {jobs} jobs of {tasks} tasks queued in {:.1} s", began.elapsed().as_secs_f64());
    farm.report(WORKERS).await;
    let done = farm.work(WORKERS, time).await;
    let rate = done as f64 / time.as_secs_f64();
    println!("throughput: {done} tasks done in {} s by {WORKERS} workers: {rate:.0} tasks/s", time.as_secs());
    rate
}

/// Seconds to release and take one task, with so many queued.
async fn hand_out(durable: bool, jobs: u64, tasks: u64) -> f64 {
    let farm = Farm::new(durable).await;
    let began = Instant::now();
    farm.submit(0, jobs, tasks, Priority::NORMAL).await;
    println!("backlog: {} tasks queued in {:.1} s", jobs * tasks, began.elapsed().as_secs_f64());
    farm.report(WORKERS).await;
    let (mut release, mut take, mut taken) = (Vec::new(), Vec::new(), 0_u32);
    for _ in 0..60 {
        let began = Instant::now();
        let released = farm.stores.ledger.release(CANDIDATES, SystemClock.now(), &choose).await.unwrap();
        release.push(began.elapsed().as_secs_f64() / released.len().max(1) as f64);
        for _ in released {
            let began = Instant::now();
            let lease = farm.take("bench").await.expect("what was released can be taken");
            take.push(began.elapsed().as_secs_f64());
            farm.complete(&lease).await;
            taken += 1;
        }
    }
    let (release, take) = (median(release), median(take));
    println!(
        "backlog: {} tasks queued: {:.2} ms to release and {:.2} ms to take one (medians over {taken} tasks)",
        jobs * tasks,
        release * 1e3,
        take * 1e3
    );
    release + take
}

/// An urgent job behind a long queue, while all workers are busy.
async fn urgent(durable: bool, jobs: u64, tasks: u64) {
    let farm = Farm::new(durable).await;
    farm.submit(0, jobs, tasks, Priority::NORMAL).await;
    farm.report(WORKERS).await;
    let urgent = farm.overtaken(WORKERS, jobs, Duration::from_millis(400)).await;
    println!(
        "urgent: submitted behind {} tasks, its first task began {:.0} ms later; a task takes 400 ms on {WORKERS} workers",
        jobs * tasks,
        urgent.as_secs_f64() * 1e3
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
