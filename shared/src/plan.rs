//! The plan: a pure function from the shape of a job to all its tasks and what each needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Error, Frames, Result, TaskId, TaskKind};

/// The longest film the plan accepts: 24 hours at 60 frames per second.
pub const MOST_FRAMES: u64 = 24 * 3600 * 60;

/// What decides how a film is cut into tasks. Never the number of workers: where it runs does not change the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Frames of the film.
    pub frames: u64,
    /// Frames that the model denoises together.
    pub clip_frames: u32,
    /// Clips in a segment.
    pub segment_clips: u32,
    /// Segments in a part.
    pub part_segments: u32,
}

/// One task and what it needs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TaskNode {
    /// Its id.
    pub id: TaskId,
    /// What it makes.
    #[serde(flatten)]
    pub kind: TaskKind,
    /// The tasks whose results it reads; all stand before it in the plan.
    pub needs: Vec<TaskId>,
}

/// All tasks of one job, each after everything it needs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The shape it was made from.
    pub shape: Shape,
    /// The tasks.
    pub tasks: Vec<TaskNode>,
}

impl Plan {
    /// Cuts a film of this shape into one chain of segments, parts of whole segments, and the film.
    ///
    /// # Errors
    /// When the shape holds a zero or more than [`MOST_FRAMES`].
    pub fn new(shape: Shape) -> Result<Self> {
        shape.check()?;
        let film = Frames::new(0, shape.frames);
        let mut tasks = vec![TaskNode::new(TaskKind::Prepare, vec![])];
        let prepare = tasks[0].id.clone();
        let mut segments: Vec<(TaskId, Frames)> = Vec::new();
        for (index, frames) in film.pieces(shape.segment_frames()).enumerate() {
            let mut needs = vec![prepare.clone()];
            needs.extend(segments.last().map(|(id, _)| id.clone()));
            let node = TaskNode::new(TaskKind::Segment { chain: 0, index: index as u32, frames }, needs);
            segments.push((node.id.clone(), frames));
            tasks.push(node);
        }
        let mut parts = Vec::new();
        for (index, frames) in film.pieces(shape.part_frames()).enumerate() {
            // Segments are equally long, so those that a part covers are found by arithmetic, not by search.
            let from = (frames.start / shape.segment_frames()) as usize;
            let to = (frames.end.div_ceil(shape.segment_frames())) as usize;
            let mut needs = vec![prepare.clone()];
            needs.extend(segments[from..to].iter().map(|(id, _)| id.clone()));
            let node = TaskNode::new(TaskKind::Part { index: index as u32, frames }, needs);
            parts.push(node.id.clone());
            tasks.push(node);
        }
        tasks.push(TaskNode::new(TaskKind::Film, parts));
        Ok(Self { shape, tasks })
    }

    /// For each task, in the order of the plan, the frames that are worked on one after the other from it to the film at
    /// the least: the longest path of what needs it, itself included. Workers that take the task with the longest rest
    /// first finish a job earliest (critical path scheduling).
    pub fn rests(&self) -> Vec<u64> {
        let place: BTreeMap<&TaskId, usize> = self.tasks.iter().enumerate().map(|(i, node)| (&node.id, i)).collect();
        let mut after = vec![0_u64; self.tasks.len()];
        let mut rests = vec![0_u64; self.tasks.len()];
        // Needs stand before a task, so whatever follows it has been seen when the walk goes backwards.
        for (i, node) in self.tasks.iter().enumerate().rev() {
            rests[i] = after[i].saturating_add(node.kind.frames().map_or(0, |frames| frames.len()));
            for need in node.needs.iter().filter_map(|need| place.get(need)) {
                after[*need] = after[*need].max(rests[i]);
            }
        }
        rests
    }

    /// The task called `id`.
    pub fn task(&self, id: &TaskId) -> Option<&TaskNode> {
        self.tasks.iter().find(|node| node.id == *id)
    }

    /// Checks what every plan must hold; a plan read from elsewhere goes through this.
    ///
    /// # Errors
    /// Names the first task that breaks a rule: every need stands before the task, ids are unique, and
    /// segments and parts each cover every frame of the film exactly once and in order.
    pub fn check(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        let (mut rendered, mut encoded) = (0, 0);
        for node in &self.tasks {
            let wrong = |what: &str| Err(Error::order(format!("task {} of the plan {what}", node.id)));
            if let Some(need) = node.needs.iter().find(|need| !seen.contains(need)) {
                return wrong(&format!("needs {need}, which does not come before it"));
            }
            if !seen.insert(&node.id) {
                return wrong("occurs twice");
            }
            let cursor = match &node.kind {
                TaskKind::Segment { .. } => &mut rendered,
                TaskKind::Part { .. } => &mut encoded,
                _ => continue,
            };
            let frames = node.kind.frames().unwrap_or(Frames::new(0, 0));
            if frames.start != *cursor || frames.is_empty() {
                return wrong(&format!("covers frames {frames}, but frame {cursor} is next"));
            }
            *cursor = frames.end;
        }
        if (rendered, encoded) != (self.shape.frames, self.shape.frames) {
            return Err(Error::order(format!(
                "the plan renders {rendered} and encodes {encoded} of {} frames",
                self.shape.frames
            )));
        }
        Ok(())
    }
}

