//! The embedded ledger and queue.

use std::time::{Duration, Instant};

use shared::{
    Clock as _, Error, Fps, JobId, Order, Plan, Reach, Result, Route, Shape, TaskKey, Terms,
    clock::SystemClock,
    job::{Input, Settings},
    ports::{Stores, WorkerId, schedule::View},
    task::Lane,
};
use stores::Urls;
use tokio::runtime::Runtime;

use super::row::{Rows, Work};
use crate::args::bench::Subject;

/// Frames of the job whose tasks are handed out.
const FRAMES: u64 = 40;

/// Rings of a run.
const RINGS: usize = 100;

/// Measures what is wanted.
pub(super) fn measure(rows: &mut Rows, runtime: &Runtime, wanted: &dyn Fn(Subject) -> bool) -> Result<()> {
    let dir = tempfile::tempdir().map_err(|e| Error::world("no directory for a ledger can be made").from_source(e))?;
    let at = |name: &str| dir.path().join(name).display().to_string();
    let urls = Urls {
        ledger: format!("sqlite://{}", at("ledger.db")),
        queue: "memory:".into(),
        blobs: format!("file://{}", at("blobs")),
    };
    let stores = runtime.block_on(stores::open(&urls))?;
    if wanted(Subject::Ledger) {
        ledger(rows, runtime, &stores)?;
    }
    if wanted(Subject::Queue) {
        queue(rows, runtime, &stores)?;
    }
    Ok(())
}

/// Submits a job of some tasks, then releases, takes and completes one after the other.
fn ledger(rows: &mut Rows, runtime: &Runtime, stores: &Stores) -> Result<()> {
    let plan = Plan::new(shape())?;
    let tasks = plan.tasks.len();
    let mut seed = 0;
    let what = format!("submitting a job of {tasks} tasks (SQLite)");
    rows.measure(Work { what, count: tasks as f64, unit: "tasks", flops: 0 }, || {
        seed += 1;
        let order = order(seed);
        runtime.block_on(async {
            let began = Instant::now();
            stores.ledger.submit(&order, &Terms::default(), &plan, SystemClock.now()).await?;
            let took = began.elapsed();
            stores.ledger.cancel(&order.job_id(), None, SystemClock.now()).await?;
            Ok(took)
        })
    })?;
    let what = "releasing, taking and completing the tasks of a job (SQLite)".into();
    rows.measure(Work { what, count: tasks as f64, unit: "tasks", flops: 0 }, || {
        seed += 1;
        let order = order(seed);
        runtime.block_on(async {
            stores.ledger.submit(&order, &Terms::default(), &plan, SystemClock.now()).await?;
            let began = Instant::now();
            for _ in 0..tasks {
                hand_out(stores).await?;
            }
            Ok(began.elapsed())
        })
    })
}

async fn hand_out(stores: &Stores) -> Result<()> {
    let choose =
        |view: &View| -> Vec<TaskKey> { view.candidates.iter().take(1).map(|task| task.key.clone()).collect() };
    stores.ledger.release(1, SystemClock.now(), &choose).await?;
    let (worker, reach) = (WorkerId("bench".into()), Reach::plain(&Lane::ALL));
    let lease = stores.ledger.take(&worker, &reach, &[], Duration::from_secs(30), SystemClock.now()).await?;
    let lease = lease.ok_or_else(|| Error::world("the embedded ledger has no task to hand out"))?;
    stores.ledger.complete(&lease, SystemClock.now()).await.map(drop)
}

/// Rings and hears.
fn queue(rows: &mut Rows, runtime: &Runtime, stores: &Stores) -> Result<()> {
    let route = Route::plain(Lane::Render);
    let plan = Plan::new(shape())?;
    let task = plan.tasks.first().ok_or_else(|| Error::world("a plan without tasks"))?;
    let job: JobId = order(0).job_id();
    let key = TaskKey { job, task: task.id.clone() };
    let mut listener = runtime.block_on(stores.queue.listen(std::slice::from_ref(&route)))?;
    let what = format!("{RINGS} rings, each heard (in memory)");
    rows.time(Work { what, count: RINGS as f64, unit: "rings", flops: 0 }, || {
        runtime.block_on(async {
            for _ in 0..RINGS {
                stores.queue.ring(&[(route.clone(), key.clone())]).await?;
                let bell = listener.next().await?;
                listener.settle(bell).await?;
            }
            Ok(())
        })
    })
}

fn shape() -> Shape {
    Shape { frames: FRAMES, clip_frames: 1, segment_clips: 1, part_segments: 1 }
}

fn order(seed: u64) -> Order {
    let input = |name: &str| Input { name: name.into(), sha256: "00".repeat(32) };
    Order {
        portrait: input("face.png"),
        audio: input("speech.wav"),
        samples: FRAMES * 640,
        sample_rate: 16_000,
        fps: Fps::PAL,
        model: "test-pattern".into(),
        model_digest: "22".repeat(32),
        seed,
        shape: shape(),
        settings: Settings::default(),
        cuts: shared::Cuts::default(),
        retake: None,
    }
}
