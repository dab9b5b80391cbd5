//! An urgent job behind a long queue.

use std::{sync::Arc, time::Duration};

use coordinator::Sweep;
use shared::{
    Clock as _, Fps, Frames, JobId, Order, Plan, Priority, Reach, Shape, TaskId, TaskKind, TaskNode, Terms, Timestamp,
    clock::ManualClock,
    job::{Input, Settings},
    ports::{
        Lease, WorkerId,
        crew::{WorkerCard, WorkerState},
    },
    task::Lane,
};

use super::farm::Farm;

/// Segments of one job, all ready at once.
const TASKS: u32 = 1000;

async fn submit(farm: &Farm, seed: u64, priority: Priority, now: Timestamp) -> JobId {
    let input = Input { name: "x".into(), sha256: "0".repeat(64) };
    let frames = u64::from(TASKS);
    let shape = Shape { frames, clip_frames: 1, segment_clips: 1, part_segments: TASKS };
    let node = |kind: TaskKind, needs: Vec<TaskId>| TaskNode { id: TaskId::of(&kind), kind, needs };
    let segment = |index: u32| {
        let frames = Frames::new(u64::from(index), u64::from(index) + 1);
        node(TaskKind::Segment { chain: 0, index, frames }, vec![])
    };
    let mut tasks: Vec<_> = (0..TASKS).map(segment).collect();
    let made = tasks.iter().map(|task| task.id.clone()).collect();
    let part = node(TaskKind::Part { index: 0, frames: Frames::new(0, frames) }, made);
    let film = node(TaskKind::Film, vec![part.id.clone()]);
    tasks.extend([part, film]);
    let plan = Plan { shape, cuts: shared::Cuts::default(), retake: None, tasks };
    let order = Order {
        portrait: input.clone(),
        audio: input,
        samples: 1,
        sample_rate: 1,
        fps: Fps::PAL,
        model: "sizes".into(),
        model_digest: "00".into(),
        seed,
        shape,
        settings: Settings::default(),
        cuts: shared::Cuts::default(),
        retake: None,
    };
    let terms = Terms { priority, ..Terms::default() };
    farm.stores.ledger.submit(&order, &terms, &plan, now).await.unwrap();
    order.job_id()
}

/// What a free worker takes.
async fn take(farm: &Farm, worker: &str, now: Timestamp) -> Lease {
    let (id, reach) = (WorkerId(worker.into()), Reach::plain(&Lane::ALL));
    let lease = farm.stores.ledger.take(&id, &reach, &[], Duration::from_secs(30), now).await.unwrap();
    lease.unwrap_or_else(|| panic!("nothing is released for {worker}"))
}

#[tokio::test]
async fn an_urgent_job_starts_on_the_next_free_worker() {
    let farm = Farm::new().await;
    let clock = Arc::new(ManualClock::at(Timestamp(1_000_000)));
    for seed in 0..5 {
        submit(&farm, seed, Priority::NORMAL, clock.now()).await;
    }
    for n in 0..4 {
        let (host, device, version) = <(String, String, String)>::default();
        let (id, reach) = (WorkerId(format!("worker-{n}")), Reach::plain(&Lane::ALL));
        let card = WorkerCard { id, host, device, version, reach, models: vec![] };
        farm.stores.ledger.report(&card, &WorkerState::Idle, clock.now()).await.unwrap();
    }
    let sweep = Sweep::new(farm.stores.ledger.clone(), farm.stores.queue.clone(), clock.clone());
    sweep.tick().await.unwrap();
    let mut busy = Vec::new();
    for n in 0..4 {
        busy.push(take(&farm, &format!("worker-{n}"), clock.now()).await);
    }
    // Everybody is busy, more of the others is released already, and thousands wait behind that.
    sweep.tick().await.unwrap();
    let urgent = submit(&farm, 99, Priority::URGENT, clock.now()).await;
    sweep.tick().await.unwrap();
    for lease in busy {
        farm.stores.ledger.complete(&lease, clock.now()).await.unwrap();
        assert_eq!(take(&farm, &lease.worker.0, clock.now()).await.key.job, urgent);
    }
}
