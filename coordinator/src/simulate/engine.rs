//! The simulation itself: one event after the other, each at its moment.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use shared::{
    Clock as _, Error, JobId, JobState, Plan, Result, TaskKey, Timestamp,
    clock::ManualClock,
    pace::Pace,
    ports::{
        Books, Patience,
        crew::{GONE_AFTER, WorkerState},
        ledger::Submitted,
    },
};

use super::{
    Farm, Film, Meter, START,
    agenda::{Agenda, Event},
    bells::Bells,
    crew::{At, Crew},
    graph::{Graph, lane},
    record::{Life, Made, Record, Spent},
};
use crate::{Sweep, sweep};

/// A ledger that has not heard of a worker for so long is told of it. Real workers report more often, but nobody asks when they did
/// as long as they do not count as gone.
const TOLD: Duration = GONE_AFTER.saturating_sub(Duration::from_secs(10));

/// No farm works on the same films for longer.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// What is known of a task that is not done, besides what the ledger knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// When it became ready.
    pub(super) ready: Timestamp,
    /// Pieces that are kept of it.
    pub(super) kept: u32,
    /// Workers that were lost with it.
    pub(super) losses: u32,
}

/// A lease whose worker was lost.
pub(super) struct Orphan {
    pub(super) until: Timestamp,
    pub(super) film: u32,
    pub(super) task: u32,
}

/// A farm in virtual time.
pub(super) struct Engine<'a> {
    pub(super) ledger: Arc<dyn Books>,
    pub(super) clock: Arc<ManualClock>,
    bells: Arc<Bells>,
    sweep: Sweep,
    pub(super) farm: &'a Farm,
    orders: &'a [Film],
    meter: &'a dyn Meter,
    pub(super) agenda: Agenda,
    pub(super) crew: Crew,
    /// The jobs' ids by film, and the films by job.
    pub(super) jobs: Vec<JobId>,
    pub(super) films: HashMap<JobId, u32>,
    pub(super) marks: HashMap<(u32, u32), Mark>,
    /// Released tasks that nobody took, by lane.
    pub(super) open: [HashSet<TaskKey>; 2],
    /// Ready tasks that nobody took, by lane.
    pub(super) ready: [i64; 2],
    pub(super) orphans: Vec<Orphan>,
    pub(super) record: Record,
    /// Workers in the order in which the ledger was told of them.
    pub(super) told: VecDeque<u32>,
    pace: Pace,
    /// When the last round ended, and whether another is noted.
    last_round: Timestamp,
    round_noted: bool,
    running: usize,
}

impl<'a> Engine<'a> {
    pub(super) fn new(
        ledger: Arc<dyn Books>,
        clock: Arc<ManualClock>,
        orders: &'a [Film],
        farm: &'a Farm,
        meter: &'a dyn Meter,
    ) -> Result<Self> {
        let bells = Arc::new(Bells::default());
        let sweep = Sweep::new(ledger.clone(), bells.clone(), clock.clone());
        let jobs: Vec<JobId> = orders.iter().map(|film| film.order.job_id_for(&film.terms.tenant)).collect();
        let films: HashMap<JobId, u32> = jobs.iter().cloned().zip(0..).collect();
        if films.len() < jobs.len() {
            return Err(Error::order("a film is ordered twice").mend("give every film a seed of its own"));
        }
        let crew = Crew::new(farm);
        let record = Record {
            spells: Vec::new(),
            lives: Vec::new(),
            began: START,
            ended: START,
            spent: [Spent::default(); 2],
            workers: crew.sizes(),
            rounds: 0,
            scheduler: Duration::ZERO,
            films: made(orders, farm),
        };
        Ok(Self {
            ledger,
            clock,
            bells,
            sweep,
            farm,
            orders,
            meter,
            agenda: Agenda::default(),
            crew,
            running: jobs.len(),
            jobs,
            films,
            marks: HashMap::new(),
            open: <[HashSet<TaskKey>; 2]>::default(),
            ready: [0; 2],
            orphans: Vec::new(),
            record,
            told: VecDeque::new(),
            pace: Pace::new(sweep::PERIOD, farm.seed),
            last_round: Timestamp(0),
            round_noted: false,
        })
    }

