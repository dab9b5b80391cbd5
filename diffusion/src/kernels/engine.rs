//! Who multiplies lines of `bfloat16` numbers: 32 rows times 32 columns at a time, summed in single precision.

use super::lines::{LINE, Line, Parts, widen};
#[cfg(target_arch = "x86_64")]
use super::{amx, dot};

/// 32 rows of 32 sums.
#[derive(Clone, Debug, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Block(pub(super) [[f32; LINE]; LINE]);

impl Block {
    /// Zeros.
    pub(super) const ZERO: Self = Self([[0.0; LINE]; LINE]);
}

/// Rows of a product: two groups of 16, in segments that follow one another along the sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor<'a> {
    /// Where they lie: a row's parts of 32 numbers one after the other, then those of its next 32 numbers.
    pub(super) lines: &'a [Line],
    /// Lines from one row of a group to the next.
    pub(super) stride: usize,
    /// Where the first row of both groups begins, segment by segment; [`Self::MOST`] at most. Where both are the same all along, the second
    /// only stands in for one that is not there, and its sums are worth nothing.
    pub(super) segments: &'a [[usize; 2]],
    /// 32 numbers each that a segment of a row has.
    pub(super) steps: usize,
    /// As how many numbers each factor is written.
    pub(super) parts: Parts,
}

impl Factor<'_> {
    /// Segments that a factor may have.
    pub(super) const MOST: usize = 16;

    /// Lines of columns that belong to a step: two tiles of 16 columns for each part, the fine part before the coarse one. Line i
    /// of a tile holds numbers 2 i and 2 i + 1 of each column, pair after pair.
    pub(super) const fn step_lines(parts: Parts) -> usize {
        LINE * parts.count()
    }

    /// # Panics
    /// When a row or the columns end too early: nothing may be read there.
    pub(super) fn check(&self, columns: &[Line]) {
        let length = self.steps * self.parts.count();
        assert!(self.steps > 0 && (1..=Self::MOST).contains(&self.segments.len()), "a product of nothing");
        let last = self.segments.iter().flatten().max().map_or(0, |start| start + 15 * self.stride + length);
        assert!(last <= self.lines.len(), "rows end at {} and are read to {last}", self.lines.len());
        let needed = self.segments.len() * self.steps * Self::step_lines(self.parts);
        assert!(needed <= columns.len(), "{} lines of columns of {needed}", columns.len());
    }
}

/// Who multiplies. All of them sum the same products; the order within 32 of them differs, and with it the last bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Engine(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Amx(amx::Amx),
    #[cfg(target_arch = "x86_64")]
    Dot(dot::Dot),
    #[cfg_attr(not(test), allow(dead_code, reason = "what the others are tested against"))]
    Plain,
}

impl Engine {
    /// The tile registers of AMX, where this machine has them.
    pub(crate) fn amx() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return amx::Amx::find().map(|amx| Self(Kind::Amx(amx)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// The dot products of AVX-512, where this machine has them.
    pub(crate) fn dot() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return dot::Dot::find().map(|dot| Self(Kind::Dot(dot)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// Fused multiply-add of the widened numbers, on every machine: what the others are tested against.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self(Kind::Plain)
    }

    /// All that this machine has, the fastest first.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        [Self::amx(), Self::dot(), Some(Self::plain())].into_iter().flatten().collect()
    }

    /// Whether dot products of pairs multiply, which are some times slower than tile registers.
    pub(super) fn is_dot(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return matches!(self.0, Kind::Dot(_));
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx(_) => "AMX tiles",
            #[cfg(target_arch = "x86_64")]
            Kind::Dot(_) => "AVX-512 bf16 dot products",
            Kind::Plain => "widened bf16",
        }
    }

    /// Prepares this thread for products, until the result is dropped.
    pub(super) fn enter(self) -> Session {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Amx(amx) => Session::Amx(amx.enter()),
            #[cfg(target_arch = "x86_64")]
            Kind::Dot(dot) => Session::Dot(dot),
            Kind::Plain => Session::Plain,
        }
    }
}