impl TaskNode {
    fn new(kind: TaskKind, needs: Vec<TaskId>) -> Self {
        Self { id: TaskId::of(&kind), kind, needs }
    }
}

impl Shape {
    /// Frames in a whole segment.
    pub fn segment_frames(&self) -> u64 {
        u64::from(self.clip_frames) * u64::from(self.segment_clips)
    }

    /// Frames in a whole part.
    pub fn part_frames(&self) -> u64 {
        self.segment_frames() * u64::from(self.part_segments)
    }

    fn check(&self) -> Result<()> {
        if self.frames == 0 {
            return Err(Error::order("a film needs at least one frame").mend("give a track that is longer"));
        }
        if self.frames > MOST_FRAMES {
            return Err(Error::order(format!("a film of {} frames is longer than {MOST_FRAMES}", self.frames))
                .mend("cut the track into several jobs"));
        }
        if self.clip_frames == 0 || self.segment_clips == 0 || self.part_segments == 0 {
            return Err(Error::order("clips, segments and parts need at least one member each"));
        }
        if self.part_frames() > MOST_FRAMES {
            return Err(Error::order(format!("a part of {} frames is longer than any film", self.part_frames())));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(frames: u64) -> Shape {
        Shape { frames, clip_frames: 12, segment_clips: 4, part_segments: 2 }
    }

    #[test]
    fn a_short_film() {
        let plan = Plan::new(shape(125)).unwrap();
        let ids: Vec<_> = plan.tasks.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(
            ids,
            ["prepare", "segment-0-00000", "segment-0-00001", "segment-0-00002", "part-00000", "part-00001", "film"]
        );
        assert_eq!(plan.tasks[2].needs, [plan.tasks[0].id.clone(), plan.tasks[1].id.clone()]);
        assert_eq!(plan.tasks[5].needs, [plan.tasks[0].id.clone(), plan.tasks[3].id.clone()]);
        assert_eq!(plan.tasks[3].kind.frames(), Some(Frames::new(96, 125)));
    }

    #[test]
    fn rests_are_longest_paths() {
        let plan = Plan::new(shape(125)).unwrap();
        // From the first segment: 48 and 48 frames rendered in a row, then the part of 96 is encoded.
        assert_eq!(plan.rests(), [192, 192, 144, 58, 96, 29, 0]);
    }

    #[test]
    fn limits_are_kept() {
        assert!(Plan::new(shape(0)).is_err());
        assert!(Plan::new(shape(MOST_FRAMES + 1)).is_err());
        assert!(Plan::new(shape(MOST_FRAMES)).is_ok());
        assert!(Plan::new(Shape { clip_frames: 0, ..shape(9) }).is_err());
        let huge = Shape { clip_frames: u32::MAX, segment_clips: 9, ..shape(9) };
        assert!(Plan::new(huge).is_err());
    }

    #[test]
    fn a_broken_plan_is_found_out() {
        let good = Plan::new(shape(125)).unwrap();
        let mut late = good.clone();
        late.tasks.swap(1, 2);
        assert!(late.check().is_err());
        let mut missing = good.clone();
        missing.tasks.remove(3);
        assert!(missing.check().is_err());
        let mut twice = good.clone();
        twice.tasks.push(good.tasks[0].clone());
        assert!(twice.check().is_err());
    }

    proptest! {
        #[test]
        fn every_plan_holds_its_rules(frames in 1u64..5000, clip in 1u32..40, clips in 1u32..12, segments in 1u32..12) {
            let plan = Plan::new(Shape { frames, clip_frames: clip, segment_clips: clips, part_segments: segments }).unwrap();
            plan.check().unwrap();
            prop_assert_eq!(plan.tasks.last().map(|node| &node.kind), Some(&TaskKind::Film));
            // A part reads every segment that holds one of its frames, and no other.
            for part in plan.tasks.iter().filter(|node| matches!(node.kind, TaskKind::Part { .. })) {
                let frames = part.kind.frames().unwrap();
                let touching: Vec<_> = plan.tasks.iter()
                    .filter(|n| n.kind.renders() && !n.kind.frames().unwrap().meet(frames).is_empty())
                    .map(|n| n.id.clone()).collect();
                prop_assert_eq!(&part.needs[1..], &touching[..]);
            }
        }
    }
}
