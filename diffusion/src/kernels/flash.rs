//! Multi-head attention in tile registers: some keys at a time, whose scores never leave the nearest cache.
//!
//! Softmax needs the largest score of a row before the first weight. Here each chunk of keys goes by the largest score so far, and what was
//! summed is scaled down when a larger one comes (`FlashAttention`, arXiv 2205.14135, algorithm 1).

use std::ops::Range;

use rayon::prelude::*;

use super::{
    attention::{Heads, KeyValues, Lines},
    engine::{Block, Engine, Factor, Session},
    lines::{LINE, Line, Parts, split},
    math,
    wide::wide,
};

/// Query rows that are computed together.
const ROWS: usize = 32;
/// Blocks of 32 keys that are taken at once.
const CHUNK: usize = 8;
/// Rows and keys below which packing costs more than tile registers bring.
const WORTH_TILES: usize = 16;

/// Whether `rows` queries and `keys` keys of `size` numbers are worth tile registers.
pub(super) fn is_worth(rows: usize, keys: usize, size: usize) -> bool {
    rows >= WORTH_TILES && keys >= WORTH_TILES / 2 && size >= WORTH_TILES
}

/// Attention of `rows` rows in each batch of `out`; `inputs` gives the queries and keys of a batch.
pub(super) fn attend<'a>(
    heads: Heads,
    (engine, parts): (Engine, Parts),
    rows: usize,
    out: &mut [f32],
    inputs: impl Fn(usize) -> (Lines<'a>, [KeyValues<'a>; 2]) + Sync,
) {
    let (size, channels) = (heads.size(), heads.channels);
    let threads = 2 * rayon::current_num_threads();
    let batches = out.len() / (rows * channels).max(1);
    // Few heads: the rows are shared out too.
    let pieces = threads.div_ceil(batches * heads.count).min(rows.div_ceil(ROWS)).max(1);
    let piece = rows.div_ceil(pieces).next_multiple_of(ROWS);
    let pieces = rows.div_ceil(piece);
    // Heads lie side by side in the result: each is made apart, a bounded number of them at once.
    let together = (2 * threads).div_ceil(heads.count * pieces);
    for (round, out) in out.chunks_mut(together * rows * channels).enumerate() {
        let count = out.len() / (rows * channels) * heads.count * pieces;
        let made: Vec<Vec<f32>> = (0..count)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, task| {
                let (head, start) = (task / pieces % heads.count, task % pieces * piece);
                let (queries, seen) = inputs(round * together + task / (pieces * heads.count));
                let head = Head { queries, seen, column: head * size, size, channels, parts };
                head.attend(&engine.enter(), start..(start + piece).min(rows), scratch)
            })
            .collect();
        for (task, made) in made.iter().enumerate() {
            let (batch, head) = (task / (pieces * heads.count), task / pieces % heads.count);
            let out = &mut out[(batch * rows + task % pieces * piece) * channels..];
            for (out, made) in out.chunks_mut(channels).zip(made.chunks_exact(size)) {
                out[head * size..][..size].copy_from_slice(made);
            }
        }
    }
}

/// Memory that a thread uses again for its next head.
#[derive(Default)]
struct Scratch {
    keys: Vec<Line>,
    values: Vec<Line>,
    queries: Vec<Line>,
    scores: Vec<Block>,
    weights: Vec<Line>,
    sums: Vec<Block>,
}

/// One head of one batch.
struct Head<'a> {
    queries: Lines<'a>,
    seen: [KeyValues<'a>; 2],
    column: usize,
    size: usize,
    channels: usize,
    parts: Parts,
}

/// Blocks of 32 keys: where they begin among all, how many, and how many keys the last one has.
struct Run {
    first: usize,
    blocks: usize,
    last: usize,
}

