//! Runs of frames.

use std::fmt;

/// A half-open run of frames `[start, end)`, counted from 0 over the whole film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Frames {
    /// The first frame of the run.
    pub start: u64,
    /// The frame after the last one.
    pub end: u64,
}

impl Frames {
    /// The run `[start, end)`; an `end` before `start` gives an empty run at `start`.
    pub fn new(start: u64, end: u64) -> Self {
        Self { start, end: end.max(start) }
    }

    /// How many frames the run holds.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether the run holds no frame.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether `frame` lies in the run.
    pub fn contains(&self, frame: u64) -> bool {
        (self.start..self.end).contains(&frame)
    }

    /// The frames that lie in both runs.
    #[must_use]
    pub fn meet(&self, other: Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Cuts the run into pieces of `size` frames, the last one as long as what is left.
    ///
    /// # Panics
    /// When `size` is zero.
    pub fn pieces(self, size: u64) -> impl ExactSizeIterator<Item = Self> + Clone {
        assert!(size > 0, "a piece needs at least one frame");
        let count = usize::try_from(self.len().div_ceil(size)).unwrap_or(usize::MAX);
        (0..count).map(move |i| {
            let start = self.start + i as u64 * size;
            Self::new(start, (start + size).min(self.end))
        })
    }
}

impl fmt::Display for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_run_once() {
        let run = Frames::new(3, 20);
        let pieces: Vec<_> = run.pieces(8).collect();
        assert_eq!(pieces, [Frames::new(3, 11), Frames::new(11, 19), Frames::new(19, 20)]);
        assert_eq!(Frames::new(4, 4).pieces(8).len(), 0);
    }

    #[test]
    fn runs_meet_where_they_overlap() {
        assert_eq!(Frames::new(0, 10).meet(Frames::new(5, 20)), Frames::new(5, 10));
        assert!(Frames::new(0, 5).meet(Frames::new(7, 9)).is_empty());
        assert!(Frames::new(9, 2).is_empty());
    }
}
