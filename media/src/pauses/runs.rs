//! From quiet moments to pauses.

use shared::pauses::{Lull, Pause, Pauses};

use super::{HOP, Moment};

/// Moments in which a sound between two quiet runs is taken for a click or the end of a word, and not for a word: 30 ms.
const CLICK: u64 = 3;

/// Moments that both runs beside a click have at the least: 60 ms. The closure of a plosive inside of a word is shorter.
const BESIDE_CLICK: u64 = 6;

/// Moments at either edge that are left to the words: 20 ms.
const EDGE: u64 = 2;

/// Moments of the shortest pause, after its edges are taken off: 120 ms.
const SHORTEST: u64 = 12;

/// Moments of the stretches of which the quietest place is kept: a quarter of a second, so that there are some wherever a seam may lie.
const STRETCH: u64 = 25;

/// Moments that such a place is averaged over.
const LULL: usize = 5;

/// A run of quiet moments.
#[derive(Clone, Copy)]
struct Run {
    start: u64,
    end: u64,
    depth: f64,
}

/// Gathers quiet moments.
pub(super) struct Runs {
    found: Pauses,
    /// The moment that comes next.
    next: u64,
    /// The run that is going on, and the one before it, which a click may join to it.
    open: Option<Run>,
    before: Option<Run>,
    /// Depths of the last moments.
    last: [f32; LULL],
    deepest: Option<Lull>,
}

impl Runs {
    pub(super) fn new() -> Self {
        let found = Pauses::default();
        Self { found, next: 0, open: None, before: None, last: [0.0; LULL], deepest: None }
    }

    pub(super) fn push(&mut self, moment: Moment) {
        self.push_lull(moment.depth);
        let at = self.next;
        self.next += 1;
        if moment.quiet {
            let run = self.open.get_or_insert(Run { start: at, end: at, depth: 0.0 });
            run.end = at + 1;
            run.depth += f64::from(moment.depth);
        } else if let Some(run) = self.open.take() {
            self.close(run);
        }
    }

    /// A run has ended: it goes on from the one before over a click, or stands alone.
    fn close(&mut self, run: Run) {
        let long = |run: &Run| run.end - run.start >= BESIDE_CLICK;
        self.before = match self.before.take() {
            Some(before) if run.start - before.end <= CLICK && long(&before) && long(&run) => {
                Some(Run { start: before.start, end: run.end, depth: before.depth + run.depth })
            }
            Some(before) => {
                self.keep(before, EDGE);
                Some(run)
            }
            None => Some(run),
        };
    }

    fn keep(&mut self, run: Run, at_end: u64) {
        // Before the first word there is nothing that an edge would be left to, nor after the last.
        let start = if run.start == 0 { 0 } else { run.start + EDGE };
        let end = run.end.saturating_sub(at_end);
        if end >= start + SHORTEST {
            let depth = (run.depth / (run.end - run.start) as f64) as f32;
            self.found.pauses.push(Pause { start: start * HOP as u64, end: end * HOP as u64, depth });
        }
    }

    fn push_lull(&mut self, depth: f32) {
        self.last.rotate_left(1);
        self.last[LULL - 1] = depth;
        // The middle of the last moments.
        let Some(at) = (self.next + 1).checked_sub(LULL as u64 / 2 + 1) else { return };
        let depth = self.last.iter().sum::<f32>() / LULL as f32;
        if self.deepest.is_none_or(|deepest| depth > deepest.depth) {
            self.deepest = Some(Lull { at: at * HOP as u64 + HOP as u64 / 2, depth });
        }
        if (self.next + 1).is_multiple_of(STRETCH) {
            self.found.lulls.extend(self.deepest.take());
        }
    }

    /// Everything that was found in a track of so many samples.
    pub(super) fn finish(mut self, samples: u64) -> Pauses {
        let to_the_end = self.open.is_some();
        if let Some(run) = self.open.take() {
            self.close(run);
        }
        if let Some(run) = self.before.take() {
            self.keep(run, if to_the_end { 0 } else { EDGE });
        }
        self.found.lulls.extend(self.deepest.take());
        // The last moment may have been short.
        if let Some(last) = self.found.pauses.last_mut() {
            last.end = last.end.min(samples);
        }
        self.found
    }
}
