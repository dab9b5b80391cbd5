//! Where chains meet: a pure function of a film's length, its shape, its pauses and its shots.
//!
//! Seams are wanted at even distances. Each may move by a share of a chain's length ([`LEEWAY`]) to the best place there: where a
//! shot begins, nobody sees a seam at all; in a pause the face is at rest on both sides, all the more so the longer the pause; where
//! there is no pause, the quietest place is taken. Which places fit together is found by dynamic programming over all of them, since
//! two good places may be too close to each other.

mod places;
mod way;

use crate::{Cuts, Error, Fps, Join, Result, Shape, pauses::Pauses};

use places::Places;

/// A seam moves by at most this share of a chain's length, as a divisor: a fifth.
pub const LEEWAY: u64 = 5;

/// Films longer than this many seconds are cut into chains when nobody says otherwise: published networks lose the face after about a
/// minute of one chain, and chains are rendered side by side.
pub const LONG_FILM: f64 = 60.0;

/// Lengths that chains may be given, in seconds.
pub const CHAIN_SECONDS: std::ops::RangeInclusive<u32> = 1..=3600;

/// How a film's frames follow from one another over its whole length. A setting of the job, never of the number of workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Continuity {
    /// What the film's length makes the best: [`Continuity::Anchored`] over [`LONG_FILM`], [`Continuity::Strict`] up to it.
    #[default]
    Auto,
    /// One chain: every clip goes on from the one before, exactly.
    Strict,
    /// Chains of [`Cutting::chain_seconds`], each starting from the portrait: what went wrong in one ends with it.
    Anchored,
    /// Chains as short as the shape allows, for the shortest time to the film.
    Parallel,
}

impl Continuity {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Strict, Self::Anchored, Self::Parallel];

    /// The name in orders, settings and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Strict => "strict",
            Self::Anchored => "anchored",
            Self::Parallel => "parallel",
        }
    }

    /// What it means for a film of so many seconds.
    #[must_use]
    pub fn of(self, seconds: f64) -> Self {
        match self {
            Self::Auto if seconds > LONG_FILM => Self::Anchored,
            Self::Auto => Self::Strict,
            other => other,
        }
    }
}

impl std::str::FromStr for Continuity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| {
            Error::order(format!("\"{text}\" is not a continuity")).mend("give auto, strict, anchored or parallel")
        })
    }
}

/// What an order says about chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutting {
    /// Whether there is more than one, and how long they are.
    pub continuity: Continuity,
    /// About how many seconds of film a chain renders, when `continuity` is [`Continuity::Anchored`].
    pub chain_seconds: u32,
    /// How they are joined.
    pub join: Join,
}

impl Default for Cutting {
    fn default() -> Self {
        Self { continuity: Continuity::Auto, chain_seconds: 30, join: Join::Bridge }
    }
}

impl Cutting {
    /// Refuses what no film can be cut by.
    ///
    /// # Errors
    /// [`Cause::Order`](crate::error::Cause::Order) naming the setting.
    pub fn check(&self) -> Result<()> {
        if CHAIN_SECONDS.contains(&self.chain_seconds) {
            return Ok(());
        }
        let (least, most) = (CHAIN_SECONDS.start(), CHAIN_SECONDS.end());
        Err(Error::order(format!("a chain cannot be {} s long", self.chain_seconds))
            .mend(format!("give --chain-seconds a number from {least} to {most}")))
    }
}

/// What is known of a film when its seams are laid.
#[derive(Clone, Copy, Debug)]
pub struct Score<'a> {
    /// How it is cut into tasks, and how long it is.
    pub shape: Shape,
    /// Its rate.
    pub fps: Fps,
    /// Where its track is silent; nothing before there is a track.
    pub pauses: Option<&'a Pauses>,
    /// The frames at which shots begin, ascending.
    pub shots: &'a [u64],
}

/// Why a seam lies where it does.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// A shot begins there.
    Shot,
    /// Nobody speaks there.
    Pause {
        /// How long the pause is.
        seconds: f64,
    },
    /// There is no pause within leeway; this is the quietest place.
    Lull,
    /// Nothing is known of the track: even distances.
    Even,
}