impl Head<'_> {
    fn attend(&self, session: &Session, rows: Range<usize>, scratch: &mut Scratch) -> Vec<f32> {
        let steps = self.size.div_ceil(LINE);
        let runs = self.pack(scratch);
        let Scratch { keys, values, queries, scores, weights, sums } = scratch;
        let all = runs.iter().map(|run| run.blocks).sum::<usize>();
        let (of_step, parts) = (Factor::step_lines(self.parts), self.parts.count());
        queries.resize(ROWS * steps * parts, Line::ZERO);
        scores.resize(CHUNK, Block::ZERO);
        weights.resize(ROWS * CHUNK * parts, Line::ZERO);
        sums.resize(steps, Block::ZERO);
        let mut out = Vec::with_capacity(rows.len() * self.size);
        for start in rows.clone().step_by(ROWS) {
            let count = ROWS.min(rows.end - start);
            self.load(start, count, queries);
            sums.fill(Block::ZERO);
            let mut state = State::NEW;
            let chunks = runs.iter().flat_map(|run| {
                let blocks = (0..run.blocks).step_by(CHUNK);
                blocks.map(move |block| (run, run.first + block, CHUNK.min(run.blocks - block), block))
            });
            for (run, first, blocks, block) in chunks {
                let halves = [[0, ROWS / 2 * steps * parts]];
                let rows = self.factor(queries, &halves, steps);
                for (score, block) in scores.iter_mut().zip(first..first + blocks) {
                    session.multiply(&rows, &keys[block * steps * of_step..][..steps * of_step], score, false);
                }
                let last = if block + blocks == run.blocks { run.last } else { LINE };
                self.soften(&mut scores[..blocks], last, &mut state, weights, sums);
                let halves = [[0, ROWS / 2 * blocks * parts]];
                let soft = self.factor(weights, &halves, blocks);
                for (column, sum) in sums.iter_mut().enumerate() {
                    let values = &values[(column * all + first) * of_step..][..blocks * of_step];
                    session.multiply(&soft, values, sum, true);
                }
            }
            self.store(count, &state, sums, &mut out);
        }
        out
    }

    /// Two groups of 16 rows one after the other, each of `steps` times its parts.
    fn factor<'a>(&self, lines: &'a [Line], segments: &'a [[usize; 2]], steps: usize) -> Factor<'a> {
        Factor { lines, stride: steps * self.parts.count(), segments, steps, parts: self.parts }
    }

    /// Query rows as lines; zeros behind the last.
    fn load(&self, start: usize, count: usize, lines: &mut [Line]) {
        let row_lines = lines.len() / ROWS;
        lines[count * row_lines..].fill(Line::ZERO);
        wide(
            #[inline(always)]
            || {
                for (row, lines) in lines.chunks_exact_mut(row_lines).take(count).enumerate() {
                    super::lines::split_row(self.queries.row(start + row, self.column, self.size), self.parts, lines);
                }
            },
        );
    }

    /// Turns a chunk's scores into weights e^(scale * (score - largest)), as lines; only `last` keys of the last block count.
    fn soften(&self, scores: &mut [Block], last: usize, state: &mut State, lines: &mut [Line], sums: &mut [Block]) {
        let scale = 1.0 / (self.size as f32).sqrt();
        let (blocks, parts) = (scores.len(), self.parts.count());
        wide(
            #[inline(always)]
            || {
                for row in 0..ROWS {
                    let mut largest = [state.largest[row]; LINE];
                    for (block, scores) in scores.iter_mut().enumerate() {
                        let scores = &mut scores.0[row];
                        if block + 1 == blocks {
                            scores[last..].fill(f32::NEG_INFINITY);
                        }
                        for (largest, score) in largest.iter_mut().zip(scores) {
                            *largest = if *score > *largest { *score } else { *largest };
                        }
                    }
                    let new = math::largest(&largest);
                    let kept = math::exp((state.largest[row] - new) * scale);
                    let mut total = [0.0; LINE];
                    let lines = &mut lines[row * blocks * parts..][..blocks * parts];
                    for (scores, lines) in scores.iter().zip(lines.chunks_exact_mut(parts)) {
                        let mut weights = [0.0; LINE];
                        for ((weight, total), score) in weights.iter_mut().zip(&mut total).zip(&scores.0[row]) {
                            *weight = math::exp((score - new) * scale);
                            *total += *weight;
                        }
                        split(&weights, lines);
                    }
                    state.total[row] = state.total[row] * kept + math::sum(&total, |x| x);
                    if new > state.largest[row] {
                        for sums in sums.iter_mut() {
                            sums.0[row].iter_mut().for_each(|x| *x *= kept);
                        }
                    }
                    state.largest[row] = new;
                }
            },
        );
    }

    fn store(&self, count: usize, state: &State, sums: &[Block], out: &mut Vec<f32>) {
        for row in 0..count {
            let factor = 1.0 / state.total[row];
            for (column, sums) in sums.iter().enumerate() {
                let columns = LINE.min(self.size - column * LINE);
                out.extend(sums.0[row][..columns].iter().map(|x| x * factor));
            }
        }
    }

    /// Packs keys as columns of `[block of keys][step of numbers]` and values as columns of `[block of numbers][step of keys]`.
    fn pack(&self, scratch: &mut Scratch) -> Vec<Run> {
        let mut first = 0;
        let runs = self.seen.iter().filter(|seen| seen.count > 0).map(|seen| {
            let run = Run { first, blocks: seen.count.div_ceil(LINE), last: (seen.count - 1) % LINE + 1 };
            first += run.blocks;
            run
        });
        let runs: Vec<Run> = runs.collect();
        let (all, steps, of_step) = (first, self.size.div_ceil(LINE), Factor::step_lines(self.parts));
        for lines in [&mut scratch.keys, &mut scratch.values] {
            lines.clear();
            lines.resize(all * steps * of_step, Line::ZERO);
        }
        wide(
            #[inline(always)]
            || {
                for (run, seen) in runs.iter().zip(self.seen.iter().filter(|seen| seen.count > 0)) {
                    for block in 0..run.blocks {
                        let keys = block * LINE..((block + 1) * LINE).min(seen.count);
                        for step in 0..steps {
                            let at = ((run.first + block) * steps + step) * of_step;
                            self.pack_keys(seen, keys.clone(), step, &mut scratch.keys[at..][..of_step]);
                            let at = (step * all + run.first + block) * of_step;
                            self.pack_values(seen, keys.clone(), step, &mut scratch.values[at..][..of_step]);
                        }
                    }
                }
            },
        );
        runs
    }

    /// Numbers of a row of keys or values, from `column` on, that belong to a step; zeros behind the head's last.
    #[inline(always)]
    fn numbers(&self, seen: &KeyValues<'_>, key: usize, column: usize, step: usize) -> [Line; 2] {
        let from = step * LINE;
        let count = LINE.min(self.size - from);
        let row = seen.lines.row(key, column + self.column + from, count);
        let mut lines = [Line::ZERO; 2];
        let parts = self.parts.count();
        match row.first_chunk::<LINE>() {
            Some(whole) => split(whole, &mut lines[..parts]),
            None => super::lines::split_row(row, self.parts, &mut lines[..parts]),
        }
        lines
    }

    /// Keys are the columns, their numbers the inputs.
    #[inline(always)]
    fn pack_keys(&self, seen: &KeyValues<'_>, keys: Range<usize>, step: usize, lines: &mut [Line]) {
        let parts = self.parts.count();
        for (column, key) in keys.enumerate() {
            let numbers = self.numbers(seen, key, 0, step);
            for (part, numbers) in numbers.iter().take(parts).enumerate() {
                let tile = &mut lines[(parts - 1 - part) * LINE + column / 16 * 16..][..16];
                for (line, pair) in tile.iter_mut().zip(numbers.0.as_chunks::<2>().0) {
                    line.0.as_chunks_mut::<2>().0[column % 16] = *pair;
                }
            }
        }
    }

    /// Numbers are the columns, values the inputs.
    #[inline(always)]
    fn pack_values(&self, seen: &KeyValues<'_>, keys: Range<usize>, step: usize, lines: &mut [Line]) {
        let parts = self.parts.count();
        for (pair, start) in keys.clone().step_by(2).enumerate() {
            let even = self.numbers(seen, start, self.channels, step);
            let odd =
                if start + 1 < keys.end { self.numbers(seen, start + 1, self.channels, step) } else { [Line::ZERO; 2] };
            for (part, (even, odd)) in even.iter().zip(&odd).take(parts).enumerate() {
                let tiles = &mut lines[(parts - 1 - part) * LINE..][..LINE];
                for half in 0..2 {
                    let places = tiles[half * 16 + pair].0.as_chunks_mut::<2>().0;
                    let columns = even.0[half * 16..][..16].iter().zip(&odd.0[half * 16..][..16]);
                    for (place, (even, odd)) in places.iter_mut().zip(columns) {
                        *place = [*even, *odd];
                    }
                }
            }
        }
    }
}

/// What softmax knows of each row so far.
struct State {
    largest: [f32; ROWS],
    total: [f32; ROWS],
}

impl State {
    const NEW: Self = Self { largest: [f32::NEG_INFINITY; ROWS], total: [0.0; ROWS] };
}
