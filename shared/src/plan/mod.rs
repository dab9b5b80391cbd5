//! The plan: a pure function from the shape of a job and its cuts to all its tasks and what each needs.

mod check;
mod cuts;
mod layout;
mod preview;
mod retake;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use cuts::{Cuts, Join};
pub use layout::{Layout, Origin, Source};
pub use preview::{Place, Preview};
pub use retake::{Kept, Retake};
pub use shape::{MOST_FRAMES, Shape};

use crate::{Result, TaskId, TaskKind};

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
    /// Where it is cut into chains.
    #[serde(default, skip_serializing_if = "Cuts::is_one_chain")]
    pub cuts: Cuts,
    /// What is kept of an earlier film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retake: Option<Retake>,
    /// The tasks.
    pub tasks: Vec<TaskNode>,
}

impl Plan {
    /// Cuts a film of this shape into one chain of segments, parts of whole segments, and the film.
    ///
    /// # Errors
    /// When the shape holds a zero or more than [`MOST_FRAMES`].
    pub fn new(shape: Shape) -> Result<Self> {
        Self::cut(shape, &Cuts::default())
    }

    /// Cuts a film of this shape into chains that meet at seams, bridges over the seams, parts, and the film.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn cut(shape: Shape, cuts: &Cuts) -> Result<Self> {
        Self::with(shape, cuts, None)
    }

    /// Plans a film of which only some frames are rendered anew: the chain between its seams, bridges, and the parts that change.
    ///
    /// # Errors
    /// As [`Layout::of`].
    pub fn again(shape: Shape, cuts: &Cuts, retake: &Retake) -> Result<Self> {
        Self::with(shape, cuts, Some(retake))
    }

    fn with(shape: Shape, cuts: &Cuts, retake: Option<&Retake>) -> Result<Self> {
        let layout = Layout::with(shape, cuts, retake)?;
        let mut tasks = vec![TaskNode::new(TaskKind::Prepare, vec![])];
        let prepare = tasks[0].id.clone();
        for chain in 0..layout.chains() {
            let mut before: Option<TaskId> = None;
            for kind in layout.segments(chain) {
                let mut needs = vec![prepare.clone()];
                needs.extend(before.take());
                let node = TaskNode::new(kind, needs);
                before = Some(node.id.clone());
                tasks.push(node);
            }
        }
        for (seam, kind) in (0..cuts.seams.len()).filter_map(|seam| Some((seam, layout.bridge(seam)?))) {
            let mut needs = vec![prepare.clone()];
            needs.extend(layout.bridged(seam).map(|kind| TaskId::of(&kind)));
            tasks.push(TaskNode::new(kind, needs));
        }
        let mut parts = Vec::new();
        for (index, frames) in layout.parts() {
            let mut needs = vec![prepare.clone()];
            needs.extend(layout.source_ids(frames));
            let node = TaskNode::new(TaskKind::Part { index, frames }, needs);
            parts.push(node.id.clone());
            tasks.push(node);
        }
        tasks.push(TaskNode::new(TaskKind::Film, parts));
        Ok(Self { shape, cuts: cuts.clone(), retake: retake.cloned(), tasks })
    }

    /// For each task, the frames that are worked on one after the other from it to the film at
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

    /// For each task, the frames of the film that count as rendered when it is done; each frame counts once.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn counted(&self) -> Result<Vec<u64>> {
        let layout = self.layout()?;
        Ok(self.tasks.iter().map(|node| layout.counted(&node.kind).len()).collect())
    }

    fn layout(&self) -> Result<Layout<'_>> {
        Layout::with(self.shape, &self.cuts, self.retake.as_ref())
    }

    /// The task called `id`.
    pub fn task(&self, id: &TaskId) -> Option<&TaskNode> {
        self.tasks.iter().find(|node| node.id == *id)
    }
}

impl TaskNode {
    fn new(kind: TaskKind, needs: Vec<TaskId>) -> Self {
        Self { id: TaskId::of(&kind), kind, needs }
    }
}