/// A seam and why it lies there.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Seam {
    /// The first frame of the later chain.
    pub frame: u64,
    /// The frame at which it was wanted, at even distances from the others.
    pub wanted: u64,
    /// Why it lies there.
    #[serde(flatten)]
    pub why: Why,
}

/// Lays the seams of a film; none when it is one chain.
///
/// # Errors
/// When [`Cutting::check`] refuses, `anchored` chains are wanted that are shorter than their overlaps and warm-up allow, or bridges of
/// clips too short for them.
pub fn lay(cutting: Cutting, score: &Score<'_>) -> Result<Vec<Seam>> {
    cutting.check()?;
    let Score { shape, fps, .. } = *score;
    let bounds = Bounds::of(&shape, cutting.join);
    let chains = match cutting.continuity.of(fps.seconds(shape.frames)) {
        Continuity::Auto | Continuity::Strict => 1,
        _ if cutting.join == Join::Bridge && shape.clip_frames < SHORTEST_BRIDGE => short_of_bridges(cutting, &shape)?,
        Continuity::Anchored => bounds.anchored(cutting, fps, shape.frames)?,
        // A quarter of room lets seams move into pauses.
        Continuity::Parallel => shape.frames / (bounds.closest + bounds.closest / 4).max(1),
    };
    let chains = chains.min(shape.frames / bounds.closest.max(1)).max(1);
    let places = Places { score, bounds, leeway: shape.frames / chains / LEEWAY };
    let wanted = (1..chains).map(|seam| multiply(shape.frames, seam, chains));
    Ok(way::best(wanted.map(|frame| (frame, places.around(frame))), bounds.closest))
}

/// Clips of fewer frames are no bridges: one is held at either end, and one between them is free.
const SHORTEST_BRIDGE: u32 = 3;

/// One chain, unless somebody wants several.
fn short_of_bridges(cutting: Cutting, shape: &Shape) -> Result<u64> {
    if cutting.continuity == Continuity::Auto {
        return Ok(1);
    }
    let frames = shape.clip_frames;
    Err(Error::order(format!(
        "a bridge is a clip of {SHORTEST_BRIDGE} frames at the least, and the model's have {frames}"
    ))
    .mend("give --join blend or cut, or --continuity strict"))
}

/// The cuts of a film whose chains meet at these seams.
pub fn cuts(seams: &[Seam], cutting: Cutting, shape: &Shape) -> Cuts {
    Cuts::at(seams.iter().map(|seam| seam.frame).collect(), cutting.join, shape.clip_frames)
}

/// `frames * part / whole`, without overflow and rounded down.
fn multiply(frames: u64, part: u64, whole: u64) -> u64 {
    (u128::from(frames) * u128::from(part) / u128::from(whole)) as u64
}

/// Distances that every seam must keep.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// From the beginning of the film.
    earliest: u64,
    /// From one seam to the next.
    closest: u64,
    /// To the end of the film.
    tail: u64,
}

impl Bounds {
    fn of(shape: &Shape, join: Join) -> Self {
        // The distances follow from the overlap alone, so that any seam will do to ask for them.
        let usual = Cuts::at(vec![0], join, shape.clip_frames);
        Self { earliest: usual.earliest(shape), closest: usual.closest(shape), tail: usual.tail() }
    }

    /// The number of chains of the length that is wished, as nearly as the film divides.
    fn anchored(&self, cutting: Cutting, fps: Fps, frames: u64) -> Result<u64> {
        let seconds = u128::from(cutting.chain_seconds);
        let chain = (seconds * u128::from(fps.num()) / u128::from(fps.den())) as u64;
        if chain < self.closest && cutting.continuity == Continuity::Anchored {
            let least = fps.seconds(self.closest).ceil();
            return Err(Error::order(format!(
                "chains of {seconds} s are {chain} frames long, and two seams need {} frames between them",
                self.closest
            ))
            .mend(format!(
                "give --chain-seconds at least {least}, or --continuity parallel for chains as short as can be"
            )));
        }
        let chain = chain.max(self.closest).max(1);
        Ok((frames + chain / 2) / chain)
    }
}

#[cfg(test)]
mod tests;
