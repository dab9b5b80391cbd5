//! What was measured, as clients see it.

use shared::quality::Measured;
use utoipa::ToSchema;

/// What was measured of some frames.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct QualityBody {
    /// The task that measured them.
    pub(crate) task: String,
    /// The first frame.
    pub(crate) first_frame: u64,
    /// The frame after the last.
    pub(crate) end_frame: u64,
    /// Why somebody should look at them; absent when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warning: Option<String>,
    /// An object with one member. `clip`, of a clip as it was rendered: `take` and `anchored` say which rendering counts, `likeness` compares
    /// its end with the portrait (`sharpness`, `colour`, `eyes`, `latents`, `black`), `faults` are left, `refused` lists what was rendered
    /// before. `part`, of pictures as they were encoded: `sharpness` and `colour` against the portrait, `flicker`, `black` and `frozen`
    /// frames, `seam` where chains meet, and for each frame `moved`, `mouth` and `speech`.
    #[schema(value_type = Object)]
    pub(crate) quality: shared::quality::Quality,
}

impl From<Measured> for QualityBody {
    fn from(record: Measured) -> Self {
        Self {
            warning: record.warning(),
            task: record.task.to_string(),
            first_frame: record.frames.start,
            end_frame: record.frames.end,
            quality: record.quality,
        }
    }
}
