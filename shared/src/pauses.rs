//! Where a track is silent: what is found once in its samples, and what seams are laid by.

/// Samples per second that places in a track are counted in, whatever the track's own rate.
pub const RATE: u32 = 16_000;

/// A run without speech.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Pause {
    /// The first sample, at [`RATE`].
    pub start: u64,
    /// The sample after the last one.
    pub end: u64,
    /// By how many decibels it lies below the speech around it, on average over the bands that carry most: 0 to [`Pause::DEEPEST`].
    pub depth: f32,
}

impl Pause {
    /// Decibels that depths end at; silence has this depth.
    pub const DEEPEST: f32 = 40.0;

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        (self.end - self.start) as f64 / f64::from(RATE)
    }
}

/// The quietest place of one stretch of a track, whether somebody speaks there or not.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Lull {
    /// The sample in its middle, at [`RATE`].
    pub at: u64,
    /// By how many decibels it lies below the speech around it, as [`Pause::depth`].
    pub depth: f32,
}

/// Everything that is known about where a track is silent. About one pause and four lulls a second: small beside any track.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Pauses {
    /// The pauses, ascending; none touches another.
    pub pauses: Vec<Pause>,
    /// The quietest place of each quarter of a second, ascending.
    pub lulls: Vec<Lull>,
}
