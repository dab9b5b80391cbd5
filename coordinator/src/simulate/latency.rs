//! How long everything takes.

use std::time::Duration;

use shared::{Error, Result, Shape, TaskKind};

/// The latency model. A task takes: the claim, what it reads, its pieces one after the other, what it keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies {
    /// Rendering one clip, of segments and bridges alike.
    pub clip: Duration,
    /// Preparing a job, whatever its length.
    pub prepare: Duration,
    /// Frames a second that are prepared besides: the audio features of the whole track.
    pub prepare_rate: f64,
    /// Frames a second that a part decodes and encodes.
    pub part_rate: f64,
    /// Frames a second that are joined into the film.
    pub film_rate: f64,
    /// Reading what a task needs, and as long again for keeping what it made.
    pub transfer: Duration,
    /// From a ring, or the end of the task before, to the work on the next.
    pub claim: Duration,
    /// Taking up a job whose prepared features the worker does not hold yet.
    pub take_up: Duration,
    /// Attempts take from `1 - spread` to `1 + spread` times as long as they should, each by a draw of its own.
    pub spread: f64,
}

impl Default for Latencies {
    /// A network on a GPU that renders a clip in 3.5 s, beside stitchers that decode and encode 50 frames a second.
    fn default() -> Self {
        Self {
            clip: Duration::from_millis(3500),
            prepare: Duration::from_secs(5),
            prepare_rate: 5000.0,
            part_rate: 50.0,
            film_rate: 20_000.0,
            transfer: Duration::from_millis(50),
            claim: Duration::from_millis(20),
            take_up: Duration::from_secs(1),
            spread: 0.0,
        }
    }
}

/// Longest time that one step of the model may take.
const LONGEST: Duration = Duration::from_hours(24);

impl Latencies {
    /// No latency but the clips' own, for arithmetic by hand.
    #[must_use]
    pub fn bare(clip: Duration) -> Self {
        let none = Duration::ZERO;
        let (prepare_rate, part_rate, film_rate, spread) = (f64::INFINITY, f64::INFINITY, f64::INFINITY, 0.0);
        Self {
            clip,
            prepare: none,
            prepare_rate,
            part_rate,
            film_rate,
            transfer: none,
            claim: none,
            take_up: none,
            spread,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let Self { clip, prepare, transfer, claim, take_up, .. } = *self;
        if clip.is_zero() || [clip, prepare, transfer, claim, take_up].iter().any(|time| *time > LONGEST) {
            return Err(Error::order("a latency is longer than a day, or a clip takes no time")
                .mend("give seconds from 0 to 86400, and more than none for a clip"));
        }
        if [self.prepare_rate, self.part_rate, self.film_rate].iter().any(|rate| rate.is_nan() || *rate <= 0.001) {
            return Err(Error::order("a rate is not a number of frames a second").mend("give a number above 0.001"));
        }
        if !(0.0..1.0).contains(&self.spread) {
            return Err(Error::order(format!("a spread of {} is not possible", self.spread)).mend("give 0 to 0.99"));
        }
        Ok(())
    }

    /// What a task of a film of this shape takes.
    pub(super) fn cost(&self, kind: &TaskKind, shape: &Shape) -> Cost {
        let at = |rate: f64, frames: u64| Duration::try_from_secs_f64(frames as f64 / rate).unwrap_or(LONGEST);
        let (pieces, piece) = match kind {
            TaskKind::Prepare => (1, self.prepare + at(self.prepare_rate, shape.frames)),
            TaskKind::Segment { frames, .. } | TaskKind::Bridge { frames, .. } => {
                // The last clip of a film is rendered whole, however little of it is left.
                (frames.len().div_ceil(u64::from(shape.clip_frames)) as u32, self.clip)
            }
            TaskKind::Part { frames, .. } => (1, at(self.part_rate, frames.len())),
            TaskKind::Film => (1, at(self.film_rate, shape.frames)),
        };
        // Attempts at a segment go on after the clips that earlier ones kept.
        let keeps = matches!(kind, TaskKind::Segment { .. });
        let takes_up = !matches!(kind, TaskKind::Prepare | TaskKind::Film);
        Cost { pieces, piece_ms: ms(piece), around_ms: ms(self.transfer), keeps, takes_up }
    }
}

/// What a task takes, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// Pieces of work, one after the other.
    pub(super) pieces: u32,
    /// What each takes.
    pub(super) piece_ms: i64,
    /// What comes before the first and after the last.
    pub(super) around_ms: i64,
    /// Whether pieces that are done outlive their attempt.
    pub(super) keeps: bool,
    /// Whether the job's prepared features are needed.
    pub(super) takes_up: bool,
}

impl Cost {
    /// What the task takes on a worker that has nothing else to do.
    pub(super) fn whole_ms(&self) -> i64 {
        self.piece_ms.saturating_mul(i64::from(self.pieces)).saturating_add(2 * self.around_ms)
    }
}

/// Whole milliseconds.
pub(super) fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Frames;

    #[test]
    fn tasks_take_what_their_pieces_take() {
        let shape = Shape { frames: 90_000, clip_frames: 12, segment_clips: 4, part_segments: 2 };
        let latencies = Latencies::default();
        let whole = |kind: TaskKind| latencies.cost(&kind, &shape).whole_ms();
        let frames = Frames::new(0, 41);
        assert_eq!(whole(TaskKind::Prepare), 5000 + 18_000 + 100);
        assert_eq!(whole(TaskKind::Segment { chain: 0, index: 0, frames }), 4 * 3500 + 100);
        assert_eq!(whole(TaskKind::Part { index: 0, frames }), 820 + 100);
        assert_eq!(whole(TaskKind::Film), 4500 + 100);
    }

    #[test]
    fn what_is_not_possible_is_refused() {
        let fine = Latencies::default();
        fine.check().unwrap();
        Latencies::bare(Duration::from_secs(1)).check().unwrap();
        let wrong = [
            Latencies { clip: Duration::ZERO, ..fine.clone() },
            Latencies { prepare: 2 * LONGEST, ..fine.clone() },
            Latencies { part_rate: 0.0, ..fine.clone() },
            Latencies { film_rate: f64::NAN, ..fine.clone() },
            Latencies { spread: 1.0, ..fine },
        ];
        for latencies in wrong {
            assert!(latencies.check().unwrap_err().mending().is_some(), "{latencies:?}");
        }
    }
}
