//! The outputs of YuNet ("YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023), as the files of OpenCV's
//! model zoo give them (`face_detection_yunet_2023mar.onnx`, MIT licence; described by `modules/objdetect/src/face_detect.cpp`).
//!
//! For each of the strides 8, 16 and 32 there is one answer at every place of a grid. The twelve outputs are named `cls_8` and so on:
//! the score of a face, the score of anything at all, the box, and the five key points.

use super::suppress::Candidate;

/// Kinds of outputs, and numbers in each of their entries.
pub const KINDS: [(&str, usize); 4] = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];

/// Least score of a face, OpenCV's default.
pub const LEAST_SCORE: f32 = 0.9;

/// Most overlap of two faces, OpenCV's default.
pub const MOST_OVERLAP: f32 = 0.3;

/// The answers of one stride, an entry for each place, row by row.
pub struct Grid<'a> {
    /// Pixels of the input for one place.
    pub stride: usize,
    /// Score of a face.
    pub faces: &'a [f32],
    /// Score of anything at all.
    pub things: &'a [f32],
    /// Middle of the box from the place's corner, in strides, and the logarithms of width and height in strides.
    pub boxes: &'a [f32],
    /// Five points from the place's corner, x then y, in strides.
    pub offsets: &'a [f32],
}

/// The candidates of one stride in an input of `edge` x `edge` pixels that reach [`LEAST_SCORE`].
pub fn candidates(grid: &Grid<'_>, edge: usize) -> Vec<Candidate> {
    let (columns, stride) = (edge / grid.stride, grid.stride as f32);
    let scores = grid.faces.iter().zip(grid.things).map(|(face, thing)| {
        let product = face.clamp(0.0, 1.0) * thing.clamp(0.0, 1.0);
        product.sqrt()
    });
    let rows = scores.zip(grid.boxes.as_chunks::<4>().0).zip(grid.offsets.as_chunks::<10>().0);
    let sure = rows.enumerate().filter(|(_, ((score, _), _))| *score >= LEAST_SCORE);
    sure.map(|(place, ((score, [across, down, width, height]), offsets))| {
        let (column, row) = ((place % columns) as f32, (place / columns) as f32);
        let middle = [(column + across) * stride, (row + down) * stride];
        let half = [width, height].map(|length| libm::expf(*length) * stride / 2.0);
        Candidate {
            edges: [middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]],
            points: std::array::from_fn(|i| [(column + offsets[2 * i]) * stride, (row + offsets[2 * i + 1]) * stride]),
            score,
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_lie_around_their_middle_and_scores_are_geometric_means() {
        let (mut faces, mut things) = (vec![0.0; 16], vec![1.0; 16]);
        let (mut boxes, mut offsets) = (vec![0.0; 64], vec![0.0; 160]);
        // Column 3, row 2 of four columns; a score above 1 counts as 1.
        (faces[11], things[11]) = (1.5, 0.81);
        (faces[12], things[12]) = (0.9, 0.8);
        boxes[44..48].copy_from_slice(&[0.5, 0.25, 2.0_f32.ln(), 0.0]);
        offsets[110..120].copy_from_slice(&[0.0, 0.0, 1.0, 0.0, 0.5, 0.5, 0.0, 1.0, 1.0, 1.0]);
        let grid = Grid { stride: 16, faces: &faces, things: &things, boxes: &boxes, offsets: &offsets };
        let found = candidates(&grid, 64);
        assert_eq!(found.len(), 1);
        let Candidate { edges, points, score } = &found[0];
        let expected = [40.0, 28.0, 72.0, 44.0];
        assert!(edges.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{edges:?}");
        assert_eq!(*points, [[48.0, 32.0], [64.0, 32.0], [56.0, 40.0], [48.0, 48.0], [64.0, 48.0]]);
        assert!((score - 0.9).abs() < 1e-6);
    }
}
