//! From files and wishes to an order and its plan; nothing is written.

use std::path::{Path, PathBuf};

use media::audio::Track;
use shared::{
    JobId, Name, Order, Picture, Plan, Result, Shape,
    face::FaceSearch,
    job::Settings,
    ports::{Model, ModelShape, PackCard, Packs},
    seams::{self, Continuity, Score, Seam},
};

use crate::{inputs::input, remarks::remarks, wishes::Wishes};

/// A job that can be submitted: everything about it was checked.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The id that the job will have.
    pub id: JobId,
    /// The order.
    pub order: Order,
    /// Its tasks.
    pub plan: Plan,
    /// Where the portrait lies.
    pub portrait: PathBuf,
    /// Where the track lies.
    pub audio: PathBuf,
    /// The faces that the model's detector found in the portrait; the order's settings say which one is meant.
    pub faces: FaceSearch,
    /// By which continuity it was cut, settled by the film's length; nothing for a retake.
    pub continuity: Option<Continuity>,
    /// Where its chains meet, and why there; none when it is one chain, nor for a retake, whose seams follow from what was asked.
    pub seams: Vec<Seam>,
    /// What somebody should know about the choice of the face, in whole sentences.
    pub remarks: Vec<String>,
}

/// What can be said about a film before it has a portrait.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The track as it was measured.
    pub track: Track,
    /// The tasks.
    pub plan: Plan,
    /// By which continuity it is cut, settled by the film's length.
    pub continuity: Continuity,
    /// Where its chains meet, and why there; none when it is one chain.
    pub seams: Vec<Seam>,
}

/// Measures a track and plans its film. Decodes the whole track once, in pieces; blocks meanwhile.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) naming the track or the setting that does not allow a film.
pub fn outline(audio: &Path, wishes: &Wishes, model: &ModelShape) -> Result<Outline> {
    wishes.check()?;
    // Pauses are found in the same pass; whether a film is long enough to need them is known at its end.
    let (track, pauses) = match wishes.cutting.continuity {
        Continuity::Strict => (media::audio::measure(audio)?, None),
        _ => media::audio::listen(audio).map(|(track, pauses)| (track, Some(pauses)))?,
    };
    let shape = Shape {
        frames: wishes.fps.frames_covering(track.samples, track.rate),
        clip_frames: model.clip_frames,
        segment_clips: wishes.segment_clips,
        part_segments: wishes.part_segments,
    };
    let shots = wishes.shots.as_ref().map(|list| list.boundaries(wishes.fps, shape.frames)).transpose()?;
    let score = Score { shape, fps: wishes.fps, pauses: pauses.as_ref(), shots: shots.as_deref().unwrap_or_default() };
    let seams = seams::lay(wishes.cutting, &score)?;
    let plan = Plan::cut(shape, &seams::cuts(&seams, wishes.cutting, &shape))?;
    let continuity = wishes.cutting.continuity.of(wishes.fps.seconds(shape.frames));
    Ok(Outline { track, plan, continuity, seams })
}

/// What is asked of a pack when a film is ordered.
trait Pack {
    fn check(&self, settings: &Settings) -> Result<()>;
    fn find_faces(&self, picture: &Picture) -> Result<FaceSearch>;
}

/// A model that is loaded already.
struct Loaded<'a>(&'a dyn Model);

impl Pack for Loaded<'_> {
    fn check(&self, settings: &Settings) -> Result<()> {
        self.0.check(settings)
    }

    fn find_faces(&self, picture: &Picture) -> Result<FaceSearch> {
        self.0.find_faces(picture)
    }
}

/// A pack that is installed; its weights need not be loaded.
struct Installed<'a>(&'a dyn Packs, &'a PackCard);

impl Pack for Installed<'_> {
    fn check(&self, settings: &Settings) -> Result<()> {
        self.0.check(self.1, settings)
    }

    fn find_faces(&self, picture: &Picture) -> Result<FaceSearch> {
        self.0.find_faces(self.1, picture)
    }
}

/// Checks both files and all settings, finds the face, and makes the order. Reads both files whole; blocks meanwhile.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) naming the file or the setting, and the mend.
pub fn draft(portrait: &Path, audio: &Path, wishes: &Wishes, model: &dyn Model) -> Result<Draft> {
    make([portrait, audio], wishes, &PackCard::of(model), &Loaded(model), &Name::house())
}

/// The same for a tenant, with a pack that is installed and need not be loaded.
///
/// # Errors
/// As [`draft`].
pub fn draft_for(
    files: [&Path; 2],
    wishes: &Wishes,
    packs: &dyn Packs,
    card: &PackCard,
    tenant: &Name,
) -> Result<Draft> {
    make(files, wishes, card, &Installed(packs, card), tenant)
}

fn make(
    [portrait, audio]: [&Path; 2],
    wishes: &Wishes,
    card: &PackCard,
    pack: &dyn Pack,
    tenant: &Name,
) -> Result<Draft> {
    pack.check(&wishes.settings)?;
    // What is no picture is found out before its bytes are hashed: they may have no end.
    let picture = media::portrait::load(portrait)?;
    let portrait_file = input(portrait)?;
    let (settings, faces) = find_face(&picture, &portrait_file.name, &wishes.settings, pack, card.shape.image_size)?;
    drop(picture);
    let Outline { track, plan, continuity, seams } = outline(audio, wishes, &card.shape)?;
    let order = Order {
        portrait: portrait_file,
        audio: input(audio)?,
        samples: track.samples,
        sample_rate: track.rate,
        fps: wishes.fps,
        model: card.name.clone(),
        model_digest: card.digest.clone(),
        seed: wishes.seed,
        shape: plan.shape,
        settings,
        cuts: plan.cuts.clone(),
        retake: None,
    };
    let (portrait, audio) = (portrait.to_owned(), audio.to_owned());
    let remarks = said_of_the_face(&order, &faces, wishes);
    Ok(Draft {
        id: order.job_id_for(tenant),
        order,
        plan,
        portrait,
        audio,
        faces,
        continuity: Some(continuity),
        seams,
        remarks,
    })
}

/// Settles which face is meant, then takes the same steps that `prepare` takes with the portrait, so that it fails here or not
/// at all.
///
/// What was found becomes part of the order: no worker looks again, so that none can see the face a pixel elsewhere.
fn find_face(
    picture: &Picture,
    name: &str,
    wished: &Settings,
    pack: &dyn Pack,
    image_size: u32,
) -> Result<(Settings, FaceSearch)> {
    let mut settings = wished.clone();
    let faces = pack.find_faces(picture)?;
    faces.settle(&mut settings, name)?;
    media::portrait::crop_square(picture, &settings, image_size)?;
    Ok((settings, faces))
}

fn said_of_the_face(order: &Order, faces: &FaceSearch, wishes: &Wishes) -> Vec<String> {
    let Order { portrait, model, settings, .. } = order;
    if let (Some(face), Some(_)) = (settings.face, settings.key_points) {
        tracing::info!(portrait = portrait.name, %face, faces = faces.faces().len(), "found the face");
    }
    remarks(&portrait.name, model, faces, wishes.settings.face, settings)
}
