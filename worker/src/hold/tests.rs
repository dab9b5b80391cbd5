use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use shared::{
    Error, Fps, JobId, Order, Plan, Shape, TaskKey, TaskState, Terms, Timestamp,
    clock::ManualClock,
    job::{Input, Settings},
    ports::{Job, Patience, Progress, Submitted, Task, WorkerId},
};

use super::*;

/// Real time between renewals is a third of this.
const TERM: Duration = Duration::from_millis(3);

/// A ledger that answers renewals as a test says, and then never again; each takes a third of a term on the standing clock.
struct Scripted {
    answers: Mutex<VecDeque<Result<Renewal>>>,
    asked: Mutex<Vec<(Timestamp, u64)>>,
    clock: Arc<ManualClock>,
}

impl Scripted {
    fn new(answers: Vec<Result<Renewal>>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(1000)));
        Self { answers: Mutex::new(answers.into()), asked: Mutex::default(), clock }
    }

    /// Holds a lease until it is lost; the moments until which it was to be held, and the frames reported.
    async fn hold(&self, frames: Option<u64>) -> Vec<(i64, u64)> {
        let lease = lease(self.clock.now().after(TERM));
        let tempo = Tempo::default();
        let hold = Hold::new(self, self.clock.as_ref(), &lease, TERM, Stop::default(), &tempo);
        if let Some(frames) = frames {
            hold.renew(frames).await.unwrap();
        }
        hold.until_lost().await;
        self.asked.lock().unwrap().iter().map(|(until, frames)| (until.0, *frames)).collect()
    }
}

fn lease(until: Timestamp) -> Lease {
    let input = Input { name: "x".into(), sha256: "0".repeat(64) };
    let shape = Shape { frames: 1, clip_frames: 1, segment_clips: 1, part_segments: 1 };
    let order = Order {
        portrait: input.clone(),
        audio: input,
        samples: 1,
        sample_rate: 1,
        fps: Fps::PAL,
        model: String::new(),
        model_digest: String::new(),
        seed: 0,
        shape,
        settings: Settings::default(),
        cuts: shared::Cuts::default(),
        retake: None,
    };
    let node = Plan::new(shape).unwrap().tasks[0].clone();
    let key = TaskKey { job: order.job_id(), task: node.id.clone() };
    Lease { key, attempt: 1, worker: WorkerId("w".into()), until, node, order, terms: Terms::default(), inputs: vec![] }
}

#[tokio::test]
async fn a_lease_is_renewed_from_the_present_until_it_is_lost() {
    let ledger = Scripted::new(vec![Ok(Renewal::Kept), Ok(Renewal::Kept), Ok(Renewal::Lost)]);
    assert_eq!(ledger.hold(None).await, [(1003, 0), (1004, 0), (1005, 0)]);
}

#[tokio::test]
async fn renewals_repeat_the_frames_that_were_reported() {
    let ledger = Scripted::new(vec![Ok(Renewal::Kept), Ok(Renewal::Kept), Ok(Renewal::Lost)]);
    assert_eq!(ledger.hold(Some(12)).await, [(1003, 12), (1004, 12), (1005, 12)]);
}

#[tokio::test]
async fn a_silent_ledger_takes_the_lease_only_at_the_end_of_its_term() {
    let silent = || Err(Error::unreachable("no answer"));
    let ledger = Scripted::new(vec![silent(), silent(), silent(), silent()]);
    // Held until 1003 when it was claimed at 1000; the third silence ends at 1003.
    assert_eq!(ledger.hold(None).await.len(), 3);
    let ledger = Scripted::new(vec![silent(), Ok(Renewal::Kept), silent(), silent(), silent(), silent()]);
    // Renewed at 1001, so held until 1004.
    assert_eq!(ledger.hold(None).await.len(), 4, "an answer in between begins a new term");
}

#[tokio::test]
async fn a_renewal_that_never_ends_takes_the_lease_at_the_end_of_its_term() {
    let ledger = Scripted::new(vec![Ok(Renewal::Kept)]);
    let held = timeout(Duration::from_secs(20), ledger.hold(None)).await;
    assert_eq!(held.expect("the term ends the wait"), [(1003, 0), (1004, 0)]);
}

#[async_trait]
impl Ledger for Scripted {
    async fn renew(&self, _: &Lease, pulse: &Pulse, until: Timestamp, _: Timestamp) -> Result<Renewal> {
        self.asked.lock().unwrap().push((until, pulse.frames_done));
        self.clock.advance(TERM / 3);
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    async fn submit(&self, _: &Order, _: &Terms, _: &Plan, _: Timestamp) -> Result<Submitted> {
        unreachable!()
    }

    async fn job(&self, _: &JobId) -> Result<Option<Job>> {
        unreachable!()
    }

    async fn tasks(&self, _: &JobId) -> Result<Vec<Task>> {
        unreachable!()
    }

    async fn progress(&self, _: &JobId) -> Result<Progress> {
        unreachable!()
    }

    async fn claim(&self, _: &TaskKey, _: &WorkerId, _: Duration, _: Timestamp) -> Result<Option<Lease>> {
        unreachable!()
    }

    async fn complete(&self, _: &Lease, _: Timestamp) -> Result<Vec<TaskKey>> {
        unreachable!()
    }

    async fn fail(&self, _: &Lease, _: &Error, _: Patience, _: Timestamp) -> Result<TaskState> {
        unreachable!()
    }

    async fn give_back(&self, _: &Lease, _: Timestamp) -> Result<()> {
        unreachable!()
    }

    async fn expire(&self, _: Patience, _: Timestamp) -> Result<Vec<TaskKey>> {
        unreachable!()
    }

    async fn reclaim(&self, _: &JobId, _: Timestamp) -> Result<Vec<TaskKey>> {
        unreachable!()
    }

    async fn cancel(&self, _: &JobId, _: Option<&str>, _: Timestamp) -> Result<bool> {
        unreachable!()
    }

    async fn time(&self) -> Result<Timestamp> {
        unreachable!()
    }

    async fn ping(&self) -> Result<()> {
        unreachable!()
    }

    async fn revive(&self, _: &JobId, _: Timestamp) -> Result<bool> {
        unreachable!()
    }
}
