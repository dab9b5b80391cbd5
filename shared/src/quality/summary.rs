//! A film at a glance, from everything that was recorded of it.

use super::{ClipQuality, Follows, Measured, PartQuality, Quality, follows, seam_score, short};
use crate::{Fps, Frames};

/// Frames on either side that a seam is compared with, about a second.
const BESIDE: usize = 24;

/// Seconds of film in one stretch.
const STRETCH: u64 = 60;

/// Something that happened to a clip or a run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Event {
    /// The frames.
    pub frames: Frames,
    /// Whether somebody should look; otherwise it was put right.
    pub warning: bool,
    /// What happened, in words.
    pub what: String,
}

/// A minute of film.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Stretch {
    /// The frames that were measured.
    pub frames: Frames,
    /// Mean sharpness of the face over the portrait's.
    pub sharpness: Option<f32>,
    /// Mean distance of the face's colour from the portrait's, 0 to 1.
    pub colour: Option<f32>,
    /// Mean flicker of the background.
    pub flicker: f32,
    /// Score of the seam that stands out most.
    pub seam: Option<f32>,
    /// How the mouth follows the speech.
    pub follows: Option<Follows>,
    /// Frames that are black.
    pub black: u32,
    /// Frames that repeat the one before.
    pub frozen: u32,
}

/// Where chains or clips meet.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Seam {
    /// The first frame of what comes after.
    pub frame: u64,
    /// The difference over it against the median of the differences around it; see [`seam_score`].
    pub score: f32,
}

/// A film at a glance.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Clips that were recorded.
    pub clips: u32,
    /// Of them, clips that were rendered more than once.
    pub rendered_again: u32,
    /// Of them, clips at which the chain was anchored on the portrait again.
    pub anchored_again: u32,
    /// Of them, clips that count although they are not good enough.
    pub below: u32,
    /// Minutes.
    pub stretches: Vec<Stretch>,
    /// Seams between chains.
    pub seams: Vec<Seam>,
    /// The score that 95 of 100 seams between chains do not pass.
    pub seams_p95: Option<f32>,
    /// The same of the places within chains at which runs, about as long as clips, meet.
    pub inner_p95: Option<f32>,
    /// Sharpness of the last minute over that of the first; of halves in films of less than two minutes.
    pub sharpness_drift: Option<f32>,
    /// Distance of the face's colour from the portrait's in the last minute, less that in the first.
    pub colour_drift: Option<f32>,
    /// How the mouth follows the speech over the whole film.
    pub follows: Option<Follows>,
    /// What happened, in the order of the film.
    pub events: Vec<Event>,
    /// The runs that are least like the portrait, at most five.
    pub worst: Vec<Frames>,
}

impl Summary {
    /// The summary of a film at `fps`, from its records in any order.
    pub fn of(records: &[Measured], fps: Fps) -> Self {
        let mut records: Vec<&Measured> = records.iter().collect();
        records.sort_by_key(|record| record.frames);
        let clips: Vec<(Frames, &ClipQuality)> = records.iter().filter_map(|record| clip(record)).collect();
        let runs: Vec<(Frames, &PartQuality)> = records.iter().filter_map(|record| run(record)).collect();
        let count = |which: &dyn Fn(&ClipQuality) -> bool| clips.iter().filter(|(_, clip)| which(clip)).count() as u32;
        let places = places(&runs);
        let seams = seams(&places);
        let inner = places.iter().filter(|place| place.seam.is_none()).map(|place| place.at.score);
        let stretches = stretches(&runs, &seams, fps);
        let [first, last] = ends(&runs, fps);
        let both = |of: fn(&PartQuality) -> Option<f32>| mean(first, of).zip(mean(last, of));
        let series: Vec<&PartQuality> = runs.iter().map(|(_, run)| *run).collect();
        Self {
            clips: clips.len() as u32,
            rendered_again: count(&|clip| !clip.refused.is_empty()),
            anchored_again: count(&|clip| clip.anchored),
            below: count(&|clip| !clip.faults.is_empty()),
            seams_p95: p95(seams.iter().map(|seam| seam.score).collect()),
            inner_p95: p95(inner.collect()),
            seams,
            sharpness_drift: both(|run| run.sharpness).map(|(a, b)| short(b / a.max(f32::MIN_POSITIVE))),
            colour_drift: both(|run| run.colour).map(|(a, b)| short(b - a)),
            follows: following(&series),
            events: records.iter().filter_map(|record| event(record)).collect(),
            worst: worst(&runs),
            stretches,
        }
    }
}

fn clip(record: &Measured) -> Option<(Frames, &ClipQuality)> {
    match &record.quality {
        Quality::Clip(clip) => Some((record.frames, clip)),
        Quality::Part(_) => None,
    }
}

fn run(record: &Measured) -> Option<(Frames, &PartQuality)> {
    match &record.quality {
        Quality::Part(part) => Some((record.frames, part)),
        Quality::Clip(_) => None,
    }
}

