//! The farm's documents, as far as the client reads them. Fields that it does not know are left alone.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::{Error, Result};

use super::moment::Moment;

/// Where a job stands.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Job {
    /// Its id.
    pub(crate) id: String,
    /// `running`, `done`, `failed` or `cancelled`.
    pub(crate) state: String,
    /// `none`, `paused` or `draining`.
    pub(crate) hold: String,
    /// How urgent it is.
    pub(crate) priority: u8,
    /// The customer's own name for it.
    pub(crate) external_id: Option<String>,
    /// The customer's own marks.
    pub(crate) labels: BTreeMap<String, String>,
    /// Why it failed or was cancelled.
    pub(crate) error: Option<String>,
    /// When it was submitted.
    pub(crate) submitted: Moment,
    /// When it ended.
    pub(crate) ended: Option<Moment>,
    /// How far it is.
    pub(crate) progress: Progress,
    /// Tasks that come before its first ready one.
    pub(crate) position: Option<u64>,
    /// When it is likely to be done.
    pub(crate) eta: Option<Eta>,
}

impl Job {
    /// Whether nothing more happens to it by itself.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "done" | "failed" | "cancelled")
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    /// Frames rendered.
    pub(crate) frames_rendered: u64,
    /// Frames of the film.
    pub(crate) frames: u64,
    /// Tasks done.
    pub(crate) tasks_done: u64,
    /// Tasks in all.
    pub(crate) tasks: u64,
}

impl From<Progress> for shared::ports::Progress {
    fn from(progress: Progress) -> Self {
        let Progress { frames_rendered, frames, tasks_done, tasks } = progress;
        Self { frames_rendered, frames, tasks_done, tasks }
    }
}

/// When a job is likely to be done.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Eta {
    /// As likely before as after.
    pub(crate) p50_seconds: f64,
    /// Nine times of ten before.
    pub(crate) p90_seconds: f64,
}

/// One task of a job.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Task {
    /// `prepare`, `segment`, `bridge`, `part` or `film`.
    pub(crate) kind: String,
    /// Which chain, for segments.
    pub(crate) chain: Option<u32>,
    /// The first frame that it renders or encodes.
    pub(crate) first_frame: Option<u64>,
    /// The frame after its last.
    pub(crate) end_frame: Option<u64>,
    /// Where it stands.
    pub(crate) state: String,
    /// Frames made so far by the current attempt.
    pub(crate) frames_done: u64,
}

impl Task {
    /// How many frames it renders or encodes.
    pub(crate) fn frames(&self) -> u64 {
        self.first_frame.zip(self.end_frame).map_or(0, |(first, end)| end.saturating_sub(first))
    }
}

/// What was measured of some frames.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Quality {
    task: String,
    first_frame: u64,
    end_frame: u64,
    #[serde(rename = "quality")]
    measured: shared::quality::Quality,
}

impl Quality {
    /// As the farm keeps it.
    pub(crate) fn record(self) -> shared::quality::Measured {
        let frames = shared::Frames::new(self.first_frame, self.end_frame);
        shared::quality::Measured { task: shared::TaskId::from_text(self.task), frames, quality: self.measured }
    }
}

/// One attempt at a task.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Attempt {
    /// The task.
    pub(crate) task: String,
    /// Which try.
    #[serde(rename = "attempt")]
    pub(crate) number: u32,
    /// Who tried.
    pub(crate) worker: String,
    /// When it began.
    pub(crate) started: Moment,
    /// When it ended.
    pub(crate) ended: Option<Moment>,
    /// How it ended.
    pub(crate) outcome: String,
    /// What the error said.
    pub(crate) error: Option<String>,
}

/// One reason why a job is where it is.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Reason {
    /// A stable word for it.
    pub(crate) code: String,
    /// The reason in words.
    pub(crate) text: String,
}

/// How much work a film is; seconds are absent while the farm has not measured such work.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Estimate {
    /// Frames of the film.
    pub(crate) frames: u64,
    /// Chains that are rendered side by side.
    pub(crate) chains: u64,
    /// Tasks by kind.
    pub(crate) tasks: BTreeMap<String, u64>,
    /// Seconds of rendering on one worker.
    pub(crate) render_seconds: Option<f64>,
    /// Seconds from start to end on a farm that is free.
    pub(crate) shortest_seconds: Option<f64>,
}

/// One worker.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Worker {
    /// Its id.
    pub(crate) id: String,
    /// Where it runs.
    pub(crate) host: String,
    /// What it computes on.
    pub(crate) device: String,
    /// Its lanes.
    pub(crate) lanes: Vec<String>,
    /// Its pools.
    pub(crate) pools: Vec<String>,
    /// What it is at.
    pub(crate) state: String,
    /// The job it works on.
    pub(crate) job: Option<String>,
    /// The task it works on.
    pub(crate) task: Option<String>,
    /// Why it was set aside.
    pub(crate) reason: Option<String>,
    /// Tasks that it did.
    pub(crate) done: u64,
    /// Attempts that failed on it.
    pub(crate) failed: u64,
}

/// A part of a document as what it should be.
///
/// # Errors
/// When the farm speaks another language.
pub(crate) fn parsed<T: serde::de::DeserializeOwned>(document: &Value) -> Result<T> {
    serde_json::from_value(document.clone()).map_err(|e| {
        Error::world("the farm's answer is not understood")
            .from_source(e)
            .mend("use a program of the same version as the farm's")
    })
}

/// The things on one page of a list.
///
/// # Errors
/// As [`parsed`].
pub(crate) fn items<T: serde::de::DeserializeOwned>(page: &Value) -> Result<Vec<T>> {
    parsed(page.get("items").unwrap_or(page))
}

/// What the next page is asked for with; nothing on the last one.
pub(crate) fn next(page: &Value) -> Option<String> {
    page.get("next").and_then(Value::as_str).map(str::to_owned)
}
