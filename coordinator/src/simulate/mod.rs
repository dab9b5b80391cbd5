//! Simulates a farm: the plan, the ledger and the scheduler of the real one, in virtual time.
//!
//! What decides is not modelled but run: [`Sweep`](crate::Sweep) releases tasks of a real ledger on a clock that the simulation sets.
//! Modelled are the workers: how long they take ([`Latencies`]), when they look and hear rings, and that some are lost. Events
//! are worked on in the order of their time, so that an hour of a thousand workers takes as long as the ledger needs for their
//! tasks. The same seed gives the same simulation.

mod agenda;
mod bells;
mod chance;
mod crew;
mod engine;
mod graph;
mod latency;
mod record;
mod report;
mod work;

use std::{sync::Arc, time::Duration};

use shared::{Error, Order, Plan, Result, Terms, Timestamp, clock::ManualClock, ports::Books};

pub use self::{
    latency::Latencies,
    record::{Life, Record, Spell, Spent},
    report::{Bound, LaneUse, QueueTime, Report, SchedulerUse, Step, Turnaround, Waste},
};

/// When every simulation begins, by its own clock.
pub const START: Timestamp = Timestamp(1_000_000);

/// A film that is ordered from the simulated farm.
#[derive(Clone, Debug)]
pub struct Film {
    /// What is ordered.
    pub order: Order,
    /// Under which conditions; pool and GPU memory are those of everybody.
    pub terms: Terms,
    /// Its tasks. Films of one shape share a plan.
    pub plan: Arc<Plan>,
    /// When it is ordered, from the beginning on.
    pub arrives: Duration,
}

/// Who works on the simulated farm, and how fast.
#[derive(Clone, Debug)]
pub struct Farm {
    /// Workers of the render lane.
    pub workers: u32,
    /// Stitchers; with none, the workers take both lanes.
    pub stitchers: u32,
    /// Share of the workers that is lost in an hour, without a word, each at a moment of its own (a Poisson process).
    pub losses_per_hour: f64,
    /// Time until another worker stands in the place of one that was lost.
    pub start_up: Duration,
    /// How long everything takes.
    pub latencies: Latencies,
    /// Seed of everything that is left to chance.
    pub seed: u64,
}

impl Farm {
    fn check(&self) -> Result<()> {
        if self.workers == 0 {
            return Err(Error::order("a farm without workers renders nothing").mend("give at least one worker"));
        }
        if !(0.0..=1000.0).contains(&self.losses_per_hour) {
            return Err(Error::order(format!(
                "{} losses an hour of each worker cannot be simulated",
                self.losses_per_hour
            ))
            .mend("give a share of the workers from 0 to 1000 an hour"));
        }
        self.latencies.check()
    }
}

/// Tells how much processor time this process used so far, so that what the scheduler costs can be told apart.
pub trait Meter {
    /// Processor time used so far.
    fn used(&self) -> Duration;
}

/// Lets a farm render these films on a ledger that nothing else uses, and records what happened.
///
/// # Errors
/// When the farm cannot render anything, a film is ordered twice, or the ledger fails.
pub async fn simulate(ledger: Arc<dyn Books>, films: &[Film], farm: &Farm, meter: &dyn Meter) -> Result<Record> {
    farm.check()?;
    if films.is_empty() {
        return Err(Error::order("there is no film to simulate").mend("order at least one"));
    }
    let clock = Arc::new(ManualClock::at(START));
    engine::Engine::new(ledger, clock, films, farm, meter)?.run().await
}