    /// Lets time pass until every film is done or given up.
    pub(super) async fn run(mut self) -> Result<Record> {
        for (film, order) in (0..).zip(self.orders) {
            self.agenda.note(START.after(order.arrives), Event::Arrive { film });
        }
        for place in 0..self.crew.sizes().iter().sum() {
            self.agenda.note(START, Event::Join { place });
        }
        self.agenda.note(START, Event::Sweep);
        let first = self.orders.iter().map(|film| film.arrives).min().unwrap_or_default();
        self.record.began = START.after(first);
        while self.running > 0 {
            let Some((at, event)) = self.agenda.next() else {
                return Err(Error::world("nothing happens any more in the simulation, and films are not done"));
            };
            self.pass(at)?;
            self.happen(event).await?;
        }
        self.record.ended = self.clock.now();
        let ended = self.record.ended;
        let there = self.crew.hands.iter().filter(|hand| hand.until.is_none());
        self.record.lives.extend(there.map(|hand| Life {
            place: hand.place,
            from: hand.since,
            to: ended,
            lost: false,
        }));
        Ok(self.record)
    }

    /// Time passes, and is counted.
    fn pass(&mut self, to: Timestamp) -> Result<()> {
        let time = to.since(self.clock.now());
        if to.since(START) > LONGEST {
            return Err(Error::world("the simulated farm works for longer than a year")
                .mend("give it more workers or faster ones"));
        }
        let dt = time.as_millis() as i64;
        let mut ready = [0; 2];
        let mut open = [0; 2];
        for lane in 0..2 {
            ready[self.crew.of_lane(lane)] += self.ready[lane];
            open[self.crew.of_lane(lane)] += self.open[lane].len() as i64;
        }
        for crew in 0..2 {
            let (live, busy) = (i64::from(self.crew.live[crew]), i64::from(self.crew.busy[crew]));
            let idle = (live - busy).min(ready[crew]);
            let unheard = idle.min(open[crew]);
            let spent = &mut self.record.spent[crew];
            spent.live += dt * live;
            spent.busy += dt * busy;
            spent.unheard += dt * unheard;
            spent.unreleased += dt * (idle - unheard);
        }
        self.clock.advance(time);
        Ok(())
    }

