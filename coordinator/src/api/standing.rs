//! Where one job stands: what status and explanation are made of.

use shared::{
    JobState, Result,
    ports::{
        Job,
        crew::{GONE_AFTER, Hand},
        records::{Outcome, Standing},
    },
};

use super::farm::Farm;
use crate::{
    estimate::Rates,
    eta::{Eta, eta},
    explain::LATELY,
};

/// Own attempts that are looked at.
const ATTEMPTS: u32 = 200;

/// Position and expected end of a running job.
pub(crate) async fn outlook(farm: &Farm, job: &Job) -> Result<(Option<u64>, Option<Eta>)> {
    if job.state != JobState::Running {
        return Ok((None, None));
    }
    let now = farm.now();
    let standing = farm.ledger().standing(&job.id, now).await?;
    let position = (standing.ready + standing.released > 0).then_some(standing.ahead);
    let rates = Rates::of(&farm.rates().await?, &job.order.model, &job.terms.pool);
    let crew = farm.ledger().crew(shared::Timestamp(now.0 - GONE_AFTER.as_millis() as i64)).await?;
    let seen = durations(farm, job).await?;
    let eta = eta(&job.order.shape, &standing, &rates, &seen, able(&crew, &standing));
    Ok((position, eta.filter(|_| job.hold == shared::Hold::None)))
}

/// Everybody heard of within the time that explanations look back.
pub(crate) async fn crew(farm: &Farm) -> Result<Vec<Hand>> {
    farm.ledger().crew(shared::Timestamp(farm.now().0 - LATELY.as_millis() as i64)).await
}

/// Workers that could take the job's tasks.
fn able(crew: &[Hand], standing: &Standing) -> u32 {
    let fits = |hand: &&Hand| {
        hand.state.takes_tasks()
            && (standing.demands.is_empty() || standing.demands.iter().any(|demand| hand.card.reach.covers(demand)))
    };
    crew.iter().filter(fits).count() as u32
}

/// Seconds per frame of the job's own finished segments.
async fn durations(farm: &Farm, job: &Job) -> Result<Vec<f64>> {
    let attempts = farm.ledger().attempts(&job.id, None, 0, ATTEMPTS).await?;
    let frames = job.order.shape.segment_frames();
    let whole = |index: u64| (index + 1) * frames <= job.order.shape.frames;
    let seconds = attempts.iter().filter(|attempt| attempt.outcome == Outcome::Done).filter_map(|attempt| {
        let index = attempt.task.as_str().strip_prefix("segment-")?.rsplit_once('-')?.1.parse().ok()?;
        let ended = attempt.ended.filter(|_| whole(index))?;
        Some(ended.since(attempt.started).as_secs_f64() / frames as f64)
    });
    Ok(seconds.collect())
}
