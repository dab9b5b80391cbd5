//! Clips that are not good enough.

use shared::{
    Bundle, Cuts, JobState, Join,
    job::Gates,
    ports::{BlobKey, records::Event},
    quality::{ClipQuality, Fault, Measured, PartQuality, Quality, Refused},
};
use tokio_util::sync::CancellationToken;

use super::{
    house::{FRAMES, House, order, order_of},
    model::{CLIP, Spoils},
};

/// A house whose model draws likenesses, but for what `spoils` says.
async fn spoilt(spoils: Spoils) -> House {
    let house = House::new().await;
    *house.script.spoils.lock().unwrap() = Some(spoils);
    house
}

async fn records(house: &House) -> Vec<Measured> {
    house.stores.ledger.quality(&house.job, 0, 1000).await.unwrap()
}

async fn clips(house: &House) -> Vec<(u64, ClipQuality)> {
    let clip = |record: Measured| match record.quality {
        Quality::Clip(clip) => Some((record.frames.start, clip)),
        Quality::Part(_) => None,
    };
    records(house).await.into_iter().filter_map(clip).collect()
}

async fn warnings(house: &House) -> Vec<Event> {
    let events = house.stores.ledger.events(Some(&house.job), None, 0, 1000).await.unwrap();
    events.into_iter().filter(|event| event.kind == "job.quality_warning").collect()
}

fn rendered(house: &House) -> Vec<u64> {
    house.script.rendered.lock().unwrap().clone()
}

#[tokio::test]
async fn good_clips_pass_and_are_recorded() {
    let house = spoilt(|_, _, _| false).await;
    house.work(&house.worker("only")).await;
    assert_eq!(house.ended().await.0, JobState::Done);
    assert_eq!(rendered(&house), [0, 4, 8, 12, 16, 20]);
    let clips = clips(&house).await;
    assert_eq!(clips.iter().map(|(first, _)| *first).collect::<Vec<_>>(), [0, 4, 8, 12, 16, 20]);
    for (first, clip) in clips {
        let likeness = clip.likeness.unwrap();
        assert!((likeness.sharpness - 1.0).abs() < 0.1 && likeness.colour < 0.05, "{first}: {likeness:?}");
        assert_eq!((clip.take, clip.anchored, clip.faults, clip.refused), (0, false, vec![], vec![]));
    }
    assert_eq!(warnings(&house).await.len(), 0);
}

#[tokio::test]
async fn every_frame_of_the_film_is_measured_when_it_is_encoded() {
    let house = spoilt(|_, _, _| false).await;
    house.work(&house.worker("only")).await;
    let run = |record: Measured| match record.quality {
        Quality::Part(part) => Some((record.frames, part)),
        Quality::Clip(_) => None,
    };
    let runs: Vec<_> = records(&house).await.into_iter().filter_map(run).collect();
    let mut next = 0;
    for (frames, PartQuality { moved, mouth, speech, sharpness, black, .. }) in &runs {
        assert_eq!(frames.start, next, "without a gap");
        assert!([moved.len(), mouth.len(), speech.len()].iter().all(|len| *len as u64 == frames.len()));
        assert!(sharpness.is_some() && *black == 0);
        next = frames.end;
    }
    assert_eq!(next, FRAMES);
    let loud: Vec<f32> = runs.iter().flat_map(|(_, run)| run.speech.clone()).collect();
    assert!(loud[0] < loud[10] && loud[10] < loud[20], "the tone grows: {loud:?}");
}

#[tokio::test]
async fn a_clip_that_is_not_good_enough_is_rendered_from_other_noise() {
    let house = spoilt(|first, take, _| first == 8 && take == 0).await;
    house.work(&house.worker("only")).await;
    assert_eq!(house.ended().await.0, JobState::Done);
    assert_eq!(rendered(&house), [0, 4, 8, 8, 12, 16, 20]);
    let clips = clips(&house).await;
    let (_, clip) = &clips[2];
    assert_eq!((clip.take, clip.anchored, clip.faults.len()), (1, false, 0));
    let [Refused { take: 0, anchored: false, faults }] = &clip.refused[..] else { panic!("{clip:?}") };
    assert!(faults.contains(&Fault::Blurred), "{faults:?}");
    assert_eq!(warnings(&house).await.len(), 0, "it came out well");
}

