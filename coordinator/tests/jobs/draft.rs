//! From files and wishes to an order.

use coordinator::{Wishes, draft, outline};
use shared::{
    Bundle, FaceBox, Fps, Join, Picture, Portrait, Result,
    digest::sha256,
    error::Cause,
    face::{FaceFinding, FaceSearch, KeyPoints},
    job::Settings,
    ports::{AudioEncoder, Model, ModelShape, Renderer},
    seams::{Continuity, Cutting, Why},
    shots::ShotList,
};

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

/// A minute and a half of a tone at 8000 samples a second that falls silent for half a second at the given seconds.
fn speech(farm: &Farm, pauses: &[f64]) -> std::path::PathBuf {
    let path = farm.track(90 * 8000);
    let mut bytes = std::fs::read(&path).unwrap();
    for (n, sample) in bytes[44..].chunks_exact_mut(2).enumerate() {
        let at = n as f64 / 8000.0;
        if pauses.iter().any(|pause| (*pause..pause + 0.5).contains(&at)) {
            sample.fill(0);
        }
    }
    std::fs::write(&path, bytes).unwrap();
    path
}

fn anchored() -> Wishes {
    Wishes { cutting: Cutting { continuity: Continuity::Anchored, ..Cutting::default() }, ..wishes() }
}

#[tokio::test]
async fn chains_meet_in_pauses_and_where_shots_begin() {
    let farm = Farm::new().await;
    let track = speech(&farm, &[10.0, 27.5, 63.0, 80.0]);
    let laid = outline(&track, &anchored(), &Sizes.shape()).unwrap();
    let frames: Vec<u64> = laid.seams.iter().map(|seam| seam.frame).collect();
    // Wanted at 30 and 60 s, in the pauses from 27.5 and from 63 s.
    assert!((688..=700).contains(&frames[0]) && (1575..=1587).contains(&frames[1]), "{frames:?}");
    assert!(laid.seams.iter().all(|seam| matches!(seam.why, Why::Pause { .. })), "{:?}", laid.seams);
    assert_eq!(laid.plan.cuts.seams, frames);
    laid.plan.check().unwrap();
    let edl = "001 AX V C 00:00:00:00 00:00:32:00 01:00:00:00 01:00:32:00\n\
               002 AX V C 00:00:00:00 00:00:58:00 01:00:32:00 01:01:30:00\n";
    let list = |text: &str| Some(ShotList { name: "cut.edl".into(), text: text.into() });
    let shots = outline(&track, &Wishes { shots: list(edl), ..anchored() }, &Sizes.shape()).unwrap();
    assert_eq!((shots.seams[0].frame, shots.seams[0].why), (800, Why::Shot));
    assert_eq!(shots.seams[1], laid.seams[1]);
    let wrong = outline(&track, &Wishes { shots: list("001 AX V C"), ..anchored() }, &Sizes.shape()).unwrap_err();
    assert!(wrong.to_string().contains("line 1 of cut.edl") && wrong.cause() == Cause::Order, "{wrong}");
}

