use proptest::prelude::*;

use super::*;
use crate::{Frames, JobId, ports::BlobKey};

fn shape(frames: u64) -> Shape {
    Shape { frames, clip_frames: 12, segment_clips: 4, part_segments: 2 }
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|node| node.id.as_str()).collect()
}

#[test]
fn a_short_film() {
    let plan = Plan::new(shape(125)).unwrap();
    assert_eq!(
        ids(&plan),
        ["prepare", "segment-0-00000", "segment-0-00001", "segment-0-00002", "part-00000", "part-00001", "film"]
    );
    assert_eq!(plan.tasks[2].needs, [plan.tasks[0].id.clone(), plan.tasks[1].id.clone()]);
    assert_eq!(plan.tasks[5].needs, [plan.tasks[0].id.clone(), plan.tasks[3].id.clone()]);
    assert_eq!(plan.tasks[3].kind.frames(), Some(Frames::new(96, 125)));
}

#[test]
fn a_film_in_two_chains() {
    let plan = Plan::cut(shape(125), &Cuts::at(vec![60], Join::Bridge, 12)).unwrap();
    plan.check().unwrap();
    let chain = ["segment-0-00000", "segment-0-00001", "segment-1-00000", "segment-1-00001"];
    let rest = ["bridge-00000", "part-00000", "part-00001", "film"];
    assert_eq!(ids(&plan), [&["prepare"][..], &chain, &rest].concat());
    let frames = |id: &str| plan.task(&TaskId::from_text(id)).unwrap().kind.frames().unwrap();
    // The later chain warms up on 36..48; both render 48..72.
    assert_eq!(chain.map(frames), [(0, 48), (48, 72), (36, 84), (84, 125)].map(|(a, b)| Frames::new(a, b)));
    assert_eq!(frames("bridge-00000"), Frames::new(48, 72));
    assert_eq!([frames("part-00000"), frames("part-00001")], [Frames::new(0, 72), Frames::new(72, 125)]);
    let needs =
        |id: &str| plan.task(&TaskId::from_text(id)).unwrap().needs.iter().map(TaskId::as_str).collect::<Vec<_>>();
    assert_eq!(needs("segment-1-00000"), ["prepare"], "a chain starts from the portrait");
    assert_eq!(needs("bridge-00000"), ["prepare", chain[0], chain[1], chain[2]]);
    assert_eq!(needs("part-00000"), ["prepare", chain[0], "bridge-00000"]);
    assert_eq!(needs("part-00001"), ["prepare", chain[2], chain[3]]);
    assert_eq!(plan.counted().unwrap(), [0, 48, 12, 24, 41, 0, 0, 0, 0]);
}

#[test]
fn a_film_that_is_cut_has_no_bridges() {
    let plan = Plan::cut(shape(125), &Cuts::at(vec![60], Join::Cut, 12)).unwrap();
    plan.check().unwrap();
    assert!(!plan.tasks.iter().any(|node| matches!(node.kind, TaskKind::Bridge { .. })));
    let layout = Layout::new(plan.shape, &plan.cuts).unwrap();
    assert_eq!(layout.rendered(1), Frames::new(48, 125));
    let frames: Vec<_> = layout.sources(Frames::new(50, 70)).into_iter().map(|source| source.frames).collect();
    assert_eq!(frames, [Frames::new(50, 60), Frames::new(60, 70)]);
    // The first frame after the seam is encoded with the last one before it.
    let parts: Vec<_> = layout.parts().into_iter().map(|(_, frames)| (frames.start, frames.end)).collect();
    assert_eq!(parts, [(0, 61), (61, 125)]);
    // A chain may be one frame long: it has no part of its own then.
    let short = Plan::cut(shape(61), &Cuts::at(vec![60], Join::Cut, 12)).unwrap();
    short.check().unwrap();
    assert_eq!(short.tasks.iter().filter(|node| matches!(node.kind, TaskKind::Part { .. })).count(), 1);
}

fn kept(frames: (u64, u64), name: &str) -> Kept {
    let blob = BlobKey::from_text(format!("jobs/{}/{name}/1/x", "a".repeat(32))).unwrap();
    Kept { frames: Frames::new(frames.0, frames.1), blob }
}

/// A retake of `frames` in a film of 480 frames that was one chain.
fn retake(frames: Frames) -> (Cuts, Retake) {
    let cuts = Retake::cuts(frames, &shape(480), Join::Bridge);
    let latents = (0..10).map(|i| kept((i * 48, i * 48 + 48), &format!("segment-0-{i:05}"))).collect();
    let parts = (0..5).map(|i| kept((i * 96, i * 96 + 96), &format!("part-{i:05}"))).collect();
    let base: JobId = "a".repeat(32).parse().unwrap();
    (cuts, Retake { base, frames, latents, parts })
}

