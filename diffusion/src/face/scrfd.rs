//! The outputs of SCRFD ("Sample and Computation Redistribution for Efficient Face Detection", arXiv 2105.04714), as the files of
//! InsightFace's release give them (`scrfd_10g_bnkps.onnx`; described by `python-package/insightface/model_zoo/scrfd.py`).
//!
//! For each of the strides 8, 16 and 32 there are two anchors at every place of a grid. The nine outputs are scores, then distances to
//! the four edges of the box, then offsets of the five key points, each for the three strides.

use super::suppress::Candidate;

/// Pixels of the input for one place of each grid.
pub const STRIDES: [usize; 3] = [8, 16, 32];

/// Anchors at one place.
pub const ANCHORS: usize = 2;

/// Edge of the input of a file that takes any size, as in InsightFace's and Hallo's settings.
pub const EDGE: usize = 640;

/// Least score of a face.
pub const LEAST_SCORE: f32 = 0.5;

/// Most overlap of two faces; boxes contain their last pixel.
pub const MOST_OVERLAP: f32 = 0.4;

/// The answers of one stride, an entry for each anchor: places row by row, both anchors of a place together.
pub struct Grid<'a> {
    /// Pixels of the input for one place.
    pub stride: usize,
    /// Scores from 0 to 1, one for each anchor.
    pub scores: &'a [f32],
    /// Distances from the anchor's point to left, top, right and bottom, in strides.
    pub distances: &'a [f32],
    /// Offsets of five points from the anchor's point, x then y, in strides.
    pub offsets: &'a [f32],
}

/// Anchors of one stride in an input of `edge` x `edge` pixels.
pub fn anchors(edge: usize, stride: usize) -> usize {
    (edge / stride) * (edge / stride) * ANCHORS
}

/// The candidates of one stride in an input of `edge` x `edge` pixels that reach [`LEAST_SCORE`].
pub fn candidates(grid: &Grid<'_>, edge: usize) -> Vec<Candidate> {
    let (columns, stride) = (edge / grid.stride, grid.stride as f32);
    let rows = grid.scores.iter().zip(grid.distances.as_chunks::<4>().0).zip(grid.offsets.as_chunks::<10>().0);
    let sure = rows.enumerate().filter(|(_, ((score, _), _))| **score >= LEAST_SCORE);
    sure.map(|(index, ((score, distances), offsets))| {
        let place = index / ANCHORS;
        // An anchor's point is the upper left corner of its place, not the middle.
        let (x, y) = ((place % columns) as f32 * stride, (place / columns) as f32 * stride);
        let [left, top, right, bottom] = distances.map(|distance| distance * stride);
        Candidate {
            edges: [x - left, y - top, x + right, y + bottom],
            points: std::array::from_fn(|i| [x + offsets[2 * i] * stride, y + offsets[2 * i + 1] * stride]),
            score: *score,
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_from_the_corner_of_a_place() {
        let count = anchors(64, 16);
        assert_eq!(count, 32);
        let (mut scores, mut distances, mut offsets) = (vec![0.1; count], vec![0.0; count * 4], vec![0.0; count * 10]);
        // The second anchor at column 3, row 2: entry (2 * 4 + 3) * 2 + 1.
        scores[23] = 0.75;
        distances[92..96].copy_from_slice(&[1.0, 0.5, 0.25, 2.0]);
        offsets[230..240].copy_from_slice(&[-0.5, 0.0, 0.5, 0.0, 0.0, 0.25, -0.25, 1.0, 0.25, 1.5]);
        let grid = Grid { stride: 16, scores: &scores, distances: &distances, offsets: &offsets };
        let expected = Candidate {
            edges: [32.0, 24.0, 52.0, 64.0],
            points: [[40.0, 32.0], [56.0, 32.0], [48.0, 36.0], [44.0, 48.0], [52.0, 56.0]],
            score: 0.75,
        };
        assert_eq!(candidates(&grid, 64), [expected]);
    }

    #[test]
    fn the_least_score_is_enough() {
        let grid = |score| {
            let scores = vec![score; anchors(32, 32)];
            candidates(&Grid { stride: 32, scores: &scores, distances: &[0.0; 8], offsets: &[0.0; 20] }, 32).len()
        };
        assert_eq!((grid(0.5), grid(0.499)), (2, 0));
    }
}
