//! Estimates as clients see them.

use std::collections::BTreeMap;

use shared::seams::Continuity;
use utoipa::ToSchema;

use super::chains::{ContinuityBody, JoinBody};
use crate::estimate::Estimate;

/// How much work a film is. Seconds are absent while the farm has not measured such work.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct EstimateBody {
    /// Length of the film in seconds.
    pub(crate) seconds: f64,
    /// Frames of the film.
    pub(crate) frames: u64,
    /// What `continuity` came to: `auto` is settled by the film's length. Absent for a retake, which goes from seam to seam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) continuity: Option<ContinuityBody>,
    /// Chains that are rendered side by side.
    pub(crate) chains: u64,
    /// Tasks by kind.
    pub(crate) tasks: BTreeMap<&'static str, u64>,
    /// Seconds of rendering, on one worker of the pool.
    pub(crate) render_seconds: Option<f64>,
    /// Seconds of encoding and joining, on one stitcher.
    pub(crate) stitch_seconds: Option<f64>,
    /// Seconds from start to end on a farm that is free.
    pub(crate) shortest_seconds: Option<f64>,
}

impl EstimateBody {
    /// The estimate of a film at `fps` that is cut by `continuity`.
    pub(crate) fn new(estimate: &Estimate, fps: shared::Fps, continuity: Option<Continuity>) -> Self {
        let short = |seconds: Option<f64>| seconds.map(|seconds| (seconds * 10.0).round() / 10.0);
        Self {
            seconds: fps.seconds(estimate.frames),
            frames: estimate.frames,
            continuity: continuity.map(|continuity| continuity.of(fps.seconds(estimate.frames)).into()),
            chains: estimate.chains,
            tasks: estimate.tasks.iter().copied().collect(),
            render_seconds: short(estimate.render_seconds),
            stitch_seconds: short(estimate.stitch_seconds),
            shortest_seconds: short(estimate.shortest_seconds),
        }
    }
}

/// What an estimate is asked for.
#[derive(Clone, Debug, Default, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EstimateAsk {
    /// Length of the track in seconds.
    #[schema(exclusive_minimum = 0.0)]
    pub(crate) seconds: f64,
    /// Name of the model pack.
    pub(crate) model: Option<String>,
    /// Frames per second.
    pub(crate) fps: Option<String>,
    /// Clips in a segment.
    pub(crate) segment_clips: Option<u32>,
    /// Segments in a part.
    pub(crate) part_segments: Option<u32>,
    /// Whether the film is cut into chains.
    pub(crate) continuity: Option<ContinuityBody>,
    /// About how many seconds of film a chain renders when it is `anchored`.
    pub(crate) chain_seconds: Option<u32>,
    /// How chains are joined.
    pub(crate) join: Option<JoinBody>,
    /// The pool of workers.
    pub(crate) pool: Option<String>,
}