#[test]
fn a_retake_renders_its_frames_and_keeps_the_rest() {
    let (cuts, retake) = retake(Frames::new(200, 260));
    let plan = Plan::again(shape(480), &cuts, &retake).unwrap();
    plan.check().unwrap();
    assert_eq!(
        ids(&plan),
        [
            "prepare",
            "segment-1-00000",
            "segment-1-00001",
            "bridge-00000",
            "bridge-00001",
            "part-00001",
            "part-00002",
            "film"
        ]
    );
    let frames = |id: &str| plan.task(&TaskId::from_text(id)).unwrap().kind.frames().unwrap();
    assert_eq!(frames("segment-1-00000"), Frames::new(176, 224), "a clip of overlap, and one of warm-up");
    assert_eq!(frames("segment-1-00001"), Frames::new(224, 272));
    assert_eq!(plan.counted().unwrap().iter().sum::<u64>(), 60);
    let layout = Layout::with(plan.shape, &cuts, Some(&retake)).unwrap();
    let from: Vec<_> = layout
        .sources(Frames::new(96, 288))
        .into_iter()
        .map(|source| (source.frames.start, source.task().map_or("kept".into(), |task| task.as_str().to_owned())))
        .collect();
    let expected = [
        (96, "kept"),
        (144, "kept"),
        (188, "bridge-00000"),
        (212, "segment-1-00000"),
        (224, "segment-1-00001"),
        (248, "bridge-00001"),
        (272, "kept"),
    ];
    assert_eq!(from, expected.map(|(at, who)| (at, who.to_owned())));
    let left: Vec<_> = layout.side(0, Frames::new(176, 212)).into_iter().map(|source| source.frames).collect();
    assert_eq!(left, [Frames::new(176, 192), Frames::new(192, 212)]);
}

#[test]
fn a_retake_at_an_end_has_one_seam() {
    for (frames, bridges) in [(Frames::new(0, 60), 1), (Frames::new(400, 480), 1)] {
        let (cuts, retake) = retake(frames);
        let plan = Plan::again(shape(480), &cuts, &retake).unwrap();
        plan.check().unwrap();
        assert_eq!(plan.tasks.iter().filter(|node| matches!(node.kind, TaskKind::Bridge { .. })).count(), bridges);
        assert_eq!(plan.counted().unwrap().iter().sum::<u64>(), frames.len());
    }
}

#[test]
fn a_retake_takes_as_many_frames_as_its_seams_need() {
    let reach = |start, end| Retake::reach(Frames::new(start, end), &shape(480));
    assert_eq!(reach(200, 260).unwrap(), Frames::new(200, 260));
    assert_eq!(reach(200, 210).unwrap(), Frames::new(187, 223), "36 frames are the least");
    assert_eq!(reach(20, 90).unwrap(), Frames::new(0, 90), "no room for an overlap before it");
    assert_eq!(reach(400, 470).unwrap(), Frames::new(400, 480));
    for (start, end) in [(0, 480), (10, 475), (470, 490), (5, 5), (600, 700)] {
        assert!(reach(start, end).is_err(), "{start}-{end}");
    }
}

#[test]
fn a_retake_that_keeps_too_little_is_found_out() {
    let (cuts, good) = retake(Frames::new(200, 260));
    let broken = |change: &dyn Fn(&mut Retake)| {
        let mut retake = good.clone();
        change(&mut retake);
        assert!(Plan::again(shape(480), &cuts, &retake).is_err(), "{retake:?}");
    };
    broken(&|retake| drop(retake.latents.remove(3)));
    broken(&|retake| drop(retake.latents.remove(4)));
    broken(&|retake| drop(retake.latents.remove(5)));
    broken(&|retake| drop(retake.parts.remove(0)));
    broken(&|retake| drop(retake.parts.pop()));
    broken(&|retake| retake.frames = Frames::new(200, 261));
    let mut little = good.clone();
    little.latents.retain(|kept| kept.frames.start >= 96 && kept.frames.end <= 288);
    assert!(Plan::again(shape(480), &cuts, &little).is_ok(), "nothing else is read");
    assert!(Plan::again(shape(480), &Cuts::default(), &good).is_err());
}