#[tokio::test]
async fn a_clip_that_reuse_spoilt_is_rendered_whole_first() {
    let house = spoilt(|first, take, _| first == 16 && take == 0).await;
    *house.script.reused.lock().unwrap() = Some(vec![8]);
    house.work(&house.worker("only")).await;
    assert_eq!(house.ended().await.0, JobState::Done);
    assert_eq!(rendered(&house), [0, 4, 8, 8, 12, 16, 16, 16, 20]);
    assert_eq!(*house.script.whole.lock().unwrap(), [8, 16, 16], "whole before another take, and takes are whole");
    let clips = clips(&house).await;
    let ways: Vec<_> = clips.iter().map(|(_, clip)| (clip.take, clip.reused, clip.refused.len())).collect();
    let good = (0, true, 0);
    assert_eq!(ways, [good, good, (0, false, 1), good, (1, false, 2), good]);
    for (first, clip) in clips {
        assert_eq!(clip.mouth.len(), if clip.reused { 4 } else { 0 }, "{first}: every mouth of what was reused");
    }
}

#[tokio::test]
async fn a_chain_that_went_wrong_begins_anew_at_the_portrait() {
    let house = spoilt(|first, _, moves| first == 8 && moves).await;
    house.work(&house.worker("only")).await;
    assert_eq!(house.ended().await.0, JobState::Done);
    assert_eq!(rendered(&house), [0, 4, 8, 8, 8, 8, 12, 16, 20], "four times at most");
    let clips = clips(&house).await;
    assert_eq!((clips[2].1.take, clips[2].1.anchored, clips[2].1.refused.len()), (0, true, 3));
    let warnings = warnings(&house).await;
    assert_eq!(warnings.len(), 1);
    assert_eq!(
        (&warnings[0].data["task"], &warnings[0].data["frames"][0]["first"]),
        (&"segment-0-00001".into(), &8.into())
    );
}

#[tokio::test]
async fn when_nothing_is_good_enough_the_film_is_made_and_says_so() {
    let house = spoilt(|first, _, _| first == 0 || first == 20).await;
    house.work(&house.worker("only")).await;
    assert_eq!(house.ended().await.0, JobState::Done);
    assert_eq!(rendered(&house), [0, 0, 0, 4, 8, 12, 16, 20, 20, 20, 20], "the first begins at the portrait anyway");
    for (first, clip) in clips(&house).await {
        assert_eq!(clip.faults.is_empty(), first != 0 && first != 20, "{first}: {clip:?}");
    }
    let told: Vec<String> = warnings(&house).await.iter().map(|event| event.data["task"].to_string()).collect();
    assert!(told.iter().any(|task| task.contains("segment-0-00000")), "{told:?}");
    assert!(told.iter().any(|task| task.contains("segment-0-00002")), "{told:?}");
}

#[tokio::test]
async fn gates_that_are_off_only_record() {
    let mut off = order();
    off.settings.gates = Some(Gates::Off);
    let house = House::of(&off).await;
    *house.script.spoils.lock().unwrap() = Some(|first, _, _| first == 8);
    house.work(&house.worker("only")).await;
    assert_eq!(rendered(&house), [0, 4, 8, 12, 16, 20]);
    let (_, clip) = &clips(&house).await[2];
    assert!(clip.faults.contains(&Fault::Blurred) && clip.refused.is_empty(), "{clip:?}");
}

#[tokio::test]
async fn any_number_of_workers_decides_alike() {
    let spoils: Spoils = |first, take, moves| (first == 4 && take < 2) || (first == 12 && moves) || first == 16;
    let alone = spoilt(spoils).await;
    alone.work(&alone.worker("only")).await;
    let many = spoilt(spoils).await;
    let workers = ["a", "b", "c"].map(|name| many.worker(name));
    loop {
        many.release().await;
        let (a, b, c) = tokio::join!(workers[0].tick(), workers[1].tick(), workers[2].tick());
        if ![a, b, c].into_iter().any(|ticked| ticked.unwrap()) {
            break;
        }
    }
    assert_eq!(many.ended().await.0, JobState::Done);
    assert_eq!(many.results().await, alone.results().await);
    assert_eq!(records(&many).await, records(&alone).await);
}

