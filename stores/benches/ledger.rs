//! How fast a ledger on `PostgreSQL` is: submitting, releasing and taking behind queues of different lengths, and many workers
//! that take and complete. `cargo bench --workspace --bench ledger`; numbers after `--` are the lengths of the queues, and the URL of an
//! empty database there is used instead of servers of its own.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use shared::{
    Fps, Frames, Order, Plan, Reach, Result, Shape, TaskId, TaskKey, TaskKind, TaskNode, Terms, Timestamp,
    job::{Input, Settings},
    ports::{Books, WorkerId, schedule::View},
    task::Lane,
};
use stores::Urls;
use tokio::task::JoinSet;

/// Tasks of a job.
const TASKS: u64 = 1000;
/// Workers, each with a connection.
const WORKERS: usize = 16;
/// How long they work.
const WORK: Duration = Duration::from_secs(10);
/// Candidates of each tenant that a round of release looks at.
const EACH: u32 = 64;
const TERM: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let chosen: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let lengths = if chosen.is_empty() { vec![10_000, 1_000_000] } else { chosen };
    let given = std::env::args().find(|argument| argument.starts_with("postgres://"));
    for length in lengths {
        let url = match &given {
            Some(url) => url.clone(),
            None => services::postgres().await.url().await,
        };
        let url = format!("{url}?connections={}", WORKERS + 2);
        stores::migrate(&url).await?;
        let dir = std::env::temp_dir().join(format!("emofarm-bench-{}", std::process::id()));
        let urls = Urls { ledger: url, queue: "memory:".into(), blobs: format!("file://{}", dir.display()) };
        let ledger = stores::open(&urls).await?.ledger;
        println!("\n{length} queued tasks");
        fill(ledger.as_ref(), length).await?;
        hand_out(ledger.as_ref()).await?;
        census(ledger.as_ref()).await?;
        work(&ledger).await?;
    }
    Ok(())
}

/// Jobs of tasks that are all ready at once.
async fn fill(ledger: &dyn Books, tasks: u64) -> Result<()> {
    let began = Instant::now();
    for seed in 0..tasks / TASKS {
        let order = order(seed, TASKS);
        ledger.submit(&order, &Terms::default(), &plan(TASKS), now()).await?;
    }
    let took = began.elapsed().as_secs_f64();
    println!("  submitted in {took:.1} s, {:.0} tasks/s", tasks as f64 / took);
    let (order, plan) = (order(u64::MAX, 100_000), Plan::new(shape(100_000))?);
    let began = Instant::now();
    ledger.submit(&order, &Terms::default(), &plan, now()).await?;
    println!("  a job of {} tasks in a chain: {:.1} s", plan.tasks.len(), began.elapsed().as_secs_f64());
    ledger.cancel(&order.job_id(), None, now()).await?;
    Ok(())
}

/// One round of release and one take, many times; the median of each.
async fn hand_out(ledger: &dyn Books) -> Result<()> {
    let (mut releases, mut takes, mut completions) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..200 {
        let began = Instant::now();
        release(ledger, 1).await?;
        releases.push(began.elapsed());
        let began = Instant::now();
        let lease = ledger.take(&WorkerId("one".into()), &Reach::plain(&Lane::ALL), &[], TERM, now()).await?;
        takes.push(began.elapsed());
        let began = Instant::now();
        if let Some(lease) = lease {
            ledger.complete(&lease, now()).await?;
        }
        completions.push(began.elapsed());
    }
    for (what, mut times) in [("release", releases), ("take", takes), ("complete", completions)] {
        times.sort();
        println!("  {what}: median {:?}, nine in ten under {:?}", times[100], times[180]);
    }
    Ok(())
}

async fn census(ledger: &dyn Books) -> Result<()> {
    let began = Instant::now();
    ledger.census(now()).await?;
    println!("  census: {:?}", began.elapsed());
    Ok(())
}

/// Workers beside one coordinator that keeps a few more tasks released than there are workers.
async fn work(ledger: &Arc<dyn Books>) -> Result<()> {
    let (began, mut workers) = (Instant::now(), JoinSet::new());
    for place in 0..WORKERS {
        let ledger = ledger.clone();
        workers.spawn(async move {
            let (id, reach, mut done) = (WorkerId(format!("worker-{place}")), Reach::plain(&Lane::ALL), 0_u64);
            while began.elapsed() < WORK {
                match ledger.take(&id, &reach, &[], TERM, now()).await? {
                    Some(lease) => {
                        ledger.complete(&lease, now()).await?;
                        done += 1;
                    }
                    None => tokio::time::sleep(Duration::from_millis(1)).await,
                }
            }
            Ok::<_, shared::Error>(done)
        });
    }
    let mut rounds = 0_u32;
    while began.elapsed() < WORK {
        release(ledger.as_ref(), 3 * WORKERS).await?;
        rounds += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = began.elapsed().as_secs_f64();
    let mut done = 0;
    while let Some(ended) = workers.join_next().await {
        done += ended.map_err(|e| shared::Error::world("a worker broke").from_source(e))??;
    }
    println!("  {WORKERS} workers: {:.0} tasks/s taken and completed, {rounds} rounds of release", done as f64 / took);
    Ok(())
}

/// Releases candidates until so many tasks wait to be taken.
async fn release(ledger: &dyn Books, most: usize) -> Result<()> {
    let choose = |view: &View| -> Vec<TaskKey> {
        let waiting: u32 = view.under_way.iter().filter(|alike| !alike.leased).map(|alike| alike.tasks).sum();
        view.candidates.iter().take(most.saturating_sub(waiting as usize)).map(|task| task.key.clone()).collect()
    };
    ledger.release(EACH, now(), &choose).await.map(drop)
}

fn now() -> Timestamp {
    use shared::Clock as _;
    shared::clock::SystemClock.now()
}

fn shape(frames: u64) -> Shape {
    Shape { frames, clip_frames: 1, segment_clips: 1, part_segments: frames as u32 }
}

/// Segments that need nothing, a part that needs all of them, and the film.
fn plan(frames: u64) -> Plan {
    let node = |kind: TaskKind, needs: Vec<TaskId>| TaskNode { id: TaskId::of(&kind), kind, needs };
    let segment =
        |index: u64| TaskKind::Segment { chain: 0, index: index as u32, frames: Frames::new(index, index + 1) };
    let mut tasks: Vec<_> = (0..frames).map(|index| node(segment(index), Vec::new())).collect();
    let made = tasks.iter().map(|task| task.id.clone()).collect();
    let part = node(TaskKind::Part { index: 0, frames: Frames::new(0, frames) }, made);
    let film = node(TaskKind::Film, vec![part.id.clone()]);
    tasks.extend([part, film]);
    Plan { shape: shape(frames), cuts: shared::Cuts::default(), retake: None, tasks }
}

fn order(seed: u64, frames: u64) -> Order {
    let input = |name: &str| Input { name: name.into(), sha256: "00".repeat(32) };
    Order {
        portrait: input("face.png"),
        audio: input("speech.wav"),
        samples: frames * 640,
        sample_rate: 16_000,
        fps: Fps::PAL,
        model: "test-pattern".into(),
        model_digest: "22".repeat(32),
        seed,
        shape: shape(frames),
        settings: Settings::default(),
        cuts: shared::Cuts::default(),
        retake: None,
    }
}
