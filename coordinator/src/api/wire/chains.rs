//! How a film is cut into chains, as clients write and see it.

use shared::{
    Fps, Join, Timecode,
    seams::{Continuity, Cutting, Seam, Why},
};
use utoipa::ToSchema;

use crate::api::problem::{Answer, Problem};

/// How a film's frames follow from one another over its whole length.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContinuityBody {
    /// `anchored` for films over a minute, `strict` for others.
    Auto,
    /// One chain.
    Strict,
    /// Chains of `chain_seconds`, each starting from the portrait.
    Anchored,
    /// Chains as short as the shape allows.
    Parallel,
}

impl From<Continuity> for ContinuityBody {
    fn from(continuity: Continuity) -> Self {
        match continuity {
            Continuity::Auto => Self::Auto,
            Continuity::Strict => Self::Strict,
            Continuity::Anchored => Self::Anchored,
            Continuity::Parallel => Self::Parallel,
        }
    }
}

impl From<ContinuityBody> for Continuity {
    fn from(body: ContinuityBody) -> Self {
        match body {
            ContinuityBody::Auto => Self::Auto,
            ContinuityBody::Strict => Self::Strict,
            ContinuityBody::Anchored => Self::Anchored,
            ContinuityBody::Parallel => Self::Parallel,
        }
    }
}

/// How two chains become one film.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JoinBody {
    /// The frames around the seam are rendered again between frames of both that are held.
    Bridge,
    /// Latents are cross-faded.
    Blend,
    /// The later chain begins where the earlier one ends.
    Cut,
}

impl From<JoinBody> for Join {
    fn from(body: JoinBody) -> Self {
        match body {
            JoinBody::Bridge => Self::Bridge,
            JoinBody::Blend => Self::Blend,
            JoinBody::Cut => Self::Cut,
        }
    }
}

impl From<Join> for JoinBody {
    fn from(join: Join) -> Self {
        match join {
            Join::Bridge => Self::Bridge,
            Join::Blend => Self::Blend,
            Join::Cut => Self::Cut,
        }
    }
}

/// What an order says about chains, with the operator's settings for the rest.
pub(crate) fn cutting(
    continuity: Option<ContinuityBody>,
    chain_seconds: Option<u32>,
    join: Option<JoinBody>,
    usual: Cutting,
) -> Answer<Cutting> {
    let cutting = Cutting {
        continuity: continuity.map_or(usual.continuity, Continuity::from),
        chain_seconds: chain_seconds.unwrap_or(usual.chain_seconds),
        join: join.map_or(usual.join, Join::from),
    };
    cutting.check().map_err(|error| Problem::of_field("chain_seconds", &error).said_of_fields())?;
    Ok(cutting)
}

/// A place where two chains meet.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct SeamBody {
    /// The first frame of the later chain.
    pub(crate) frame: u64,
    /// The same as `HH:MM:SS:FF`, counted from the beginning of the film.
    #[schema(example = "00:00:29:13")]
    pub(crate) timecode: String,
    /// `shot` (one begins there), `pause` (nobody speaks), `lull` (the quietest place where there is no pause) or `even` (nothing is known of
    /// the track).
    pub(crate) why: &'static str,
    /// How long the pause is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pause_seconds: Option<f64>,
}

impl SeamBody {
    /// The seam of a film at `fps`.
    pub(crate) fn new(seam: &Seam, fps: Fps) -> Self {
        let (why, pause_seconds) = match seam.why {
            Why::Shot => ("shot", None),
            Why::Pause { seconds } => ("pause", Some(seconds)),
            Why::Lull => ("lull", None),
            Why::Even => ("even", None),
        };
        Self { frame: seam.frame, timecode: Timecode { frame: seam.frame, fps }.to_string(), why, pause_seconds }
    }
}