#[tokio::test]
async fn an_order_holds_its_seams_and_a_film_of_one_chain_none() {
    let farm = Farm::new().await;
    let (portrait, track) = (farm.portrait(), speech(&farm, &[29.0]));
    let cut = draft(&portrait, &track, &anchored(), &Sizes).unwrap();
    assert_eq!(cut.order.cuts.seams.len(), 2);
    assert_eq!(cut.order.plan().unwrap(), cut.plan);
    let strict = Cutting { continuity: Continuity::Strict, ..Cutting::default() };
    let whole = draft(&portrait, &track, &Wishes { cutting: strict, ..wishes() }, &Sizes).unwrap();
    assert!(whole.order.cuts.is_one_chain() && whole.seams.is_empty() && whole.id != cut.id);
    // A track of more than a minute is cut so without being asked.
    let auto = draft(&portrait, &track, &wishes(), &Sizes).unwrap();
    assert_eq!((auto.continuity, auto.id), (Some(Continuity::Anchored), cut.id.clone()));
    let blended = Cutting { join: Join::Blend, ..anchored().cutting };
    let blended = draft(&portrait, &track, &Wishes { cutting: blended, ..anchored() }, &Sizes).unwrap();
    assert_eq!(blended.order.cuts.seams, cut.order.cuts.seams);
    assert!(blended.order.cuts.join == Join::Blend && blended.id != cut.id);
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

/// Sees what it is told to see.
struct Seeing(Vec<FaceFinding>);

impl Model for Seeing {
    fn name(&self) -> &'static str {
        "seeing"
    }

    fn digest(&self) -> &str {
        Sizes.digest()
    }

    fn shape(&self) -> ModelShape {
        Sizes.shape()
    }

    fn audio_encoder(&self, fps: Fps) -> Box<dyn AudioEncoder> {
        Sizes.audio_encoder(fps)
    }

    fn check(&self, settings: &Settings) -> Result<()> {
        settings.refuse_masks("seeing")
    }

    fn find_faces(&self, picture: &Picture) -> Result<FaceSearch> {
        assert_eq!((picture.width(), picture.height()), (80, 96), "the whole upright picture");
        Ok(FaceSearch::found(self.0.clone()))
    }

    fn prepare(&self, portrait: &Portrait, settings: &Settings) -> Result<Bundle> {
        Sizes.prepare(portrait, settings)
    }

    fn renderer(&self, prepared: &Bundle, settings: &Settings, seed: u64) -> Result<Box<dyn Renderer>> {
        Sizes.renderer(prepared, settings, seed)
    }
}

fn finding(x: u32, edge: u32) -> FaceFinding {
    let face = FaceBox { x, y: 10, w: edge, h: edge };
    FaceFinding { face, key_points: KeyPoints::assumed_in(face), score: 0.9 }
}

#[tokio::test]
async fn the_face_that_was_found_becomes_part_of_the_order() {
    let farm = Farm::new().await;
    let (portrait, track) = (farm.portrait(), farm.track(8000));
    let with = |settings, faces: &[FaceFinding]| {
        draft(&portrait, &track, &Wishes { settings, ..wishes() }, &Seeing(faces.to_vec()))
    };
    let (large, small) = (finding(5, 40), finding(50, 20));
    let one = with(Settings::default(), &[large]).unwrap();
    assert_eq!((one.order.settings.face, one.order.settings.key_points), (Some(large.face), Some(large.key_points)));
    assert!(one.remarks.is_empty(), "{:?}", one.remarks);
    let two = with(Settings::default(), &[small, large]).unwrap();
    assert_eq!(two.id, one.id, "the largest face is the same");
    assert!(two.remarks[0].contains("2 faces") && two.remarks[0].contains("50,10,20,20"), "{:?}", two.remarks);
    let chosen = with(Settings { face: Some(small.face), ..Settings::default() }, &[small, large]).unwrap();
    assert_eq!(chosen.order.settings.key_points, Some(small.key_points));
    assert!(chosen.id != one.id && chosen.remarks.is_empty());

    let none = with(Settings::default(), &[]).unwrap_err();
    assert!(none.cause() == Cause::Order && none.to_string().contains("face.png"), "{none}");
    assert!(none.mending().unwrap().contains("--face"), "{none}");
    let masks = with(Settings { mask_lip: Some(small.face), ..Settings::default() }, &[large]).unwrap_err();
    assert!(masks.cause() == Cause::Order && masks.to_string().contains("--mask-lip"), "{masks}");
    let unseen = draft(&portrait, &track, &wishes(), &Sizes).unwrap();
    assert_eq!(unseen.order.settings, wishes().settings, "where nobody looks, nothing is made up");
    assert!(unseen.remarks[0].contains("no face detector"), "{:?}", unseen.remarks);
}
