//! Where what two chains rendered meets in the film: the frames at which a seam could be seen.

use crate::{Cuts, Join};

/// A frame that follows another which something else rendered, and the seam, counted from 0, that this is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinAt {
    /// The later frame.
    pub frame: u64,
    /// The seam.
    pub seam: u32,
}

/// The joins of a film that is cut like this. A cut has one, at its seam. A bridge and a cross-fade take a clip around the seam: they
/// have one where what is held on the left ends, one at the seam, and one where what is held on the right begins.
pub fn joins(cuts: &Cuts, clip_frames: u32) -> Vec<JoinAt> {
    let (clip, pinned) = (u64::from(clip_frames), u64::from(cuts.pinned));
    let at = |(seam, frame): (u32, &u64)| {
        let from = frame.saturating_sub(clip / 2);
        let frames = match cuts.join {
            Join::Cut => vec![*frame],
            Join::Bridge | Join::Blend => vec![from + pinned, *frame, from + clip - pinned],
        };
        frames.into_iter().map(move |frame| JoinAt { frame, seam })
    };
    (0..).zip(&cuts.seams).flat_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_join_where_frames_are_held_no_more_and_cuts_at_the_seam() {
        let frames = |join| {
            let all = joins(&Cuts::at(vec![60, 120], join, 12), 12);
            all.into_iter().map(|at| (at.frame, at.seam)).collect::<Vec<_>>()
        };
        assert_eq!(frames(Join::Cut), [(60, 0), (120, 1)]);
        assert_eq!(frames(Join::Bridge), [(57, 0), (60, 0), (63, 0), (117, 1), (120, 1), (123, 1)]);
        assert_eq!(frames(Join::Blend)[..3], [(54, 0), (60, 0), (66, 0)]);
        assert_eq!(joins(&Cuts::default(), 12), []);
    }
}