/// A place where runs meet.
#[derive(Clone, Copy)]
struct Place {
    /// The seam between chains that it belongs to.
    seam: Option<u32>,
    at: Seam,
}

/// Where runs meet; each compared with the frames on both sides, those at seams left out.
fn places(runs: &[(Frames, &PartQuality)]) -> Vec<Place> {
    let (mut series, mut starts) = (Vec::new(), Vec::new());
    for (frames, run) in runs {
        starts.push((series.len(), *frames, run.seam, run.moved.first().copied().flatten()));
        // What is over a seam is no measure of what is beside it.
        let own = run.moved.iter().enumerate();
        series.extend(own.map(|(place, moved)| moved.filter(|_| place > 0 || run.seam.is_none())));
    }
    let place = |(at, frames, seam, over): &(usize, Frames, Option<u32>, Option<f32>)| {
        let beside = at.saturating_sub(BESIDE)..(at + BESIDE).min(series.len());
        let inside: Vec<f32> = beside.filter(|other| other != at).filter_map(|other| series[other]).collect();
        Some(Place { seam: *seam, at: Seam { frame: frames.start, score: short(seam_score((*over)?, &inside)?) } })
    };
    starts.iter().filter_map(place).collect()
}

/// Of every seam between chains the place that stands out most.
fn seams(places: &[Place]) -> Vec<Seam> {
    let of_chains: Vec<(u32, Seam)> = places.iter().filter_map(|place| Some((place.seam?, place.at))).collect();
    let highest = |group: &[(u32, Seam)]| group.iter().map(|(_, at)| *at).max_by(|a, b| a.score.total_cmp(&b.score));
    of_chains.chunk_by(|a, b| a.0 == b.0).filter_map(highest).collect()
}

/// Frames of a stretch.
fn size(fps: Fps) -> u64 {
    (STRETCH * u64::from(fps.num())).div_ceil(u64::from(fps.den())).max(1)
}

/// The runs of the first minute and of the last, or of both halves of a shorter film.
fn ends<'a, 'b>(runs: &'a [(Frames, &'b PartQuality)], fps: Fps) -> [&'a [(Frames, &'b PartQuality)]; 2] {
    let (start, end) = (runs.first().map_or(0, |run| run.0.start), runs.last().map_or(0, |run| run.0.end));
    let length = size(fps).min((end - start) / 2);
    let first = runs.partition_point(|(frames, _)| frames.start < start + length);
    let last = runs.partition_point(|(frames, _)| frames.start < end - length);
    [&runs[..first], &runs[last..]]
}

fn stretches(runs: &[(Frames, &PartQuality)], seams: &[Seam], fps: Fps) -> Vec<Stretch> {
    let size = size(fps);
    let of = |runs: &[(Frames, &PartQuality)]| {
        let frames = Frames::new(runs[0].0.start, runs[runs.len() - 1].0.end);
        let all: Vec<&PartQuality> = runs.iter().map(|(_, run)| *run).collect();
        let seams = seams.iter().filter(|seam| frames.contains(seam.frame));
        Stretch {
            frames,
            sharpness: mean(runs, |run| run.sharpness),
            colour: mean(runs, |run| run.colour),
            flicker: mean(runs, |run| Some(run.flicker)).unwrap_or(0.0),
            seam: seams.map(|seam| seam.score).max_by(f32::total_cmp),
            follows: following(&all),
            black: all.iter().map(|run| run.black).sum(),
            frozen: all.iter().map(|run| run.frozen).sum(),
        }
    };
    runs.chunk_by(|a, b| a.0.start / size == b.0.start / size).map(of).collect()
}

/// The mean over frames.
fn mean(runs: &[(Frames, &PartQuality)], of: impl Fn(&PartQuality) -> Option<f32>) -> Option<f32> {
    let known = || runs.iter().filter_map(|(frames, run)| Some((frames.len() as f64, f64::from(of(run)?))));
    let count: f64 = known().map(|(count, _)| count).sum();
    (count > 0.0).then(|| short((known().map(|(count, x)| count * x).sum::<f64>() / count) as f32))
}

fn following(runs: &[&PartQuality]) -> Option<Follows> {
    let series = |of: fn(&PartQuality) -> &Vec<f32>| runs.iter().flat_map(|run| of(run)).copied().collect::<Vec<f32>>();
    let found = follows(&series(|run| &run.mouth), &series(|run| &run.speech))?;
    Some(Follows { correlation: short(found.correlation), ..found })
}

fn event(record: &Measured) -> Option<Event> {
    let frames = record.frames;
    if let Some(what) = record.warning() {
        return Some(Event { frames, warning: true, what });
    }
    let (_, clip) = clip(record)?;
    let first = clip.refused.first()?;
    let why = first.faults.iter().map(|fault| fault.words()).collect::<Vec<_>>().join(", ");
    Some(Event { frames, warning: false, what: format!("rendered again, take {} counts: {why}", clip.take) })
}