#[test]
fn rests_are_longest_paths() {
    let plan = Plan::new(shape(125)).unwrap();
    // From the first segment: 48 and 48 frames rendered in a row, then the part of 96 is encoded.
    assert_eq!(plan.rests(), [192, 192, 144, 58, 96, 29, 0]);
}

#[test]
fn limits_are_kept() {
    assert!(Plan::new(shape(0)).is_err());
    assert!(Plan::new(shape(MOST_FRAMES + 1)).is_err());
    assert!(Plan::new(shape(MOST_FRAMES)).is_ok());
    assert!(Plan::new(Shape { clip_frames: 0, ..shape(9) }).is_err());
    let huge = Shape { clip_frames: u32::MAX, segment_clips: 9, ..shape(9) };
    assert!(Plan::new(huge).is_err());
}

#[test]
fn seams_keep_their_distance() {
    let cut = |frames, seams: &[u64]| Plan::cut(shape(frames), &Cuts::at(seams.to_vec(), Join::Bridge, 12));
    assert!(cut(125, &[23]).is_err(), "no room to warm up");
    assert!(cut(125, &[24]).is_ok());
    assert!(cut(125, &[113]).is_ok());
    assert!(cut(125, &[114]).is_err(), "the overlap reaches beyond the film");
    assert!(cut(125, &[40, 75]).is_err(), "the overlaps are too near one another");
    assert!(cut(125, &[40, 76]).is_ok());
    assert!(cut(125, &[76, 40]).is_err(), "not in order");
    assert!(cut(125, &[u64::MAX]).is_err());
}

#[test]
fn overlaps_fit_the_way_of_joining() {
    let good = Cuts::at(vec![60], Join::Bridge, 12);
    let refused = |cuts: Cuts| assert!(Plan::cut(shape(125), &cuts).is_err(), "{cuts:?}");
    refused(Cuts { reach: 5, ..good.clone() });
    refused(Cuts { pinned: 0, ..good.clone() });
    refused(Cuts { pinned: 6, ..good.clone() });
    refused(Cuts { reach: 193, ..good.clone() });
    refused(Cuts { warm_up: 193, ..good.clone() });
    refused(Cuts { join: Join::Cut, ..good.clone() });
    refused(Cuts { join: Join::Blend, ..good.clone() });
    refused(Cuts { join: Join::Blend, pinned: 0, reach: 0, ..good.clone() });
    refused(Cuts { seams: vec![], ..good.clone() });
    assert!(Plan::cut(shape(125), &Cuts { reach: 6, pinned: 5, ..good }).is_ok());
    assert_eq!(Cuts::at(vec![], Join::Blend, 12), Cuts::default());
}

#[test]
fn a_broken_plan_is_found_out() {
    let plans = [Plan::new(shape(125)), Plan::cut(shape(125), &Cuts::at(vec![60], Join::Bridge, 12))];
    for good in plans.map(Result::unwrap) {
        good.check().unwrap();
        let broken = |change: &dyn Fn(&mut Plan)| {
            let mut plan = good.clone();
            change(&mut plan);
            assert!(plan.check().is_err(), "{:?}", ids(&plan));
        };
        broken(&|plan| plan.tasks.swap(1, 2));
        broken(&|plan| plan.tasks.push(good.tasks[0].clone()));
        for place in 0..good.tasks.len() - 1 {
            broken(&|plan| drop(plan.tasks.remove(place)));
        }
        let part = good.tasks.iter().position(|node| matches!(node.kind, TaskKind::Part { .. })).unwrap();
        broken(&|plan| drop(plan.tasks[part].needs.pop()));
    }
}

proptest! {
    #[test]
    fn every_plan_of_one_chain_holds_its_rules(
        frames in 1u64..5000, clip in 1u32..40, clips in 1u32..12, segments in 1u32..12,
    ) {
        let plan = Plan::new(Shape { frames, clip_frames: clip, segment_clips: clips, part_segments: segments }).unwrap();
        plan.check().unwrap();
        prop_assert_eq!(plan.tasks.last().map(|node| &node.kind), Some(&TaskKind::Film));
        prop_assert_eq!(plan.counted().unwrap().iter().sum::<u64>(), frames);
        // A part reads every segment that holds one of its frames, and no other.
        for part in plan.tasks.iter().filter(|node| matches!(node.kind, TaskKind::Part { .. })) {
            let frames = part.kind.frames().unwrap();
            let touching: Vec<_> = plan.tasks.iter()
                .filter(|n| n.kind.renders() && !n.kind.frames().unwrap().meet(frames).is_empty())
                .map(|n| n.id.clone()).collect();
            prop_assert_eq!(&part.needs[1..], &touching[..]);
        }
    }
}
