//! Why a job is where it is, in words and stable codes.

use std::time::Duration;

use shared::{
    Demand, Hold, JobState, Timestamp,
    ports::{
        Job,
        crew::{GONE_AFTER, Hand, WorkerState},
        records::Standing,
    },
};

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its stable code, one of [`CODES`].
    pub code: &'static str,
    /// The reason in words, with what to do where something can be done.
    pub text: String,
}

/// Every code.
pub const CODES: [&str; 17] = [
    "job_done",
    "job_failed",
    "job_cancelled",
    "paused",
    "draining",
    "preview",
    "approval_required",
    "under_way",
    "job_limit_reached",
    "tenant_limit_reached",
    "backing_off",
    "no_worker",
    "too_little_memory",
    "workers_set_aside",
    "workers_starting",
    "tasks_ahead",
    "farm_busy",
];

/// The facts about one job.
pub struct Facts<'a> {
    /// The job.
    pub job: &'a Job,
    /// Where it stands.
    pub standing: &'a Standing,
    /// Every worker that was heard of lately.
    pub crew: &'a [Hand],
    /// Tasks of the tenant that are under way, and how many may be.
    pub tenant: (u64, Option<u32>),
    /// The moment.
    pub now: Timestamp,
}

/// All reasons, the decisive one first. A job without any has tasks on their way to workers.
pub fn explain(facts: &Facts<'_>) -> Vec<Reason> {
    let reason = |code, text: String| Reason { code, text };
    let job = facts.job;
    let why = job.error.as_deref().map_or(String::new(), |error| format!(": {error}"));
    match job.state {
        JobState::Done => return vec![reason("job_done", "The film is made.".into())],
        JobState::Failed => {
            return vec![reason(
                "job_failed",
                format!("The job failed{why}. Retry takes it up again; what is done stays done."),
            )];
        }
        JobState::Cancelled => {
            return vec![reason("job_cancelled", format!("The job was cancelled{why}. Retry takes it up again."))];
        }
        JobState::Running => {}
    }
    let mut reasons = Vec::new();
    match job.hold {
        Hold::Paused => {
            reasons.push(reason("paused", "Somebody paused the job. Resume hands its tasks out again.".into()));
        }
        Hold::Draining => {
            reasons.push(reason("draining", "The job finishes what is under way and then ends as cancelled.".into()));
        }
        Hold::Approval => {
            let text = "The preview is made, and the job waits until somebody approves it. Cancel it if it is not what was wanted.";
            reasons.push(reason("approval_required", text.into()));
        }
        Hold::Preview => {
            reasons.extend(limits(facts).into_iter().chain(workers(facts)).chain(queue(facts)));
            reasons.push(reason("preview", "Only what its preview needs is rendered; the rest waits for that.".into()));
        }
        Hold::None => reasons.extend(limits(facts).into_iter().chain(workers(facts)).chain(queue(facts))),
    }
    if facts.standing.leased > 0 {
        let text = format!("{} under way on workers.", tasks(facts.standing.leased));
        // What runs is the first thing that somebody who waits wants to know.
        reasons.insert(
            usize::from(matches!(job.hold, Hold::Paused | Hold::Draining | Hold::Approval)),
            reason("under_way", text),
        );
    }
    reasons
}

fn tasks(n: u64) -> String {
    if n == 1 { "1 task is".into() } else { format!("{n} tasks are") }
}

/// Limits of the job and its tenant, and back-offs.
fn limits(facts: &Facts<'_>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let standing = facts.standing;
    let own = standing.leased + standing.released;
    let waits = standing.ready > 0;
    if let Some(most) = facts.job.terms.most_at_once.filter(|most| waits && own >= u64::from(*most)) {
        let text = format!("The job may have {most} tasks under way at once and has them.");
        reasons.push(Reason { code: "job_limit_reached", text });
    }
    if let (under_way, Some(most)) = facts.tenant
        && waits
        && under_way >= u64::from(most)
    {
        let tenant = &facts.job.terms.tenant;
        let text = format!("The tenant {tenant} may have {most} tasks under way at once and has them.");
        reasons.push(Reason { code: "tenant_limit_reached", text });
    }
    if let Some((n, until)) = standing.backing_off {
        let seconds = until.since(facts.now).as_secs_f64().ceil();
        let text = format!("{} waiting after a failure; the next try is in {seconds:.0} s.", tasks(n));
        reasons.push(Reason { code: "backing_off", text });
    }
    reasons
}