    async fn happen(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Arrive { film } => self.arrive(film).await,
            Event::Join { place } => self.join(place).await,
            Event::Lose { hand } => self.lose(hand).await,
            Event::Hear { hand, turn } => self.hear(hand, turn).await,
            Event::Look { hand, turn } => self.look(hand, turn).await,
            Event::Finish { hand, turn } => self.finish(hand, turn).await,
            Event::Renew { hand, turn } => self.renew(hand, turn).await,
            Event::Round => self.round().await,
            Event::Sweep => self.tick().await,
        }
    }

    async fn arrive(&mut self, film: u32) -> Result<()> {
        let now = self.clock.now();
        let Film { order, terms, plan, .. } = &self.orders[film as usize];
        if self.ledger.submit(order, terms, plan, now).await? == Submitted::Known {
            return Err(Error::order("the ledger of the simulation holds other jobs").mend("give it an empty one"));
        }
        self.record.films[film as usize].arrived = now;
        let graph = self.record.films[film as usize].graph.clone();
        for (task, node) in (0..).zip(&graph.tasks) {
            if node.needs.is_empty() {
                self.is_ready(film, task, now);
            }
        }
        self.wake();
        Ok(())
    }

    /// A task is ready, for the first time or again.
    pub(super) fn is_ready(&mut self, film: u32, task: u32, now: Timestamp) {
        self.marks.entry((film, task)).or_default().ready = now;
        self.ready[lane(&self.record.films[film as usize].graph.tasks[task as usize].kind)] += 1;
    }

    /// The coordinators are woken: a round follows, as soon as a coordinator that did the last one would do it.
    pub(super) fn wake(&mut self) {
        if !self.round_noted {
            self.round_noted = true;
            let soon = self.clock.now().after(sweep::GAP);
            self.agenda.note(soon.max(self.last_round.after(self.sweep.rest())), Event::Round);
        }
    }

    async fn round(&mut self) -> Result<()> {
        self.round_noted = false;
        let used = self.meter.used();
        self.sweep.round().await?;
        self.released(used);
        Ok(())
    }

    async fn tick(&mut self) -> Result<()> {
        let now = self.clock.now();
        self.agenda.note(now.after(self.pace.wait()), Event::Sweep);
        self.tell_of_workers().await?;
        let used = self.meter.used();
        self.sweep.tick().await?;
        self.released(used);
        self.taken_back(now).await
    }

    /// The coordinator's work is counted, and its rings set out.
    fn released(&mut self, used: Duration) {
        self.record.scheduler += self.meter.used().saturating_sub(used);
        self.record.rounds += 1;
        self.last_round = self.clock.now();
        for (route, key) in self.bells.rung() {
            let lane = usize::from(route.lane == shared::task::Lane::Stitch);
            self.open[lane].insert(key);
            self.ring(self.crew.of_lane(lane));
        }
    }

    /// What the sweep took back of the workers that were lost is ready again, or its job is given up.
    async fn taken_back(&mut self, now: Timestamp) -> Result<()> {
        let over: Vec<Orphan> = self.orphans.extract_if(.., |orphan| orphan.until < now).collect();
        for Orphan { film, task, .. } in over {
            let losses = self.marks.get(&(film, task)).map_or(0, |mark| mark.losses);
            if losses < Patience::FARM.losses {
                self.is_ready(film, task, now);
            } else if self.is_over(film).await? {
                self.give_up(film, now);
            }
        }
        Ok(())
    }

    async fn is_over(&self, film: u32) -> Result<bool> {
        let job = self.ledger.job(&self.jobs[film as usize]).await?;
        Ok(job.is_none_or(|job| job.state != JobState::Running))
    }

    /// A job failed: nothing of it is ready any more.
    fn give_up(&mut self, film: u32, now: Timestamp) {
        let made = &mut self.record.films[film as usize];
        if made.ended.is_some() {
            return;
        }
        (made.ended, made.failed) = (Some(now), true);
        self.running -= 1;
        let job = &self.jobs[film as usize];
        for open in &mut self.open {
            open.retain(|key| key.job != *job);
        }
        let graph = made.graph.clone();
        // What is at work is not ready; what waits for its needs has no mark.
        let at_work: HashSet<u32> = self
            .crew
            .hands
            .iter()
            .filter_map(|hand| match &hand.at {
                At::Busy(work) if work.film == film => Some(work.task),
                _ => None,
            })
            .collect();
        let lost: HashSet<u32> = self.orphans.iter().filter(|orphan| orphan.film == film).map(|o| o.task).collect();
        for (task, node) in (0..).zip(&graph.tasks) {
            let known = self.marks.remove(&(film, task));
            if known.is_some_and(|mark| mark.losses < Patience::FARM.losses)
                && !at_work.contains(&task)
                && !lost.contains(&task)
            {
                self.ready[lane(&node.kind)] -= 1;
            }
        }
        self.orphans.retain(|orphan| orphan.film != film);
    }

    /// A film is done.
    pub(super) fn is_made(&mut self, film: u32, now: Timestamp) {
        self.record.films[film as usize].ended = Some(now);
        self.running -= 1;
    }

    async fn tell_of_workers(&mut self) -> Result<()> {
        let now = self.clock.now();
        while let Some(&hand) = self.told.front() {
            let known = &self.crew.hands[hand as usize];
            if !matches!(known.at, At::Gone) && now.since(known.told) < TOLD {
                break;
            }
            self.told.pop_front();
            if !matches!(known.at, At::Gone) {
                self.told.push_back(hand);
                self.tell(hand, now).await?;
            }
        }
        Ok(())
    }

    /// The ledger hears that a worker was there at `now`.
    pub(super) async fn tell(&mut self, hand: u32, now: Timestamp) -> Result<()> {
        let known = &self.crew.hands[hand as usize];
        let state = match &known.at {
            At::Busy(work) => WorkerState::busy(&work.lease.key),
            _ => WorkerState::Idle,
        };
        self.ledger.report(&self.crew.card(known), &state, now).await?;
        self.crew.hands[hand as usize].told = now;
        Ok(())
    }
}

/// Films of one plan share its graph.
fn made(orders: &[Film], farm: &Farm) -> Vec<Made> {
    let mut graphs: HashMap<*const Plan, Arc<Graph>> = HashMap::new();
    let mut made = |film: &Film| {
        let graph = graphs.entry(Arc::as_ptr(&film.plan));
        let graph = graph.or_insert_with(|| Arc::new(Graph::of(&film.plan, &farm.latencies))).clone();
        Made { graph, arrived: START, ended: None, failed: false }
    };
    orders.iter().map(&mut made).collect()
}
