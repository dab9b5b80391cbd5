//! What simulated workers do: hear and look, take, work, hold their leases, finish, or get lost.

use std::time::Duration;

use shared::{
    Clock as _, Error, Result, TaskKind, Timestamp,
    ports::{Lease, Pulse, Renewal},
};

use super::{
    agenda::Event,
    chance::Draw,
    crew::{At, Work},
    engine::{Engine, Orphan},
    graph::lane,
    latency::ms,
    record::{Life, Spell},
};

/// How long leases are, as in a farm.
const TERM: Duration = Duration::from_secs(30);

/// How often a worker holds its lease for longer, as in a farm. Here only the last of these writes before a lease would run out is
/// made; a worker that is lost made its last one as lately as it would have.
const RENEWS: Duration = Duration::from_secs(2);

/// How often a worker reports, likewise.
const REPORTS: Duration = Duration::from_secs(5);

impl Engine<'_> {
    /// Somebody begins in a place, and looks at once.
    pub(super) async fn join(&mut self, place: u32) -> Result<()> {
        let now = self.clock.now();
        let hand = self.crew.join(place, self.farm.seed, now);
        self.tell(hand, now).await?;
        self.told.push_back(hand);
        if let Some(life) = (Draw::Life { hand }).wait(self.farm.seed, self.farm.losses_per_hour) {
            self.agenda.note(now.after(life), Event::Lose { hand });
        }
        self.next(hand).await
    }

    /// A ring for a crew: it goes to whoever waited longest, or waits.
    pub(super) fn ring(&mut self, crew: usize) {
        let Some((_, hand)) = self.crew.idle[crew].pop_first() else {
            self.crew.rings[crew] += 1;
            return;
        };
        let turn = self.turn(hand, At::Called);
        self.agenda.note(self.clock.now().after(self.farm.latencies.claim), Event::Hear { hand, turn });
    }

    /// A worker is at something else from now on; its new turn.
    fn turn(&mut self, hand: u32, at: At) -> u32 {
        let hand = &mut self.crew.hands[hand as usize];
        (hand.at, hand.turn) = (at, hand.turn + 1);
        hand.turn
    }

    fn is_void(&self, hand: u32, turn: u32) -> bool {
        self.crew.hands[hand as usize].turn != turn
    }

    pub(super) async fn hear(&mut self, hand: u32, turn: u32) -> Result<()> {
        if self.is_void(hand, turn) || self.take(hand).await? {
            return Ok(());
        }
        self.next(hand).await
    }

    pub(super) async fn look(&mut self, hand: u32, turn: u32) -> Result<()> {
        if self.is_void(hand, turn) {
            return Ok(());
        }
        let (now, known) = (self.clock.now(), &mut self.crew.hands[hand as usize]);
        let crew = known.crew;
        if self.nothing_open(crew) {
            let again = now.after(self.crew.hands[hand as usize].pace.wait());
            self.agenda.note(again, Event::Look { hand, turn });
            return Ok(());
        }
        if let At::Idle(since) = self.crew.hands[hand as usize].at {
            self.crew.idle[crew].remove(&(since, hand));
        }
        self.crew.hands[hand as usize].looks = true;
        self.next(hand).await
    }

    /// A worker without work takes what there is: as long as it looks, or as there are rings.
    async fn next(&mut self, hand: u32) -> Result<()> {
        loop {
            let known = &mut self.crew.hands[hand as usize];
            let crew = known.crew;
            if !known.looks {
                if self.crew.rings[crew] == 0 {
                    self.wait(hand);
                    return Ok(());
                }
                self.crew.rings[crew] -= 1;
            }
            if self.take(hand).await? {
                return Ok(());
            }
            self.crew.hands[hand as usize].looks = false;
        }
    }

    fn wait(&mut self, hand: u32) {
        let now = self.clock.now();
        let turn = self.turn(hand, At::Idle(now));
        let known = &mut self.crew.hands[hand as usize];
        self.crew.idle[known.crew].insert((now, hand));
        self.agenda.note(now.after(known.pace.wait()), Event::Look { hand, turn });
    }

    /// Whether the ledger has certainly nothing for a crew.
    fn nothing_open(&self, crew: usize) -> bool {
        (0..2).all(|lane| self.crew.of_lane(lane) != crew || self.open[lane].is_empty())
    }

    /// Takes the best released task, if there is one.
    async fn take(&mut self, hand: u32) -> Result<bool> {
        let known = &self.crew.hands[hand as usize];
        if self.nothing_open(known.crew) {
            return Ok(false);
        }
        let (now, held, reach) = (self.clock.now(), known.held_jobs(&self.jobs), &self.crew.reaches[known.crew]);
        match self.ledger.take(&known.id, reach, &held, TERM, now).await? {
            Some(lease) => self.begin(hand, lease, now).map(|()| true),
            None => Ok(false),
        }
    }

    fn begin(&mut self, hand: u32, lease: Lease, now: Timestamp) -> Result<()> {
        let film = self.films.get(&lease.key.job).copied();
        let graph = film.map(|film| self.record.films[film as usize].graph.clone());
        let place = graph.as_ref().and_then(|graph| graph.place(&lease.key.task));
        let (Some(film), Some(graph), Some(task)) = (film, graph, place) else {
            return Err(Error::world(format!("the ledger handed out {}, which nobody simulates", lease.key)));
        };
        let node = &graph.tasks[task as usize];
        let lane = lane(&node.kind);
        self.open[lane].remove(&lease.key);
        self.ready[lane] -= 1;
        let mark = self.marks.get(&(film, task)).copied().unwrap_or_default();
        let known = &mut self.crew.hands[hand as usize];
        let latencies = &self.farm.latencies;
        // A worker that was called needed its time already to hear the ring.
        let claimed = if matches!(known.at, At::Called) { 0 } else { ms(latencies.claim) };
        let took_up = if node.cost.takes_up && known.holds(film) { ms(latencies.take_up) } else { 0 };
        let draw = Draw::Length { film, task, attempt: lease.attempt };
        let factor = draw.factor(self.farm.seed, latencies.spread);
        let piece_ms = (node.cost.piece_ms as f64 * factor).round() as i64;
        let begins = Timestamp(now.0 + claimed + took_up + node.cost.around_ms);
        let left = i64::from(node.cost.pieces.saturating_sub(mark.kept));
        let ends =
            Timestamp(begins.0.saturating_add(left.saturating_mul(piece_ms)).saturating_add(node.cost.around_ms));
        let (crew, until) = (known.crew, lease.until);
        let work = Work {
            lease,
            film,
            task,
            ready: mark.ready,
            taken: now,
            begins,
            piece_ms,
            cost: node.cost,
            kept: mark.kept,
            renewals: 0,
        };
        self.crew.busy[crew] += 1;
        let turn = self.turn(hand, At::Busy(Box::new(work)));
        self.agenda.note(ends, Event::Finish { hand, turn });
        self.hold(hand, turn, until, ends);
        Ok(())
    }

    /// Notes when a lease has to be held for longer, if the work outlasts it.
    fn hold(&mut self, hand: u32, turn: u32, until: Timestamp, ends: Timestamp) {
        let last = Timestamp(until.0 - ms(RENEWS));
        if ends >= last {
            self.agenda.note(last, Event::Renew { hand, turn });
        }
    }

    pub(super) async fn renew(&mut self, hand: u32, turn: u32) -> Result<()> {
        if self.is_void(hand, turn) {
            return Ok(());
        }
        let now = self.clock.now();
        let until = now.after(TERM);
        self.hold_until(hand, until, now).await?;
        self.agenda.note(Timestamp(until.0 - ms(RENEWS)), Event::Renew { hand, turn });
        Ok(())
    }

    async fn hold_until(&mut self, hand: u32, until: Timestamp, now: Timestamp) -> Result<()> {
        let At::Busy(work) = &mut self.crew.hands[hand as usize].at else { return Ok(()) };
        work.renewals += 1;
        let pulse = Pulse { frames_done: 0, steps: work.renewals, usual_ms: 0 };
        match self.ledger.renew(&work.lease, &pulse, until, now).await? {
            Renewal::Kept => {
                work.lease.until = until;
                Ok(())
            }
            // Its job was given up. The worker notices when it finishes, which is later than a real one does.
            Renewal::Lost => Ok(()),
        }
    }

    pub(super) async fn finish(&mut self, hand: u32, turn: u32) -> Result<()> {
        if self.is_void(hand, turn) {
            return Ok(());
        }
        let now = self.clock.now();
        let known = &mut self.crew.hands[hand as usize];
        let (crew, place) = (known.crew, known.place);
        let At::Busy(work) = std::mem::replace(&mut known.at, At::Called) else { return Ok(()) };
        self.crew.busy[crew] -= 1;
        let Work { film, task, ready, taken, lease, .. } = *work;
        let counts = self.record.films[film as usize].ended.is_none();
        let wasted_ms = if counts { 0 } else { now.0 - taken.0 };
        let attempt = lease.attempt;
        self.record.spells.push(Spell {
            film,
            task,
            attempt,
            place,
            ready,
            taken,
            ended: now,
            wasted_ms,
            done: counts,
        });
        if counts {
            let readied = self.ledger.complete(&lease, now).await?;
            self.marks.remove(&(film, task));
            let graph = self.record.films[film as usize].graph.clone();
            for key in readied {
                if let Some(place) = graph.place(&key.task) {
                    self.is_ready(film, place, now);
                }
            }
            if graph.tasks[task as usize].kind == TaskKind::Film {
                self.is_made(film, now);
            }
            self.wake();
        }
        // Between two tasks it hears no ring that is on its way: it asks for the next.
        self.turn(hand, At::Idle(now));
        self.next(hand).await
    }

    /// A worker is lost without a word; what it had is noticed by its lease.
    pub(super) async fn lose(&mut self, hand: u32) -> Result<()> {
        let now = self.clock.now();
        let heard = last_of(REPORTS, self.crew.hands[hand as usize].since, now);
        if heard > self.crew.hands[hand as usize].told {
            self.tell(hand, heard).await?;
        }
        if let At::Busy(work) = &self.crew.hands[hand as usize].at {
            let until = last_of(RENEWS, work.taken, now).after(TERM);
            if until > work.lease.until {
                self.hold_until(hand, until, now).await?;
            }
        }
        let known = &mut self.crew.hands[hand as usize];
        let (crew, place, since) = (known.crew, known.place, known.since);
        known.until = Some(now);
        let at = std::mem::replace(&mut known.at, At::Gone);
        known.turn += 1;
        self.crew.live[crew] -= 1;
        self.record.lives.push(Life { place, from: since, to: now, lost: true });
        self.agenda.note(now.after(self.farm.start_up), Event::Join { place });
        match at {
            At::Idle(since) => drop(self.crew.idle[crew].remove(&(since, hand))),
            // The ring that it held goes to somebody else.
            At::Called => self.ring(crew),
            At::Busy(work) => {
                self.crew.busy[crew] -= 1;
                self.abandon(&work, place, now);
                self.ring(crew);
            }
            At::Gone => {}
        }
        Ok(())
    }

    fn abandon(&mut self, work: &Work, place: u32, now: Timestamp) {
        let Work { film, task, ready, taken, ref lease, .. } = *work;
        let (kept, attempt) = (work.kept_at(now), lease.attempt);
        let saved = i64::from(kept - work.kept) * work.piece_ms;
        let wasted_ms = (now.0 - taken.0 - saved).max(0);
        self.record.spells.push(Spell { film, task, attempt, place, ready, taken, ended: now, wasted_ms, done: false });
        if self.record.films[film as usize].ended.is_some() {
            return;
        }
        let mark = self.marks.entry((film, task)).or_default();
        (mark.kept, mark.losses) = (kept, mark.losses + 1);
        self.orphans.push(Orphan { until: lease.until, film, task });
    }
}

/// When something last happened that happens every `period` since `from`.
fn last_of(period: Duration, from: Timestamp, now: Timestamp) -> Timestamp {
    let (period, since) = (ms(period), now.0 - from.0);
    Timestamp(from.0 + since - since % period)
}
