//! Weights in the order in which tile registers read them.

use half::f16;
use rayon::prelude::*;

use super::{
    engine::{Engine, Factor},
    lines::{LINE, Line, Parts, coarse, split_half, widen},
    packed::Numbers,
};

/// Steps along a sum after which the sums go to memory and the next rows take their turn, so that the columns of these steps stay
/// in the nearest cache meanwhile.
const CHUNK_STEPS: usize = 20;

/// The matrices of a layer's taps: columns in blocks of 32, padded with zeros.
#[derive(Debug)]
pub(super) struct Tiles {
    pub(super) engine: Engine,
    pub(super) parts: Parts,
    /// 32 inputs each that a tap has.
    pub(super) steps: usize,
    taps: usize,
    store: Store,
}

/// `[block][tap][step]`, and for each step what [`Factor::step_lines`] says.
#[derive(Debug)]
enum Store {
    /// As they are read.
    Lines(Vec<Line>),
    /// In the half precision in which a checkpoint stores them, at the same places; split on the way.
    Half(Vec<[f16; LINE]>),
}

/// Some steps of some taps, one after the other in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The first tap, and how many.
    pub(super) taps: [usize; 2],
    /// The first step of each tap, and how many.
    pub(super) steps: [usize; 2],
}

impl Tiles {
    /// Packs the weights of `outer` columns, `inner` inputs and `taps`; `from` says where the one of column, input and tap lies.
    /// Nothing where the weights are absent.
    pub(super) fn new(
        (engine, parts): (Engine, Parts),
        weights: &Numbers,
        [outer, inner, taps]: [usize; 3],
        from: impl Fn(usize, usize, usize) -> usize + Sync,
    ) -> Option<Self> {
        let steps = inner.div_ceil(LINE);
        let sizes = Sizes { outer, inner, taps, steps };
        let store = match (weights, parts) {
            (Numbers::Absent(_), _) => return None,
            (Numbers::Half(weights), Parts::Two) => Store::Half(sizes.half(weights, from)),
            (Numbers::Half(weights), Parts::One) => {
                Store::Lines(sizes.lines(parts, |column, i, tap| weights[from(column, i, tap)].to_f32()))
            }
            (Numbers::Single(weights), _) => {
                Store::Lines(sizes.lines(parts, |column, i, tap| weights[from(column, i, tap)]))
            }
        };
        Some(Self { engine, parts, steps, taps, store })
    }

    /// Whether each task splits the weights for itself, which has to be paid for.
    pub(super) fn splits(&self) -> bool {
        matches!(self.store, Store::Half(_))
    }

    /// The sum, cut into pieces that follow one another.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Chunk> + use<> {
        let (taps, steps) = (self.taps, self.steps);
        let whole = (CHUNK_STEPS / steps).clamp(1, Factor::MOST);
        let piece = steps.div_ceil(steps.div_ceil(CHUNK_STEPS));
        (0..taps).step_by(whole).flat_map(move |tap| {
            let first = (0..steps).step_by(piece);
            first.map(move |step| Chunk { taps: [tap, whole.min(taps - tap)], steps: [step, piece.min(steps - step)] })
        })
    }

    /// The columns of a block that belong to a chunk; those of half precision are split into `scratch`.
    pub(super) fn columns<'a>(&'a self, block: usize, chunk: Chunk, scratch: &'a mut Vec<Line>) -> &'a [Line] {
        let first = (block * self.taps + chunk.taps[0]) * self.steps + chunk.steps[0];
        let count = chunk.taps[1] * chunk.steps[1];
        match &self.store {
            Store::Lines(lines) => {
                let step = Factor::step_lines(self.parts);
                &lines[first * step..][..count * step]
            }
            Store::Half(halves) => {
                scratch.resize(count * 2 * LINE, Line::ZERO);
                super::wide::wide(
                    #[inline(always)]
                    || {
                        let steps = scratch.chunks_exact_mut(2 * LINE);
                        for (lines, halves) in steps.zip(halves[first * LINE..][..count * LINE].chunks_exact(LINE)) {
                            let (low, high) = lines.split_at_mut(LINE);
                            for ((high, low), x) in high.iter_mut().zip(low).zip(halves) {
                                split_half(x, high, low);
                            }
                        }
                    },
                );
                scratch
            }
        }
    }
}

struct Sizes {
    outer: usize,
    inner: usize,
    taps: usize,
    steps: usize,
}

impl Sizes {
    fn lines(&self, parts: Parts, weight: impl Fn(usize, usize, usize) -> f32 + Sync) -> Vec<Line> {
        let step = Factor::step_lines(parts);
        let mut lines = vec![Line::ZERO; self.steps_of_all() * step];
        lines.par_chunks_mut((self.taps * self.steps * step).max(1)).enumerate().for_each(|(block, lines)| {
            self.each(block, |at, line, place, from| {
                let x = weight(from[0], from[1], from[2]);
                let high = coarse(x);
                match parts {
                    Parts::One => lines[at * step + line].0[place] = high,
                    Parts::Two => {
                        lines[at * step + line].0[place] = coarse(x - widen(high));
                        lines[at * step + LINE + line].0[place] = high;
                    }
                }
            });
        });
        lines
    }

    fn half(&self, weights: &[f16], from: impl Fn(usize, usize, usize) -> usize + Sync) -> Vec<[f16; LINE]> {
        let mut lines = vec![[f16::ZERO; LINE]; self.steps_of_all() * LINE];
        lines.par_chunks_mut((self.taps * self.steps * LINE).max(1)).enumerate().for_each(|(block, lines)| {
            self.each(block, |at, line, place, [column, i, tap]| {
                lines[at * LINE + line][place] = weights[from(column, i, tap)];
            });
        });
        lines
    }

    fn steps_of_all(&self) -> usize {
        self.outer.div_ceil(LINE) * self.taps * self.steps
    }

    /// Calls `put` for each weight of a block: the step that it belongs to, its line and place there, and its column, input and tap.
    fn each(&self, block: usize, mut put: impl FnMut(usize, usize, usize, [usize; 3])) {
        for tap in 0..self.taps {
            for i in 0..self.inner {
                let at = tap * self.steps + i / LINE;
                for column in 0..LINE.min(self.outer - block * LINE) {
                    let line = column / 16 * 16 + i % LINE / 2;
                    put(at, line, column % 16 * 2 + i % 2, [block * LINE + column, i, tap]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_sum_once_and_in_order() {
        for (inner, taps) in [(4, 9), (320, 9), (640, 9), (641, 1), (5120, 1), (32, 40), (96, 5)] {
            let weights = Numbers::Single(vec![0.0; inner * taps]);
            let tiles =
                Tiles::new((Engine::plain(), Parts::One), &weights, [1, inner, taps], |_, i, tap| i * taps + tap);
            let tiles = tiles.unwrap();
            let mut next = 0;
            for chunk in tiles.chunks() {
                let Chunk { taps: [tap, some], steps: [step, count] } = chunk;
                assert_eq!(tap * tiles.steps + step, next, "{inner} {taps}");
                assert!(some <= Factor::MOST && (some == 1 || count == tiles.steps) && some * count <= CHUNK_STEPS);
                next += some * count;
            }
            assert_eq!(next, taps * tiles.steps, "{inner} {taps}");
        }
    }
}
