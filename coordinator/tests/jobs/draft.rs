//! From files and wishes to an order.

use coordinator::{Wishes, draft, outline};
use shared::{FaceBox, Fps, digest::sha256, error::Cause, job::Settings, ports::Model as _};

use super::farm::{Farm, Sizes, wishes};

#[tokio::test]
async fn a_draft_holds_all_that_decides_the_film() {
    let farm = Farm::new().await;
    let (portrait, track) = (farm.portrait(), farm.track(8000 * 3 + 1));
    let draft = draft(&portrait, &track, &wishes(), &Sizes).unwrap();
    let order = &draft.order;
    assert_eq!((order.samples, order.sample_rate), (24_001, 8000));
    assert_eq!(order.shape.frames, 76, "a sample beyond the 75th frame begins another");
    assert_eq!((order.portrait.name.as_str(), order.audio.name.as_str()), ("face.png", "speech.wav"));
    assert_eq!(order.audio.sha256, sha256(&std::fs::read(&track).unwrap()));
    assert_eq!((order.model.as_str(), order.model_digest.as_str()), ("sizes", "digest of the pack"));
    assert_eq!((order.seed, order.shape.clip_frames, order.shape.segment_clips), (7, 4, 2));
    assert_eq!(draft.id, order.job_id());
    assert_eq!(draft.plan.shape, order.shape);
    draft.plan.check().unwrap();
}

#[tokio::test]
async fn an_outline_needs_no_portrait() {
    let farm = Farm::new().await;
    let fps = Fps::new(30_000, 1001).unwrap();
    let outline = outline(&farm.track(16_000), &Wishes { fps, ..wishes() }, &Sizes.shape()).unwrap();
    assert_eq!((outline.track.samples, outline.plan.shape.frames), (16_000, 60));
}

#[tokio::test]
async fn what_is_wrong_is_named_before_anything_is_written() {
    let farm = Farm::new().await;
    let (portrait, track) = (farm.portrait(), farm.track(8000));
    let noise = farm.path("noise.bin");
    std::fs::write(&noise, [7; 999]).unwrap();
    let outside = FaceBox { x: 60, y: 0, w: 30, h: 30 };
    let face = Wishes { settings: Settings { face: Some(outside), ..Settings::default() }, ..wishes() };
    let odd = Wishes { settings: Settings { size: Some(255), ..Settings::default() }, ..wishes() };
    let none = Wishes { segment_clips: 0, ..wishes() };
    let refused = [
        (draft(&noise, &track, &wishes(), &Sizes), "noise.bin"),
        (draft(&portrait, &noise, &wishes(), &Sizes), "noise.bin"),
        (draft(&farm.path("gone.png"), &track, &wishes(), &Sizes), "gone.png"),
        (draft(&portrait, &farm.path("gone.wav"), &wishes(), &Sizes), "gone.wav"),
        (draft(&portrait, &track, &face, &Sizes), "face box"),
        (draft(&portrait, &track, &odd, &Sizes), "255"),
        (draft(&portrait, &track, &none, &Sizes), "segments"),
    ];
    for (draft, named) in refused {
        let error = draft.unwrap_err();
        assert_eq!(error.cause(), Cause::Order, "{error}");
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
}
