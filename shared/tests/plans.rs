//! What holds for the plan of every film, however it is cut.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use shared::{
    Cuts, Fps, Frames, Join, Layout, Plan, Shape, TaskId, TaskKind, TaskNode,
    pauses::{Lull, Pause, Pauses, RATE},
    seams::{self, Continuity, Cutting, LEEWAY, Score, Seam, Why},
};

/// A film with everything that decides where its seams lie.
#[derive(Clone, Debug)]
struct Film {
    shape: Shape,
    fps: Fps,
    cutting: Cutting,
    pauses: Option<Pauses>,
    shots: Vec<u64>,
}

impl Film {
    fn seams(&self) -> shared::Result<Vec<Seam>> {
        let Self { shape, fps, pauses, shots, .. } = self;
        seams::lay(self.cutting, &Score { shape: *shape, fps: *fps, pauses: pauses.as_ref(), shots })
    }

    fn cuts(&self, seams: &[Seam]) -> Cuts {
        seams::cuts(seams, self.cutting, &self.shape)
    }
}

/// Pauses one after the other: for each, how long somebody speaks before it, how long it is, and how deep.
fn pauses() -> impl Strategy<Value = Pauses> {
    let one = (1_600u64..120_000, 1_920u64..40_000, 0u32..=40);
    proptest::collection::vec(one, 0..80).prop_map(|all| {
        let (mut at, mut found) = (0, Pauses::default());
        for (speech, silence, depth) in all {
            let start = at + speech;
            at = start + silence;
            found.pauses.push(Pause { start, end: at, depth: depth as f32 });
        }
        found.lulls = (0..at / u64::from(RATE))
            .map(|n| Lull { at: n * 16_000 + (n * 7919) % 16_000, depth: (n * 31 % 41) as f32 })
            .collect();
        found
    })
}

fn films() -> impl Strategy<Value = Film> {
    let shape = (1u64..8_000, 1u32..30, 1u32..8, 1u32..5);
    let rate = prop_oneof![Just("25"), Just("24000/1001"), Just("30000/1001"), Just("60"), Just("8"), Just("1")];
    let cutting = (
        prop_oneof![
            Just(Continuity::Strict),
            Just(Continuity::Anchored),
            Just(Continuity::Parallel),
            Just(Continuity::Auto)
        ],
        1u32..90,
        prop_oneof![Just(Join::Bridge), Just(Join::Blend), Just(Join::Cut)],
    );
    let shots = proptest::collection::btree_set(1u64..8_000, 0..30);
    (shape, rate, cutting, proptest::option::of(pauses()), shots).prop_map(|(shape, rate, cutting, pauses, shots)| {
        let (frames, clip_frames, segment_clips, part_segments) = shape;
        // Two held frames and a free one are the least that a bridge can be made of.
        let clip_frames = if cutting.2 == Join::Bridge { clip_frames.max(3) } else { clip_frames };
        Film {
            shape: Shape { frames, clip_frames, segment_clips, part_segments },
            fps: rate.parse().unwrap(),
            cutting: Cutting { continuity: cutting.0, chain_seconds: cutting.1, join: cutting.2 },
            pauses,
            shots: shots.into_iter().filter(|shot| *shot < frames).collect(),
        }
    })
}

/// Films that can be cut as they are wished to be.
fn cut_films() -> impl Strategy<Value = (Film, Vec<Seam>, Plan)> {
    films().prop_filter_map("chains too short for their overlaps", |film| {
        let seams = film.seams().ok()?;
        let plan = Plan::cut(film.shape, &film.cuts(&seams)).expect("seams that were laid can be cut at");
        Some((film, seams, plan))
    })
}

/// Runs that follow one another without a gap, from `start` to `end`.
fn covers(runs: impl IntoIterator<Item = Frames>, start: u64, end: u64) -> bool {
    let mut next = start;
    runs.into_iter().all(|run| !run.is_empty() && run.start == std::mem::replace(&mut next, run.end)) && next == end
}

/// What each task of a plan makes.
type Kinds<'a> = BTreeMap<&'a TaskId, &'a TaskKind>;

fn kinds(plan: &Plan) -> Kinds<'_> {
    plan.tasks.iter().map(|node| (&node.id, &node.kind)).collect()
}

/// The frames that the segments of one chain render, among what a task needs.
fn supplied(kinds: &Kinds<'_>, node: &TaskNode, of: u32) -> Vec<Frames> {
    let kinds = node.needs.iter().map(|need| kinds[need]);
    kinds
        .filter_map(|kind| match kind {
            TaskKind::Segment { chain, frames, .. } if *chain == of => Some(*frames),
            _ => None,
        })
        .collect()
}

