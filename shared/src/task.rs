//! Tasks: what kinds there are, and which steps a task may take.

use std::fmt;

use crate::{Frames, JobId};

/// The name of a task within its job, such as `segment-0-00003`; it says kind and place, and sorts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TaskId(String);

impl TaskId {
    /// The id under which `kind` stands in any plan.
    pub fn of(kind: &TaskKind) -> Self {
        Self(match kind {
            TaskKind::Prepare => "prepare".into(),
            TaskKind::Segment { chain, index, .. } => format!("segment-{chain}-{index:05}"),
            TaskKind::Bridge { seam, .. } => format!("bridge-{seam:05}"),
            TaskKind::Part { index, .. } => format!("part-{index:05}"),
            TaskKind::Film => "film".into(),
        })
    }

    /// An id read back from a ledger or a message; ids outside the plan are found out by looking them up.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One task of one job: what a message on the queue carries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TaskKey {
    /// The job.
    pub job: JobId,
    /// The task within the job.
    pub task: TaskId,
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.job, self.task)
    }
}

/// What a task makes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TaskKind {
    /// Everything that later tasks share: audio features, portrait, reference features.
    Prepare,
    /// A segment: consecutive clips of one chain, ending in a handoff.
    Segment {
        /// Which chain.
        chain: u32,
        /// Place in the chain, from 0.
        index: u32,
        /// The frames it renders.
        frames: Frames,
    },
    /// A short segment rendered again over a seam.
    Bridge {
        /// Which seam, from 0.
        seam: u32,
        /// The frames it renders.
        frames: Frames,
    },
    /// A run of frames decoded and encoded as one file.
    Part {
        /// Place in the film, from 0.
        index: u32,
        /// The frames it encodes.
        frames: Frames,
    },
    /// All parts joined, the audio added.
    Film,
}

impl TaskKind {
    /// The frames that the task renders or encodes; none for `prepare` and `film`.
    pub fn frames(&self) -> Option<Frames> {
        match self {
            Self::Segment { frames, .. } | Self::Bridge { frames, .. } | Self::Part { frames, .. } => Some(*frames),
            Self::Prepare | Self::Film => None,
        }
    }

    /// Whether the task renders frames of the film (rather than encoding or joining them).
    pub fn renders(&self) -> bool {
        matches!(self, Self::Segment { .. } | Self::Bridge { .. })
    }

    /// The workers that take this kind of task.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Prepare | Self::Segment { .. } | Self::Bridge { .. } => Lane::Render,
            Self::Part { .. } | Self::Film => Lane::Stitch,
        }
    }
}

/// Which workers a task is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Workers that hold the network: `prepare`, `segment`, `bridge`.
    Render,
    /// Stitchers: `part` and `film`.
    Stitch,
}

impl Lane {
    /// Both lanes.
    pub const ALL: [Self; 2] = [Self::Render, Self::Stitch];

    /// The lane's name in ledgers, queue names and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Render => "render",
            Self::Stitch => "stitch",
        }
    }
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Some of what it needs is not done.
    Waiting,
    /// May be claimed.
    Ready,
    /// A worker holds the lease.
    Leased,
    /// Its result counts.
    Done,
    /// Given up.
    Failed,
    /// Its job was cancelled or failed before it was done.
    Cancelled,
}

/// What can happen to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The last of its needs was done.
    NeedsMet,
    /// A worker took the lease.
    Claim,
    /// The worker kept its result.
    Complete,
    /// The worker handed it back unfinished, or the lease ran out, or a failure deserves another attempt.
    Return,
    /// The last attempt failed, or none can help.
    GiveUp,
    /// The job ended without it.
    Cancel,
    /// Its failed or cancelled job was taken up again; done tasks stay done.
    Revive,
    /// Its job is taken up again, and what it made was removed.
    Redo,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 6] = [Self::Waiting, Self::Ready, Self::Leased, Self::Done, Self::Failed, Self::Cancelled];

    /// The state after `step`, or nothing when a task in this state cannot take it.
    pub fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Waiting, Step::NeedsMet) | (Self::Leased, Step::Return) => Some(Self::Ready),
            (Self::Ready, Step::Claim) => Some(Self::Leased),
            (Self::Leased, Step::Complete) => Some(Self::Done),
            (Self::Leased, Step::GiveUp) => Some(Self::Failed),
            (Self::Waiting | Self::Ready | Self::Leased, Step::Cancel) => Some(Self::Cancelled),
            (Self::Failed | Self::Cancelled, Step::Revive) | (Self::Done, Step::Redo) => Some(Self::Waiting),
            _ => None,
        }
    }

    /// Whether nothing more can happen to the task, unless its job is taken up again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// The state's name in ledgers and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 8] = [
        Step::NeedsMet,
        Step::Claim,
        Step::Complete,
        Step::Return,
        Step::GiveUp,
        Step::Cancel,
        Step::Revive,
        Step::Redo,
    ];

    /// The whole truth table; `-` is an illegal step.
    #[test]
    fn legal_steps() {
        let table = [
            //            NeedsMet  Claim     Complete  Return    GiveUp    Cancel      Revive     Redo
            ("waiting", ["ready", "-", "-", "-", "-", "cancelled", "-", "-"]),
            ("ready", ["-", "leased", "-", "-", "-", "cancelled", "-", "-"]),
            ("leased", ["-", "-", "done", "ready", "failed", "cancelled", "-", "-"]),
            ("done", ["-", "-", "-", "-", "-", "-", "-", "waiting"]),
            ("failed", ["-", "-", "-", "-", "-", "-", "waiting", "-"]),
            ("cancelled", ["-", "-", "-", "-", "-", "-", "waiting", "-"]),
        ];
        for (from, to) in table {
            let state = TaskState::named(from).unwrap();
            for (step, expected) in STEPS.into_iter().zip(to) {
                let after = state.after(step).map_or("-", TaskState::name);
                assert_eq!(after, expected, "{from} after {step:?}");
            }
        }
    }

    #[test]
    fn final_states_take_no_step_but_revival() {
        for state in TaskState::ALL {
            let again = [Step::Revive, Step::Redo];
            let stuck = STEPS.iter().all(|step| again.contains(step) || state.after(*step).is_none());
            assert_eq!(state.is_final(), stuck, "{state:?}");
        }
    }

    #[test]
    fn ids_sort_in_film_order() {
        let id = |index| TaskId::of(&TaskKind::Segment { chain: 0, index, frames: Frames::new(0, 1) });
        assert!(id(9) < id(10));
        assert_eq!(id(3).as_str(), "segment-0-00003");
    }
}
