//! The simulated workers.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use shared::{
    JobId, Reach, Timestamp,
    pace::Pace,
    ports::{Lease, WorkerId, crew::WorkerCard},
    task::Lane,
};

use super::{Farm, chance::Draw, latency::Cost};

/// How often a worker looks without a ring, as a worker of a farm does.
const LOOKS: Duration = Duration::from_secs(2);

/// Jobs whose prepared features a worker holds: the one at hand and the one before.
const HOLDS: usize = 2;

/// What a worker is at.
#[derive(Debug)]
pub(super) enum At {
    /// Waits for a ring, since this moment.
    Idle(Timestamp),
    /// A ring is on its way to it.
    Called,
    /// Works.
    Busy(Box<Work>),
    /// Was lost.
    Gone,
}

/// A task at work.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) lease: Lease,
    pub(super) film: u32,
    pub(super) task: u32,
    pub(super) ready: Timestamp,
    pub(super) taken: Timestamp,
    /// When the first piece begins.
    pub(super) begins: Timestamp,
    /// What each piece takes this time, in milliseconds.
    pub(super) piece_ms: i64,
    pub(super) cost: Cost,
    /// Pieces that earlier attempts kept.
    pub(super) kept: u32,
    /// How often the lease was held for longer.
    pub(super) renewals: u64,
}

impl Work {
    /// Pieces that are kept at `now`, those of earlier attempts among them.
    pub(super) fn kept_at(&self, now: Timestamp) -> u32 {
        if !self.cost.keeps {
            return 0;
        }
        let made = now.0.saturating_sub(self.begins.0).max(0) / self.piece_ms.max(1);
        self.kept.saturating_add(made as u32).min(self.cost.pieces)
    }
}

/// One worker.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) id: WorkerId,
    pub(super) place: u32,
    /// Which of the two crews it is of.
    pub(super) crew: usize,
    pub(super) at: At,
    /// Grows with every change of what it is at.
    pub(super) turn: u32,
    /// Whether it takes one task after the other without a ring.
    pub(super) looks: bool,
    /// Films whose prepared features it holds, the latest last.
    pub(super) held: VecDeque<u32>,
    pub(super) pace: Pace,
    pub(super) since: Timestamp,
    pub(super) until: Option<Timestamp>,
    /// When the ledger last heard of it.
    pub(super) told: Timestamp,
}

impl Hand {
    /// It holds a film's prepared features from now on; whether it had to take it up.
    pub(super) fn holds(&mut self, film: u32) -> bool {
        let held = self.held.iter().position(|known| *known == film);
        if let Some(at) = held {
            self.held.remove(at);
        }
        self.held.push_back(film);
        if self.held.len() > HOLDS {
            self.held.pop_front();
        }
        held.is_none()
    }

    /// The jobs that it tells the ledger of when it takes a task.
    pub(super) fn held_jobs(&self, jobs: &[JobId]) -> Vec<JobId> {
        self.held.iter().filter_map(|film| jobs.get(*film as usize).cloned()).collect()
    }
}

/// All workers: those of the render lane, and stitchers.
pub(super) struct Crew {
    pub(super) hands: Vec<Hand>,
    pub(super) reaches: [Reach; 2],
    /// Workers of each crew that wait, the longest first.
    pub(super) idle: [BTreeSet<(Timestamp, u32)>; 2],
    /// Rings that nobody of a crew has heard yet.
    pub(super) rings: [u64; 2],
    pub(super) live: [u32; 2],
    pub(super) busy: [u32; 2],
    sizes: [u32; 2],
}

impl Crew {
    pub(super) fn new(farm: &Farm) -> Self {
        let renders: &[Lane] = if farm.stitchers == 0 { &Lane::ALL } else { &[Lane::Render] };
        Self {
            hands: Vec::new(),
            reaches: [Reach::plain(renders), Reach::plain(&[Lane::Stitch])],
            idle: <[BTreeSet<(Timestamp, u32)>; 2]>::default(),
            rings: [0; 2],
            live: [0; 2],
            busy: [0; 2],
            sizes: [farm.workers, farm.stitchers],
        }
    }

    /// How many workers of each crew there should be.
    pub(super) fn sizes(&self) -> [u32; 2] {
        self.sizes
    }

    /// Which crew takes tasks of a lane, as [`Lane::ALL`] has them.
    pub(super) fn of_lane(&self, lane: usize) -> usize {
        if self.sizes[1] == 0 { 0 } else { lane }
    }

    /// Somebody begins in a place.
    pub(super) fn join(&mut self, place: u32, seed: u64, now: Timestamp) -> u32 {
        let (hand, crew) = (self.hands.len() as u32, usize::from(place >= self.sizes[0]));
        let pace = Pace::new(LOOKS, Draw::Pace { hand }.bits(seed));
        self.hands.push(Hand {
            id: WorkerId(format!("simulated-{hand:06}")),
            place,
            crew,
            at: At::Idle(now),
            turn: 0,
            looks: true,
            held: VecDeque::new(),
            pace,
            since: now,
            until: None,
            told: now,
        });
        self.live[crew] += 1;
        hand
    }

    /// What a worker says of itself.
    pub(super) fn card(&self, hand: &Hand) -> WorkerCard {
        let (id, reach) = (hand.id.clone(), self.reaches[hand.crew].clone());
        let (host, device, version) = <(String, String, String)>::default();
        WorkerCard { id, host, device, version, reach, models: Vec::new() }
    }
}