/// What nobody can take, and why.
fn workers(facts: &Facts<'_>) -> Vec<Reason> {
    facts.standing.demands.iter().filter_map(|demand| unserved(demand, facts.crew, facts.now)).collect()
}

fn unserved(demand: &Demand, crew: &[Hand], now: Timestamp) -> Option<Reason> {
    let alive = |hand: &&Hand| now.since(hand.seen) < GONE_AFTER;
    let here: Vec<&Hand> = crew.iter().filter(alive).filter(|hand| serves(hand, demand)).collect();
    let able: Vec<&&Hand> = here.iter().filter(|hand| hand.card.reach.covers(demand)).collect();
    let (lane, pool) = (demand.lane.name(), &demand.pool);
    if able.iter().any(|hand| hand.state.takes_tasks()) {
        return None;
    }
    let set_aside = able.iter().find_map(|hand| match &hand.state {
        WorkerState::SetAside { reason } => Some((&hand.card.id.0, reason)),
        _ => None,
    });
    let (code, text) = if let Some((id, why)) = set_aside {
        let text = format!(
            "Every worker of the pool {pool} that could take its {lane} tasks was set aside, such as {id} ({why}). An operator can order it back to work."
        );
        ("workers_set_aside", text)
    } else if able.iter().any(|hand| hand.state == WorkerState::Starting) {
        ("workers_starting", format!("The workers of the pool {pool} are loading their model."))
    } else if !here.is_empty() && able.is_empty() {
        let most = here.iter().map(|hand| hand.card.reach.gpu_memory).max().unwrap_or(0);
        let text = format!(
            "Its {lane} tasks need {} MiB of GPU memory, and the largest worker of the pool {pool} has {most} MiB.",
            demand.gpu_memory
        );
        ("too_little_memory", text)
    } else {
        (
            "no_worker",
            format!(
                "No worker takes {lane} tasks of the pool {pool}. Start one, or see whether it can reach the ledger."
            ),
        )
    };
    Some(Reason { code, text })
}

fn serves(hand: &Hand, demand: &Demand) -> bool {
    hand.card.reach.lanes.contains(&demand.lane) && hand.card.reach.pools.contains(&demand.pool)
}

/// Other jobs that come first, and workers that have their hands full.
fn queue(facts: &Facts<'_>) -> Vec<Reason> {
    let standing = facts.standing;
    let mut reasons = Vec::new();
    if standing.ahead > 0 && standing.leased == 0 {
        let text = format!("{} ahead in the queue.", tasks(standing.ahead));
        reasons.push(Reason { code: "tasks_ahead", text });
    }
    let waits = standing.ready + standing.released > 0;
    let recent = |hand: &&Hand| facts.now.since(hand.seen) < GONE_AFTER && hand.state.takes_tasks();
    let able: Vec<&Hand> = facts
        .crew
        .iter()
        .filter(recent)
        .filter(|hand| standing.demands.iter().any(|demand| hand.card.reach.covers(demand)))
        .collect();
    if waits && !able.is_empty() && able.iter().all(|hand| matches!(hand.state, WorkerState::Busy { .. })) {
        let n = able.len();
        let text = if n == 1 {
            "The only worker that could take its tasks is busy.".into()
        } else {
            format!("All {n} workers that could take its tasks are busy.")
        };
        reasons.push(Reason { code: "farm_busy", text });
    }
    reasons
}

/// How far back the crew is looked at for an explanation.
pub(crate) const LATELY: Duration = Duration::from_mins(10);
