//! From files and wishes to an order and its plan; nothing is written.

use std::path::{Path, PathBuf};

use media::audio::Track;
use shared::{
    FaceBox, JobId, Order, Plan, Result, Shape,
    ports::{Model, ModelShape},
};

use crate::{inputs::input, wishes::Wishes};

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
}

/// What can be said about a film before it has a portrait.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The track as it was measured.
    pub track: Track,
    /// The tasks.
    pub plan: Plan,
}

/// Measures a track and plans its film. Decodes the whole track once, in pieces; blocks meanwhile.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) naming the track or the setting that does not allow a film.
pub fn outline(audio: &Path, wishes: &Wishes, model: &ModelShape) -> Result<Outline> {
    wishes.check()?;
    let track = media::audio::measure(audio)?;
    let shape = Shape {
        frames: wishes.fps.frames_covering(track.samples, track.rate),
        clip_frames: model.clip_frames,
        segment_clips: wishes.segment_clips,
        part_segments: wishes.part_segments,
    };
    Ok(Outline { plan: Plan::new(shape)?, track })
}

/// Checks both files and all settings, and makes the order. Reads both files whole; blocks meanwhile.
///
/// # Errors
/// [`Cause::Order`](shared::error::Cause::Order) naming the file or the setting, and the mend.
pub fn draft(portrait: &Path, audio: &Path, wishes: &Wishes, model: &dyn Model) -> Result<Draft> {
    let shape = model.shape();
    check_portrait(portrait, wishes.settings.face, shape.image_size)?;
    let Outline { track, plan } = outline(audio, wishes, &shape)?;
    let order = Order {
        portrait: input(portrait)?,
        audio: input(audio)?,
        samples: track.samples,
        sample_rate: track.rate,
        fps: wishes.fps,
        model: model.name().to_owned(),
        model_digest: model.digest().to_owned(),
        seed: wishes.seed,
        shape: plan.shape,
        settings: wishes.settings.clone(),
    };
    Ok(Draft { id: order.job_id(), order, plan, portrait: portrait.to_owned(), audio: audio.to_owned() })
}

/// The same steps that `prepare` takes with the portrait, so that it fails here or not at all.
fn check_portrait(portrait: &Path, face: Option<FaceBox>, size: u32) -> Result<()> {
    let picture = media::portrait::load(portrait)?;
    media::portrait::crop_square(&picture, face, size)?;
    Ok(())
}
