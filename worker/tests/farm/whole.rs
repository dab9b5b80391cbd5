//! A job from its first task to its film, undisturbed.

use std::sync::{Arc, atomic::Ordering};

use shared::{
    Bundle, Frames, JobState, Tensor,
    ports::{BlobKey, ClipInput, Control, Model as _},
};

use super::{
    house::{FRAMES, House, order, portrait, tone},
    model::Checksums,
};

#[tokio::test]
async fn one_worker_makes_the_film() {
    let house = House::new().await;
    house.work(&house.worker("only")).await;
    assert_eq!(house.ended().await, (JobState::Done, String::new()));
    let clips: Vec<u64> = (0..FRAMES).step_by(4).collect();
    assert_eq!(*house.script.rendered.lock().unwrap(), clips, "each clip once, in order");
    assert_eq!(house.script.renderers.load(Ordering::SeqCst), 1, "the renderer is kept from task to task");
    assert_eq!(house.scratch(), 1, "the worker's own directory is all that is left");
    assert_eq!(house.stores.ledger.progress(&house.job).await.unwrap().frames_rendered, FRAMES);
}

#[tokio::test]
async fn what_is_kept_is_what_the_design_names() {
    let house = House::new().await;
    house.work(&house.worker("only")).await;
    let expected = [
        "film/1/film.mp4",
        "inputs/audio",
        "inputs/portrait",
        "logs/film/1/log-00000.jsonl",
        "logs/part-00000/1/log-00000.jsonl",
        "logs/part-00001/1/log-00000.jsonl",
        "logs/prepare/1/log-00000.jsonl",
        "logs/segment-0-00000/1/log-00000.jsonl",
        "logs/segment-0-00001/1/log-00000.jsonl",
        "logs/segment-0-00002/1/log-00000.jsonl",
        "part-00000/1/part.mp4",
        "part-00001/1/part.mp4",
        "prepare/1/features-segment-0-00000.safetensors",
        "prepare/1/features-segment-0-00001.safetensors",
        "prepare/1/features-segment-0-00002.safetensors",
        "prepare/1/prepared.safetensors",
        "prepare/1/quality.safetensors",
        "segment-0-00000/1/handoff.safetensors",
        "segment-0-00000/1/latents.safetensors",
        "segment-0-00001/1/handoff.safetensors",
        "segment-0-00001/1/latents.safetensors",
        "segment-0-00002/1/handoff.safetensors",
        "segment-0-00002/1/latents.safetensors",
        "sound/1/sound-00000.mp4",
        "sound/1/sound-00001.mp4",
    ];
    assert_eq!(house.blobs().await, expected, "the clips are gone once their segment counts");
}

#[tokio::test]
async fn the_film_has_every_frame_and_says_what_it_is() {
    let house = House::new().await;
    house.work(&house.worker("only")).await;
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("film.mp4");
    let attempt = house.task("film").await.attempt;
    let key = BlobKey::made(&house.job, &house.task("film").await.id, attempt, "film.mp4").unwrap();
    house.stores.blobs.fetch(&key, &film).await.unwrap();
    let info = media::probe::film(&film).unwrap();
    assert_eq!((info.frames, info.width, info.height), (FRAMES, 64, 64));
    let seconds = info.audio.unwrap().seconds;
    assert!((seconds - FRAMES as f64 / 25.0).abs() < 0.03, "{seconds} s of audio");
    let tag = |name: &str| info.metadata.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    assert_eq!(tag("title").as_deref(), Some("speech"));
    let comment = tag("comment").unwrap();
    for part in ["synthetic media made by emofarm", "model checksums", "seed 7", house.job.as_str()] {
        assert!(comment.contains(part), "{comment}");
    }
}

/// The film's latents without any farm: one clip after the other, by the letter of the model's port.
fn in_one_go() -> Vec<f32> {
    let dir = tempfile::tempdir().unwrap();
    let files = [("face.png", portrait()), ("speech.wav", tone())].map(|(name, bytes)| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    });
    let (model, order) = (Checksums(Arc::default()), order());
    let picture = media::portrait::load(&files[0]).unwrap();
    let crop = media::portrait::crop_square(&picture, &order.settings, model.shape().image_size).unwrap();
    let mut renderer =
        model.renderer(&model.prepare(&crop, &order.settings).unwrap(), &order.settings, order.seed).unwrap();
    let mut encoder = model.audio_encoder(order.fps);
    let mut reader = media::audio::Reader::open(&files[1]).unwrap();
    let mut features = Vec::new();
    while let Some(samples) = reader.next().unwrap() {
        features.extend_from_slice(encoder.push(&samples).unwrap().data());
    }
    features.extend_from_slice(encoder.finish(FRAMES).unwrap().data());
    assert_eq!(features.len() as u64, FRAMES);
    let (mut latents, mut motion) = (Vec::new(), None);
    for start in (0..FRAMES).step_by(4) {
        let rows = (start..start + 6).map(|at| features[at.saturating_sub(1).min(FRAMES - 1) as usize]).collect();
        let features = Tensor::new([6, 1], rows).unwrap().rounded_to_f16();
        let clip =
            ClipInput { frames: Frames::new(start, start + 4), features, motion, known: None, take: 0, fps: order.fps };
        let clip = renderer.render(&clip, &mut |_| Control::Continue).unwrap();
        motion = Some(clip.slice(2, 4).unwrap());
        latents.extend_from_slice(clip.data());
    }
    latents.truncate(FRAMES as usize * 2);
    latents
}

#[tokio::test]
async fn the_latents_do_not_show_where_the_film_was_cut() {
    let house = House::new().await;
    house.work(&house.worker("only")).await;
    let mut made = Vec::new();
    for (task, bytes) in house.results().await {
        if task.starts_with("segment") {
            made.extend_from_slice(Bundle::from_bytes(&bytes).unwrap().get("latents").unwrap().data());
        }
    }
    assert_eq!(made, in_one_go());
}

#[tokio::test]
async fn a_segment_hands_over_its_last_frames_and_keeps_only_its_own() {
    let house = House::new().await;
    house.work(&house.worker("only")).await;
    let read = async |task: &str, name: &str| {
        let key = BlobKey::made(&house.job, &house.task(task).await.id, 1, name).unwrap();
        let bundle = Bundle::from_bytes(&house.stores.blobs.get(&key).await.unwrap()).unwrap();
        (bundle.notes["first"].clone(), bundle.get("latents").unwrap().clone())
    };
    let (first, latents) = read("segment-0-00001", "latents.safetensors").await;
    assert_eq!((first.as_str(), latents.rows()), ("8", 8));
    let (first, handoff) = read("segment-0-00001", "handoff.safetensors").await;
    assert_eq!((first.as_str(), &handoff), ("14", &latents.slice(6, 8).unwrap()));
    let (first, latents) = read("segment-0-00002", "latents.safetensors").await;
    assert_eq!((first.as_str(), latents.rows()), ("16", 6), "the frames beyond the film's end are cut off");
}