fn worst(runs: &[(Frames, &PartQuality)]) -> Vec<Frames> {
    let how = |run: &PartQuality| run.sharpness.zip(run.colour).map(|(sharp, colour)| (1.0 - sharp).abs() + colour);
    let mut known: Vec<(f32, Frames)> = runs.iter().filter_map(|(frames, run)| Some((how(run)?, *frames))).collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0));
    known.into_iter().take(5).map(|(_, frames)| frames).collect()
}

fn p95(mut scores: Vec<f32>) -> Option<f32> {
    scores.sort_by(f32::total_cmp);
    let at = (scores.len() * 95).div_ceil(100);
    at.checked_sub(1).map(|at| scores[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        TaskId,
        quality::{Fault, Refused},
    };

    fn record(start: u64, end: u64, quality: Quality) -> Measured {
        Measured { task: TaskId::from_text("x"), frames: Frames::new(start, end), quality }
    }

    /// A run of ten frames; the mouth follows the speech two frames late.
    fn part(start: u64, seam: Option<f32>, sharpness: f32) -> Measured {
        let speech = |i: u64| (i as f32 * 0.9).sin().max(0.0) * (i as f32 * 0.13).cos().abs();
        let mut moved = vec![Some(0.01); 10];
        moved[0] = Some(seam.unwrap_or(0.01));
        let part = PartQuality {
            seam: seam.map(|_| 0),
            sharpness: Some(sharpness),
            colour: Some(0.02),
            moved,
            mouth: (start..start + 10).map(|i| speech(i.saturating_sub(2))).collect(),
            speech: (start..start + 10).map(speech).collect(),
            ..PartQuality::default()
        };
        record(start, start + 10, Quality::Part(part))
    }

    #[test]
    fn minutes_seams_and_drift_are_told() {
        // Two minutes at 5 frames a second; sharpness falls by a tenth in the second, and a seam of twice the motion
        // lies at 100, of which another place stands out less.
        let fps = Fps::new(5, 1).unwrap();
        let all = (0..60).map(|run| {
            let seam = match run {
                10 => Some(0.02),
                11 => Some(0.015),
                _ => None,
            };
            part(run * 10, seam, if run < 30 { 1.0 } else { 0.9 })
        });
        let mut records: Vec<Measured> = all.collect();
        records.reverse();
        let summary = Summary::of(&records, fps);
        assert_eq!(summary.stretches.len(), 2);
        assert_eq!(summary.stretches[1].frames, Frames::new(300, 600));
        assert_eq!((summary.sharpness_drift, summary.colour_drift), (Some(0.9), Some(0.0)));
        assert_eq!(summary.seams, [Seam { frame: 100, score: 2.0 }]);
        assert_eq!((summary.seams_p95, summary.inner_p95), (Some(2.0), Some(1.0)));
        assert_eq!((summary.stretches[0].seam, summary.stretches[1].seam), (Some(2.0), None));
        let follows = summary.follows.unwrap();
        assert!(follows.lag == 2 && follows.correlation > 0.99, "{follows:?}");
        assert_eq!(summary.worst.len(), 5);
        assert!(summary.worst.iter().all(|frames| frames.start >= 300), "{:?}", summary.worst);
    }

    #[test]
    fn what_happened_to_clips_is_counted_and_told_in_order() {
        let refused = |take| Refused { take, anchored: false, faults: vec![Fault::Blurred] };
        let again = ClipQuality { take: 1, refused: vec![refused(0)], ..ClipQuality::default() };
        let anchored = ClipQuality { anchored: true, refused: (0..3).map(refused).collect(), ..ClipQuality::default() };
        let below = ClipQuality { faults: vec![Fault::Colour], ..anchored.clone() };
        let clips = [ClipQuality::default(), below, anchored, again];
        let records: Vec<Measured> = (0..4)
            .zip(clips)
            .map(|(place, clip)| record(40 - place * 10, 50 - place * 10, Quality::Clip(clip)))
            .collect();
        let summary = Summary::of(&records, Fps::PAL);
        assert_eq!((summary.clips, summary.rendered_again, summary.anchored_again, summary.below), (4, 3, 2, 1));
        let told: Vec<(u64, bool)> = summary.events.iter().map(|event| (event.frames.start, event.warning)).collect();
        assert_eq!(told, [(10, false), (20, true), (30, true)]);
        assert!(summary.events[0].what.contains("take 1") && summary.events[0].what.contains("blurred"));
        assert!(summary.stretches.is_empty() && summary.seams_p95.is_none());
    }

    #[test]
    fn the_95th_of_a_hundred_is_meant() {
        assert_eq!(p95((1..=100).map(|i| i as f32).collect()), Some(95.0));
        assert_eq!((p95(vec![7.0]), p95(vec![])), (Some(7.0), None));
    }
}
