//! Many answers for one face become one: greedy suppression of what overlaps.

/// A possible face, in pixels of the detector's input.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Left, top, right and bottom edge.
    pub edges: [f32; 4],
    /// The five key points, `[x, y]`.
    pub points: [[f32; 2]; 5],
    /// How sure the detector is.
    pub score: f32,
}

/// Keeps the best candidate, drops those whose common area with it is more than `most` of the area of both together, and goes on with
/// the next. The kept ones come best first.
///
/// `margin` is added to each length: 1 where a detector was tuned with boxes that contain their last pixel.
pub(super) fn suppressed(mut candidates: Vec<Candidate>, most: f32, margin: f32) -> Vec<Candidate> {
    candidates.retain(|candidate| candidate.score.is_finite());
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if kept.iter().all(|better| overlap(&better.edges, &candidate.edges, margin) <= most) {
            kept.push(candidate);
        }
    }
    kept
}

/// Common area over the area of both together.
fn overlap(a: &[f32; 4], b: &[f32; 4], margin: f32) -> f32 {
    let area = |e: &[f32; 4]| (e[2] - e[0] + margin) * (e[3] - e[1] + margin);
    let width = (a[2].min(b[2]) - a[0].max(b[0]) + margin).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1]) + margin).max(0.0);
    width * height / (area(a) + area(b) - width * height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(edges: [f32; 4], score: f32) -> Candidate {
        Candidate { edges, points: [[0.0; 2]; 5], score }
    }

    #[test]
    fn the_best_of_each_face_stays() {
        let (a, b) = ([0.0, 0.0, 100.0, 100.0], [50.0, 0.0, 150.0, 100.0]);
        // A third of both together: 5000 of 15000.
        assert!((overlap(&a, &b, 0.0) - 1.0 / 3.0).abs() < 1e-6);
        let given = || vec![candidate(a, 0.6), candidate(b, 0.9), candidate([300.0, 0.0, 310.0, 10.0], 0.7)];
        let scores = |kept: Vec<Candidate>| kept.iter().map(|c| c.score).collect::<Vec<_>>();
        assert_eq!(scores(suppressed(given(), 0.3, 0.0)), [0.9, 0.7]);
        assert_eq!(scores(suppressed(given(), 0.34, 0.0)), [0.9, 0.7, 0.6]);
        let (a, b) = ([0.0, 0.0, 1.0, 9.0], [1.0, 0.0, 2.0, 9.0]);
        assert_eq!((overlap(&a, &b, 0.0), overlap(&a, &b, 1.0)), (0.0, 1.0 / 3.0), "the last pixel counts");
        assert!(suppressed(vec![candidate(a, f32::NAN)], 0.3, 0.0).is_empty());
    }
}
