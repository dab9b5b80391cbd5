//! The `test-pattern` model: no weights, and every mistake of the farm shows in its picture.
//!
//! Each frame carries its number, and a checksum over everything its clip was made from: motion frames, place in
//! the film, seed, portrait, settings and audio. A segment rendered in the wrong order, twice with different
//! inputs, or from a stale handoff changes the checksums of all frames after it. Encoded films can be
//! read back with [`Mark::read`].

mod draw;
mod glyphs;
mod level;
mod mark;
mod render;

pub use mark::Mark;

use shared::{
    Bundle, Error, Fps, Portrait, Result, Tensor,
    digest::{Digest, sha256},
    job::Settings,
    ports::model::{AudioEncoder, Model, ModelShape, Renderer},
};

use level::LevelMeter;
use mark::{digits, fold};
use render::PatternRenderer;

/// Edge of the picture in pixels.
pub(crate) const SIZE: u32 = 256;
/// Frames in a clip.
pub(crate) const CLIP: u32 = 12;
/// Motion frames between clips.
pub(crate) const MOTION: u32 = 4;
/// Features needed on either side of a frame.
pub(crate) const MARGIN: u32 = 2;
/// Numbers in the features of a frame: level, checksum of the samples, frames counted in a second.
pub(crate) const WIDTH: usize = 3;
/// Numbers in a latent frame; [`mark`] says which is which.
pub(crate) const CHANNELS: usize = 8;

const TICKET: &str = "ticket";

/// A model that draws colour bars, timecode and checksums.
#[derive(Debug)]
pub struct TestPattern {
    digest: String,
}

impl TestPattern {
    /// The name under which [`open`](crate::open) knows it.
    pub const NAME: &'static str = "test-pattern";

    /// What the pattern is, for lists of packs.
    pub const DESCRIPTION: &'static str = "colour bars, timecode and checksums; needs no weights";

    /// The model.
    pub fn new() -> Self {
        // The number rises whenever the picture or the latents change.
        Self { digest: sha256(b"emofarm test-pattern 2") }
    }
}

impl Default for TestPattern {
    fn default() -> Self {
        Self::new()
    }
}

impl Model for TestPattern {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn shape(&self) -> ModelShape {
        ModelShape {
            clip_frames: CLIP,
            motion_frames: MOTION,
            audio_margin: MARGIN,
            feature_width: WIDTH,
            image_size: SIZE,
            latent: [CHANNELS, 1, 1],
        }
    }

    fn audio_encoder(&self, fps: Fps) -> Box<dyn AudioEncoder> {
        Box::new(LevelMeter::new(fps))
    }

    fn check(&self, settings: &Settings) -> Result<()> {
        settings.refuse_masks(Self::NAME)?;
        settings.refuse_foreign(Self::NAME, &["head_speed"])
    }

    fn prepare(&self, portrait: &Portrait, settings: &Settings) -> Result<Bundle> {
        self.check(settings)?;
        portrait.check(SIZE)?;
        let mut digest = Digest::new();
        digest.field(portrait.picture.data());
        digest.field(format!("{:?} {:?}", portrait.face_or_middle(), portrait.key_points).as_bytes());
        digest.field(
            &serde_json::to_vec(settings).map_err(|e| Error::world("settings do not serialise").from_source(e))?,
        );
        let ticket = digits(fold(0, digest.hex().as_bytes()));
        Ok(Bundle::of(TICKET, Tensor::new([ticket.len()], ticket.to_vec())?))
    }

    fn renderer(&self, prepared: &Bundle, settings: &Settings, seed: u64) -> Result<Box<dyn Renderer>> {
        let ticket = prepared.get(TICKET)?;
        if ticket.shape() != [2] {
            return Err(Error::world(format!("\"{TICKET}\" of the prepared bundle has shape {:?}", ticket.shape())));
        }
        Ok(Box::new(PatternRenderer::new(seed, ticket, settings.steps)))
    }
}

#[cfg(test)]
mod tests;