/// A thread that is prepared for products.
pub(super) enum Session {
    #[cfg(target_arch = "x86_64")]
    Amx(amx::Session),
    #[cfg(target_arch = "x86_64")]
    Dot(dot::Dot),
    Plain,
}

impl Session {
    /// `block` (plus what is there, if `add`) becomes the sums of products of the rows with 32 columns, which lie as
    /// [`Factor::step_lines`] says.
    ///
    /// # Panics
    /// See [`Factor::check`].
    #[inline]
    pub(super) fn multiply(&self, factor: &Factor<'_>, columns: &[Line], block: &mut Block, add: bool) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx(session) => session.multiply(factor, columns, block, add),
            #[cfg(target_arch = "x86_64")]
            Self::Dot(dot) => dot.multiply(factor, columns, block, add),
            Self::Plain => plain(factor, columns, block, add),
        }
    }
}

/// The pairs of parts that are multiplied: which of a row's with which of a column's, whose fine part comes first.
pub(super) const fn products(parts: Parts) -> &'static [(usize, usize)] {
    match parts {
        Parts::One => &[(0, 0)],
        Parts::Two => &[(0, 0), (0, 1), (1, 1)],
    }
}

/// The plainest form.
fn plain(factor: &Factor<'_>, columns: &[Line], block: &mut Block, add: bool) {
    factor.check(columns);
    if !add {
        *block = Block::ZERO;
    }
    super::wide::wide(
        #[inline(always)]
        || {
            let parts = factor.parts.count();
            let places = factor.segments.iter().flat_map(|starts| (0..factor.steps).map(move |step| (starts, step)));
            let steps = columns.chunks_exact(Factor::step_lines(factor.parts));
            for ((starts, step), columns) in places.zip(steps) {
                for (of_row, of_column) in products(factor.parts) {
                    let tiles = &columns[of_column * LINE..][..LINE];
                    for (row, sums) in block.0.iter_mut().enumerate() {
                        let start = starts[row / 16] + row % 16 * factor.stride;
                        let line = &factor.lines[start + step * parts + of_row].0;
                        let (left, right) = sums.split_at_mut(LINE / 2);
                        for (pair, x) in line.as_chunks::<2>().0.iter().enumerate() {
                            let x = x.map(widen);
                            for (sums, tile) in [(&mut *left, &tiles[pair]), (&mut *right, &tiles[16 + pair])] {
                                for (sum, y) in sums.iter_mut().zip(tile.0.as_chunks::<2>().0) {
                                    *sum = x[1].mul_add(widen(y[1]), x[0].mul_add(widen(y[0]), *sum));
                                }
                            }
                        }
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(seed: usize) -> f32 {
        ((seed * 7919) % 2003) as f32 / 1001.5 - 1.0
    }

    /// Lines that hold `count` numbers a row, and as many lines of NaN before and behind, which no kernel may let in.
    fn guarded(lines: usize) -> Vec<Line> {
        vec![Line([0x7fc0; LINE]); lines + 2 * GUARD]
    }
    const GUARD: usize = 64;

    #[test]
    fn every_engine_gives_the_sum_of_products_and_touches_nothing_else() {
        for parts in [Parts::One, Parts::Two] {
            for (segments, steps) in [(1, 1), (1, 7), (3, 2), (9, 1), (Factor::MOST, 3)] {
                let (count, rows) = (parts.count(), 40);
                let mut lines = guarded(rows * segments * steps * count);
                let stride = segments * steps * count;
                let x = |row: usize, i: usize| number(row * 977 + i);
                let y = |column: usize, i: usize| number(column * 1319 + i + 5);
                for row in 0..rows {
                    for (place, lines) in lines[GUARD + row * stride..][..stride].chunks_exact_mut(count).enumerate() {
                        super::super::lines::split(&std::array::from_fn(|i| x(row, place * LINE + i)), lines);
                    }
                }
                // Both groups overlap, as those of a convolution do.
                let starts: Vec<[usize; 2]> =
                    (0..segments).map(|s| [0, 24].map(|row| GUARD + row * stride + s * steps * count)).collect();
                let mut columns = guarded(segments * steps * Factor::step_lines(parts));
                for step in 0..segments * steps {
                    for column in 0..LINE {
                        for i in 0..LINE {
                            let mut split = [Line::ZERO; 2];
                            super::super::lines::split(&[y(column, step * LINE + i); LINE], &mut split[..count]);
                            for (part, split) in split.iter().enumerate().take(count) {
                                let tile = (step * count + count - 1 - part) * LINE + column / 16 * 16;
                                columns[GUARD + tile + i / 2].0[column % 16 * 2 + i % 2] = split.0[0];
                            }
                        }
                    }
                }
                let needed = segments * steps * Factor::step_lines(parts);
                let factor = Factor { lines: &lines, stride, segments: &starts, steps, parts };
                for engine in Engine::all() {
                    let mut blocks = vec![Block([[f32::NAN; LINE]; LINE]); 3];
                    let session = engine.enter();
                    session.multiply(&factor, &columns[GUARD..][..needed], &mut blocks[1], false);
                    let once = blocks[1].clone();
                    session.multiply(&factor, &columns[GUARD..][..needed], &mut blocks[1], true);
                    for (row, sums) in once.0.iter().enumerate() {
                        for (column, found) in sums.iter().enumerate() {
                            let row_of = if row < 16 { row } else { row + 8 };
                            let products =
                                (0..segments * steps * LINE).map(|i| f64::from(x(row_of, i)) * f64::from(y(column, i)));
                            let size: f64 = products.clone().map(f64::abs).sum();
                            let expected: f64 = products.sum();
                            let limit = if parts == Parts::One { 2.0 / 256.0 } else { 2.0 / 65536.0 };
                            let off = (f64::from(*found) - expected).abs() / size;
                            assert!(off < limit, "{}, {parts:?}: {off:e}", engine.name());
                            let twice = blocks[1].0[row][column];
                            assert!(
                                (twice - 2.0 * found).abs() <= 2e-5 * size as f32,
                                "{}: {twice} {found}",
                                engine.name()
                            );
                        }
                    }
                    // Nothing before and behind the block was written.
                    assert!(
                        [&blocks[0], &blocks[2]].iter().all(|block| block.0.as_flattened().iter().all(|x| x.is_nan()))
                    );
                }
            }
        }
    }

    #[test]
    fn what_would_be_read_behind_the_end_is_refused() {
        let lines = vec![Line::ZERO; 33];
        let columns = vec![Line::ZERO; 64];
        let run = |start, steps, columns: &[Line]| {
            let segments = [[0, start]];
            let factor = Factor { lines: &lines, stride: 2, segments: &segments, steps, parts: Parts::One };
            for engine in Engine::all() {
                let refused = std::panic::catch_unwind(|| {
                    let mut block = Block::ZERO;
                    engine.enter().multiply(&factor, columns, &mut block, false);
                });
                assert!(refused.is_err());
            }
        };
        run(2, 2, &columns);
        run(1, 3, &[&columns[..], &columns].concat());
        run(1, 2, &columns[..63]);
        run(1, 0, &columns);
    }

    #[test]
    fn registers_are_prepared_on_every_thread_and_in_nested_sessions() {
        let Some(engine) = Engine::amx() else { return };
        let lines = vec![Line([0x3f80; LINE]); 16];
        let columns = vec![Line([0x3f80; LINE]); 32];
        let work = || {
            let factor = Factor { lines: &lines, stride: 1, segments: &[[0, 0]], steps: 1, parts: Parts::One };
            let outer = engine.enter();
            let mut block = Block::ZERO;
            drop(engine.enter());
            outer.multiply(&factor, &columns, &mut block, false);
            assert!(block.0.as_flattened().iter().all(|x| (*x - 32.0).abs() < 1e-6));
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(work);
            }
            work();
        });
        work();
    }
}
