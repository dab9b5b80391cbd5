//! The numbers that decide how a film is cut into tasks.

use crate::{Error, Result};

/// The longest film the plan accepts: 24 hours at 60 frames per second.
pub const MOST_FRAMES: u64 = 24 * 3600 * 60;

/// What decides how a film is cut into tasks. Never the number of workers: where it runs does not change the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Frames of the film.
    pub frames: u64,
    /// Frames that the model denoises together.
    pub clip_frames: u32,
    /// Clips in a segment.
    pub segment_clips: u32,
    /// Segments in a part.
    pub part_segments: u32,
}

impl Shape {
    /// Frames in a whole segment.
    pub fn segment_frames(&self) -> u64 {
        u64::from(self.clip_frames) * u64::from(self.segment_clips)
    }

    /// Frames in a whole part.
    pub fn part_frames(&self) -> u64 {
        self.segment_frames() * u64::from(self.part_segments)
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.frames == 0 {
            return Err(Error::order("a film needs at least one frame").mend("give a track that is longer"));
        }
        if self.frames > MOST_FRAMES {
            return Err(Error::order(format!("a film of {} frames is longer than {MOST_FRAMES}", self.frames))
                .mend("cut the track into several jobs"));
        }
        if self.clip_frames == 0 || self.segment_clips == 0 || self.part_segments == 0 {
            return Err(Error::order("clips, segments and parts need at least one member each"));
        }
        if self.part_frames() > MOST_FRAMES {
            return Err(Error::order(format!("a part of {} frames is longer than any film", self.part_frames())));
        }
        Ok(())
    }
}