#[tokio::test]
async fn what_was_measured_of_kept_clips_is_kept_too() {
    let house = spoilt(|first, take, _| first == 8 && take == 0).await;
    *house.script.endless.lock().unwrap() = Some(12);
    let (worker, cancel) = (house.worker("stopped"), CancellationToken::new());
    let stop = async {
        house.script.began.notified().await;
        cancel.cancel();
    };
    tokio::select! {
        (ended, ()) = async { tokio::join!(worker.run(cancel.clone()), stop) } => ended.unwrap(),
        () = house.coordinate() => unreachable!("a coordinator does not end"),
    }
    *house.script.endless.lock().unwrap() = None;
    house.work(&house.worker("next")).await;
    assert_eq!(rendered(&house), [0, 4, 8, 8, 12, 16, 20], "the kept clip is not rendered again");
    let (first, clip) = &clips(&house).await[2];
    assert_eq!((*first, clip.take, clip.refused.len()), (8, 1, 1), "and its record is that of the first attempt");
}

/// Two chains that meet at frame 13: the bridge is one clip from frame 11, where no other clip begins.
async fn bridged(gates: Gates, spoils: Spoils) -> House {
    let mut order = order_of(30, Cuts { reach: 2, warm_up: 3, ..Cuts::at(vec![13], Join::Bridge, CLIP) });
    order.settings.gates = Some(gates);
    let house = House::of(&order).await;
    house.script.chains.lock().unwrap().push(8);
    *house.script.spoils.lock().unwrap() = Some(spoils);
    house.work(&house.worker("only")).await;
    assert_eq!(house.ended().await.0, JobState::Done);
    house
}

/// The clip that a bridge showed, if it showed one.
async fn clip_of_bridge(house: &House) -> Option<ClipQuality> {
    let found = records(house).await.into_iter().find(|record| record.task.as_str() == "bridge-00000");
    found.map(|record| match record.quality {
        Quality::Clip(clip) if record.frames.start == 11 => clip,
        other => panic!("{other:?}"),
    })
}

/// Frames 12 and 13 of the film, which the bridge is free to make up, as their latents were left.
async fn made_up(house: &House) -> Vec<f32> {
    let task = house.task("bridge-00000").await;
    let key = BlobKey::made(&house.job, &task.id, task.attempt, "latents.safetensors").unwrap();
    let bundle = Bundle::from_bytes(&house.stores.blobs.get(&key).await.unwrap()).unwrap();
    let latents = bundle.get("latents").unwrap();
    latents.slice(1, 3).unwrap().data().iter().skip(1).step_by(2).copied().collect()
}

#[tokio::test]
async fn a_bridge_that_is_not_good_enough_is_rendered_from_other_noise() {
    let house = bridged(Gates::On, |first, take, _| first == 11 && take == 0).await;
    let clip = clip_of_bridge(&house).await.expect("a clip is shown");
    assert_eq!((clip.take, clip.anchored, clip.faults.len(), clip.refused.len()), (1, false, 0, 1), "{clip:?}");
    assert!(clip.likeness.unwrap().eyes.is_none(), "nobody begins with these frames");
    assert!(made_up(&house).await.iter().all(|x| *x >= 0.0));
}

#[tokio::test]
async fn where_no_bridge_is_good_enough_the_cross_fade_counts() {
    let house = bridged(Gates::On, |first, _, _| first == 11).await;
    assert_eq!(clip_of_bridge(&house).await, None, "no clip of the bridge is shown");
    assert!(made_up(&house).await.iter().all(|x| *x >= 0.0), "no fog: {:?}", made_up(&house).await);
    assert_eq!(rendered(&house).iter().filter(|first| **first == 11).count(), 6, "three takes, and three more gently");
    assert_eq!(warnings(&house).await.len(), 0, "nothing that is not good enough is in the film");
    // Gates that are off only record.
    let house = bridged(Gates::Off, |first, _, _| first == 11).await;
    let shown = clip_of_bridge(&house).await;
    assert!(shown.is_none_or(|clip| clip.faults.contains(&Fault::Blurred) && clip.refused.is_empty()));
}
