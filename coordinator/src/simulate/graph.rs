//! A plan by numbers: the tasks of films of one shape, and what follows from their costs.

use std::collections::HashMap;

use shared::{Plan, TaskId, TaskKind, task::Lane};

use super::latency::{Cost, Latencies};

/// The tasks of a plan.
#[derive(Debug)]
pub(super) struct Graph {
    places: HashMap<TaskId, u32>,
    pub(super) tasks: Vec<Node>,
    /// Milliseconds of the longest path from the first task to the film.
    pub(super) longest_ms: i64,
    /// Milliseconds of all tasks of each lane, as [`Lane::ALL`] has them.
    pub(super) work_ms: [i64; 2],
    /// Frames that segments render.
    pub(super) rendered: u64,
    /// Frames that bridges render again.
    pub(super) bridged: u64,
    /// Frames of the film.
    pub(super) frames: u64,
}

/// One task.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: TaskKind,
    pub(super) cost: Cost,
    /// Places of what it needs.
    pub(super) needs: Vec<u32>,
}

impl Graph {
    /// The tasks of a plan at these latencies.
    pub(super) fn of(plan: &Plan, latencies: &Latencies) -> Self {
        let places: HashMap<TaskId, u32> = (0_u32..).zip(&plan.tasks).map(|(at, node)| (node.id.clone(), at)).collect();
        let node = |node: &shared::TaskNode| Node {
            kind: node.kind.clone(),
            cost: latencies.cost(&node.kind, &plan.shape),
            needs: node.needs.iter().filter_map(|need| places.get(need).copied()).collect(),
        };
        let tasks: Vec<Node> = plan.tasks.iter().map(node).collect();
        let (mut ends, mut work_ms) = (Vec::with_capacity(tasks.len()), [0; 2]);
        let (mut rendered, mut bridged) = (0, 0);
        for task in &tasks {
            // Needs stand before a task in every plan.
            let ready = task.needs.iter().filter_map(|need| ends.get(*need as usize)).max().copied().unwrap_or(0_i64);
            ends.push(ready.saturating_add(task.cost.whole_ms()));
            work_ms[lane(&task.kind)] += task.cost.whole_ms();
            let frames = task.kind.frames().map_or(0, |frames| frames.len());
            match task.kind {
                TaskKind::Segment { .. } => rendered += frames,
                TaskKind::Bridge { .. } => bridged += frames,
                _ => {}
            }
        }
        let longest_ms = ends.into_iter().max().unwrap_or(0);
        Self { places, tasks, longest_ms, work_ms, rendered, bridged, frames: plan.shape.frames }
    }

    /// The place of a task of this plan.
    pub(super) fn place(&self, id: &TaskId) -> Option<u32> {
        self.places.get(id).copied()
    }
}

/// The place of a task's lane in [`Lane::ALL`].
pub(super) fn lane(kind: &TaskKind) -> usize {
    match kind.lane() {
        Lane::Render => 0,
        Lane::Stitch => 1,
    }
}