fn holds(runs: &[Frames], wanted: Frames) -> bool {
    (wanted.start..wanted.end).all(|frame| runs.iter().any(|run| run.contains(frame)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_frame_is_owned_once_and_encoded_once((film, _, plan) in cut_films()) {
        plan.check().unwrap();
        let layout = Layout::new(film.shape, &plan.cuts).unwrap();
        let frames = film.shape.frames;
        prop_assert!(covers((0..layout.chains()).map(|chain| layout.owned(chain)), 0, frames));
        let parts = plan.tasks.iter().filter(|node| matches!(node.kind, TaskKind::Part { .. }));
        let parts: Vec<Frames> = parts.filter_map(|node| node.kind.frames()).collect();
        prop_assert!(covers(parts.iter().copied(), 0, frames));
        // What is over a seam is measured in the part that holds the frames on both sides, where parts are longer than what they hold
        // of the next chain.
        let beyond = u64::from(plan.cuts.reach).max(1);
        for (chain, seam) in plan.cuts.seams.iter().enumerate() {
            let long = film.shape.part_frames() > 2 * beyond && layout.owned(chain).len() > beyond;
            let measured = parts.iter().any(|part| part.contains(seam - 1) && part.contains(*seam));
            prop_assert!(measured || !long, "{seam}");
        }
        prop_assert_eq!(plan.counted().unwrap().iter().sum::<u64>(), frames);
        prop_assert_eq!(plan.tasks.last().map(|node| &node.kind), Some(&TaskKind::Film));
    }

    #[test]
    fn no_task_needs_a_later_one_and_chains_meet_only_in_bridges((_, _, plan) in cut_films()) {
        let (kinds, mut seen) = (kinds(&plan), BTreeSet::new());
        for node in &plan.tasks {
            prop_assert!(node.needs.iter().all(|need| seen.contains(need)), "{}", node.id);
            prop_assert!(seen.insert(node.id.clone()), "{} occurs twice", node.id);
            if let TaskKind::Segment { chain, index, .. } = node.kind {
                for need in &node.needs {
                    let fine = match *kinds[need] {
                        TaskKind::Prepare => true,
                        TaskKind::Segment { chain: of, index: before, .. } => of == chain && before + 1 == index,
                        _ => false,
                    };
                    prop_assert!(fine, "{} needs {need}", node.id);
                }
                prop_assert_eq!(node.needs.len(), if index == 0 { 1 } else { 2 });
            }
        }
    }

    #[test]
    fn every_frame_that_a_part_or_a_bridge_reads_is_in_what_it_needs((film, _, plan) in cut_films()) {
        let (layout, kinds) = (Layout::new(film.shape, &plan.cuts).unwrap(), kinds(&plan));
        for node in &plan.tasks {
            match &node.kind {
                TaskKind::Part { frames, .. } => {
                    let sources = layout.sources(*frames);
                    prop_assert!(covers(sources.iter().map(|source| source.frames), frames.start, frames.end));
                    for source in sources {
                        let id = source.task().expect("nothing is kept from an earlier film");
                        prop_assert!(node.needs.contains(&id), "{} reads {id}", node.id);
                        let made = kinds[&id].frames().unwrap();
                        prop_assert!(made.start <= source.frames.start && source.frames.end <= made.end);
                    }
                }
                TaskKind::Bridge { seam, frames } => {
                    let at = plan.cuts.seams[*seam as usize];
                    let clip = u64::from(film.shape.clip_frames);
                    let (left, right) = (supplied(&kinds, node, *seam), supplied(&kinds, node, seam + 1));
                    // Both sides supply the whole overlap, so that frames of either can be held wherever the bridge's windows lie.
                    prop_assert!(holds(&left, *frames) && holds(&right, *frames), "{}", node.id);
                    prop_assert!(holds(&left, Frames::new(frames.start - clip.min(frames.start), frames.start)), "motion frames");
                    let window = Frames::new(at - clip / 2, at - clip / 2 + clip);
                    prop_assert_eq!(window.meet(*frames), window, "the first window lies in the overlap");
                    prop_assert!(2 * u64::from(plan.cuts.pinned) < clip || plan.cuts.pinned == 0);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn seams_lie_within_leeway_at_the_best_kind_of_place((film, seams, plan) in cut_films()) {
        let chains = seams.len() as u64 + 1;
        let leeway = film.shape.frames / chains / LEEWAY;
        for seam in &seams {
            prop_assert!(seam.frame.abs_diff(seam.wanted) <= leeway, "{seam:?}");
            match seam.why {
                Why::Shot => prop_assert!(film.shots.contains(&seam.frame)),
                Why::Pause { .. } => {
                    let at = film.fps.seconds(seam.frame) * f64::from(RATE);
                    let pauses = &film.pauses.as_ref().unwrap().pauses;
                    prop_assert!(pauses.iter().any(|p| p.start as f64 <= at + 0.5 && at <= p.end as f64 + 0.5), "{seam:?}");
                }
                Why::Lull => prop_assert!(film.pauses.is_some()),
                Why::Even => prop_assert_eq!(seam.frame, seam.wanted),
            }
        }
        if film.cutting.continuity == Continuity::Strict {
            prop_assert_eq!(chains, 1);
            prop_assert_eq!(plan, Plan::new(film.shape).unwrap());
        }
    }

    #[test]
    fn what_lies_outside_of_every_leeway_changes_nothing((film, seams, _) in cut_films()) {
        let leeway = film.shape.frames / (seams.len() as u64 + 1) / LEEWAY;
        let near = |frame: u64| seams.iter().any(|seam| frame.abs_diff(seam.wanted) <= leeway + 1);
        let frame_at = |sample: u64| (film.fps.as_f64() * sample as f64 / f64::from(RATE)) as u64;
        let mut other = film.clone();
        other.shots.retain(|shot| near(*shot));
        if let Some(found) = &mut other.pauses {
            found.pauses.retain(|pause| (frame_at(pause.start)..=frame_at(pause.end) + 1).any(near));
            found.lulls.retain(|lull| near(frame_at(lull.at)));
        }
        other.shape.segment_clips += 1;
        other.shape.part_segments += 1;
        prop_assert_eq!(other.seams().unwrap(), seams);
    }
}
