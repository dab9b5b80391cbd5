//! What every plan must hold.

use std::collections::{BTreeMap, BTreeSet};

use super::{Layout, Plan, TaskNode};
use crate::{Error, Frames, Result, TaskId, TaskKind};

impl Plan {
    /// Checks what every plan must hold; a plan read from elsewhere goes through this.
    ///
    /// # Errors
    /// Names the first task that breaks a rule: every need stands before the task, ids are unique, each chain renders its frames
    /// exactly once and in order, each seam has its bridge, parts cover every frame of the film exactly once and in order, and
    /// every part needs the tasks that supply its frames.
    pub fn check(&self) -> Result<()> {
        let layout = self.layout()?;
        let parts = layout.parts();
        let encoded = parts.first().map_or(0, |(_, frames)| frames.start);
        let last = parts.last().map_or(0, |(_, frames)| frames.end);
        let mut seen = BTreeSet::new();
        let mut walk = Walk { layout, rendered: BTreeMap::new(), bridges: 0, encoded };
        for node in &self.tasks {
            if let Some(need) = node.needs.iter().find(|need| !seen.contains(need)) {
                return wrong(&node.id, &format!("needs {need}, which does not come before it"));
            }
            if !seen.insert(&node.id) {
                return wrong(&node.id, "occurs twice");
            }
            walk.step(node)?;
        }
        walk.end(last)
    }
}

fn wrong<T>(task: &TaskId, what: &str) -> Result<T> {
    Err(Error::order(format!("task {task} of the plan {what}")))
}

/// How far the tasks of a plan got.
struct Walk<'a> {
    layout: Layout<'a>,
    /// For each chain, the frame that is rendered next.
    rendered: BTreeMap<u32, u64>,
    bridges: usize,
    /// The frame that is encoded next.
    encoded: u64,
}

impl Walk<'_> {
    fn step(&mut self, node: &TaskNode) -> Result<()> {
        match &node.kind {
            TaskKind::Segment { chain, frames, .. } => {
                if *chain as usize >= self.layout.chains() {
                    return wrong(&node.id, "is of a chain that the film has not");
                }
                let start = self.layout.rendered(*chain as usize).start;
                advance(node, self.rendered.entry(*chain).or_insert(start), *frames)
            }
            TaskKind::Bridge { seam, .. } => {
                self.bridges += 1;
                let seam = *seam as usize;
                if seam + 1 < self.layout.chains() && self.layout.bridge(seam).as_ref() == Some(&node.kind) {
                    return needs(node, self.layout.bridged(seam).map(|kind| TaskId::of(&kind)));
                }
                wrong(&node.id, "bridges frames that are not an overlap")
            }
            TaskKind::Part { frames, .. } => {
                advance(node, &mut self.encoded, *frames)?;
                needs(node, self.layout.source_ids(*frames).into_iter())
            }
            TaskKind::Prepare | TaskKind::Film => Ok(()),
        }
    }

    fn end(&self, frames: u64) -> Result<()> {
        let short = |chain: &usize| {
            let all = self.layout.rendered(*chain);
            self.rendered.get(&(*chain as u32)).copied().unwrap_or(all.start) != all.end
        };
        if let Some(chain) = (0..self.layout.chains()).find(short) {
            return Err(Error::order(format!("the plan does not render all frames of chain {chain}")));
        }
        let bridges = (0..self.layout.chains() - 1).filter(|seam| self.layout.bridge(*seam).is_some()).count();
        if self.bridges != bridges {
            return Err(Error::order(format!("the plan bridges {} of {bridges} seams", self.bridges)));
        }
        if self.encoded != frames {
            let encoded = self.encoded;
            return Err(Error::order(format!("the plan encodes up to frame {encoded}, and should up to {frames}")));
        }
        Ok(())
    }
}

fn advance(node: &TaskNode, next: &mut u64, frames: Frames) -> Result<()> {
    if frames.start != *next || frames.is_empty() {
        return wrong(&node.id, &format!("covers frames {frames}, but frame {next} is next"));
    }
    *next = frames.end;
    Ok(())
}

fn needs(node: &TaskNode, mut all: impl Iterator<Item = TaskId>) -> Result<()> {
    match all.find(|id| !node.needs.contains(id)) {
        None => Ok(()),
        Some(missing) => wrong(&node.id, &format!("reads {missing}, but does not need it")),
    }
}
