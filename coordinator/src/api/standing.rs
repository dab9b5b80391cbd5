//! Where one job stands: what status and explanation are made of.

use shared::{
    JobState, Layout, Result, TaskId,
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
    let eta = eta(&Layout::of(&job.order)?, &standing, &rates, &seen, able(&crew, &standing));
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
    let layout = Layout::of(&job.order)?;
    let seconds = attempts.iter().filter(|attempt| attempt.outcome == Outcome::Done).filter_map(|attempt| {
        let frames = whole_segment(&layout, &attempt.task)?;
        Some(attempt.ended?.since(attempt.started).as_secs_f64() / frames as f64)
    });
    Ok(seconds.collect())
}

/// The frames of a task, if it is a whole segment: at the end of a chain, a few frames take as long as a clip.
fn whole_segment(layout: &Layout<'_>, task: &TaskId) -> Option<u64> {
    let (chain, index) = task.as_str().strip_prefix("segment-")?.rsplit_once('-')?;
    let chain = chain.parse().ok().filter(|chain| *chain < layout.chains())?;
    let frames = layout.segments(chain).nth(index.parse().ok()?)?.frames()?.len();
    (frames == layout.shape().segment_frames()).then_some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Cuts, Join, Shape};

    #[test]
    fn whole_segments_of_every_chain_are_found() {
        let shape = Shape { frames: 125, clip_frames: 12, segment_clips: 4, part_segments: 2 };
        let cuts = Cuts::at(vec![60], Join::Bridge, 12);
        let layout = Layout::new(shape, &cuts).unwrap();
        let found = |task: &str| whole_segment(&layout, &TaskId::from_text(task));
        // 0..48 and 48..72; then 36..84 and 84..125.
        assert_eq!(["segment-0-00000", "segment-1-00000"].map(found), [Some(48); 2]);
        for task in ["segment-0-00001", "segment-1-00001", "segment-1-00002", "segment-2-00000", "bridge-00000", "film"]
        {
            assert_eq!(found(task), None, "{task}");
        }
    }
}
