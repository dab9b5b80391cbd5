//! A job as clients see it.

use std::collections::BTreeMap;

use shared::{
    Frames,
    ports::{Job, Progress},
};
use utoipa::ToSchema;

use super::{
    chains::{JoinBody, SeamBody},
    estimate::EstimateBody,
    picture::PictureBody,
};
use crate::{eta::Eta, rfc3339};

/// A job.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct JobBody {
    /// Its id: the same order of the same tenant has the same id.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) tenant: String,
    /// `running`, `done`, `failed` or `cancelled`.
    pub(crate) state: &'static str,
    /// `none`, `paused`, `preview`, `approval` or `draining`: whether the tasks of a running job are handed out.
    pub(crate) hold: &'static str,
    /// Why it failed or was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// How urgent it is, 0 to 100.
    pub(crate) priority: u8,
    /// The pool of workers that may render it.
    pub(crate) pool: String,
    /// GPU memory in MiB that a rendering worker must have.
    pub(crate) gpu_memory: u32,
    /// Tasks that may be under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) most_at_once: Option<u32>,
    /// The customer's own name for the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    /// The customer's own marks.
    pub(crate) labels: BTreeMap<String, String>,
    /// What is rendered before the rest, to be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preview: Option<String>,
    /// Whether the rest waits until somebody approves the preview.
    pub(crate) approve: bool,
    /// How long latents are kept after the end of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep_latents: Option<String>,
    /// How long inputs, parts and film are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep_film: Option<String>,
    /// When its latents were removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latents_gone: Option<String>,
    /// When its inputs, parts and film were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) film_gone: Option<String>,
    /// When it was submitted.
    pub(crate) submitted: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<String>,
    /// How far it is.
    pub(crate) progress: ProgressBody,
    /// What was ordered, with the settings in effect.
    pub(crate) order: EffectiveOrder,
    /// Where more is found.
    pub(crate) links: BTreeMap<&'static str, String>,
}

/// How far a job is.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct ProgressBody {
    /// From 0 to 1, by frames rendered and tasks done.
    pub(crate) share: f64,
    /// Frames rendered.
    pub(crate) frames_rendered: u64,
    /// Frames of the film.
    pub(crate) frames: u64,
    /// Seconds of film rendered.
    pub(crate) seconds_rendered: f64,
    /// Tasks done.
    pub(crate) tasks_done: u64,
    /// Tasks in all.
    pub(crate) tasks: u64,
}

/// What was ordered, after defaults took effect.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct EffectiveOrder {
    /// The portrait.
    pub(crate) portrait: InputBody,
    /// The track.
    pub(crate) audio: InputBody,
    /// Length of the film in seconds.
    pub(crate) seconds: f64,
    /// Frames per second, an exact ratio.
    pub(crate) fps: String,
    /// Name of the model pack.
    pub(crate) model: String,
    /// Digest of the pack's manifest.
    pub(crate) model_digest: String,
    /// Seed of all noise.
    pub(crate) seed: u64,
    /// Clips in a segment.
    pub(crate) segment_clips: u32,
    /// Segments in a part.
    pub(crate) part_segments: u32,
    /// Chains that are rendered side by side.
    pub(crate) chains: u64,
    /// How they are joined; absent for one chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) join: Option<JoinBody>,
    /// What shapes the picture; what is absent is the model pack's default.
    pub(crate) settings: PictureBody,
    /// Of which film it changes some frames; absent for a film of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retake: Option<RetakeOf>,
}

/// Which frames of an earlier film are rendered anew.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct RetakeOf {
    /// The job of the earlier film.
    pub(crate) job: String,
    /// From one timecode up to, and without, another.
    pub(crate) range: String,
    /// Number of frames.
    pub(crate) frames: u64,
}

/// A file of an order.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct InputBody {
    /// Its own name.
    pub(crate) name: String,
    /// SHA-256 of its bytes.
    pub(crate) sha256: String,
}

/// A job with where it stands among the others.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct StatusBody {
    /// The job.
    #[serde(flatten)]
    pub(crate) job: JobBody,
    /// Tasks that come before its first ready one; absent when none of its tasks waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<u64>,
    /// When it will be done; absent while nothing like it was measured, and for jobs that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eta: Option<EtaBody>,
}

/// Seconds until a job is done.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct EtaBody {
    /// Seconds that half of all such jobs need at the most.
    pub(crate) p50_seconds: f64,
    /// Seconds that nine in ten need at the most.
    pub(crate) p90_seconds: f64,
}

/// The answer to a submission.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(crate) struct AcceptedBody {
    /// Whether the job is new; the same order of the same tenant is the same job.
    pub(crate) new: bool,
    /// The job with the settings in effect.
    pub(crate) job: JobBody,
    /// How much work it is.
    pub(crate) estimate: EstimateBody,
    /// Where chains meet, and why there.
    pub(crate) seams: Vec<SeamBody>,
    /// What the client should know, in whole sentences: which of several faces was taken, for example.
    pub(crate) remarks: Vec<String>,
}

impl From<Eta> for EtaBody {
    fn from(eta: Eta) -> Self {
        Self { p50_seconds: eta.p50.round(), p90_seconds: eta.p90.round() }
    }
}

impl JobBody {
    /// The job as clients see it: no webhook secret, no consent.
    pub(crate) fn new(job: &Job, progress: &Progress) -> Self {
        let (order, terms) = (&job.order, &job.terms);
        Self {
            id: job.id.to_string(),
            tenant: terms.tenant.to_string(),
            state: job.state.name(),
            hold: job.hold.name(),
            error: job.error.clone(),
            priority: terms.priority.number(),
            pool: terms.pool.to_string(),
            gpu_memory: terms.gpu_memory,
            most_at_once: terms.most_at_once,
            external_id: terms.external_id.clone(),
            labels: terms.labels.clone(),
            preview: terms.preview.as_ref().map(ToString::to_string),
            approve: terms.approve,
            keep_latents: terms.keep_latents.map(String::from),
            keep_film: terms.keep_film.map(String::from),
            latents_gone: job.latents_gone.map(rfc3339::text),
            film_gone: job.film_gone.map(rfc3339::text),
            submitted: rfc3339::text(job.submitted),
            ended: job.ended.map(rfc3339::text),
            progress: ProgressBody::new(progress, order.fps),
            order: EffectiveOrder::new(order),
            links: links(&job.id.to_string()),
        }
    }
}

impl ProgressBody {
    /// Frames are nearly all of the work, tasks the rest: only a film that is made is at 1.
    pub(crate) fn new(progress: &Progress, fps: shared::Fps) -> Self {
        let Progress { frames_rendered, frames, tasks_done, tasks } = *progress;
        let part = |done: u64, all: u64| if all == 0 { 0.0 } else { (done as f64 / all as f64).min(1.0) };
        let share = 0.95 * part(frames_rendered, frames) + 0.05 * part(tasks_done, tasks);
        let seconds_rendered = fps.seconds(frames_rendered);
        Self { share: (share * 1e4).round() / 1e4, frames_rendered, frames, seconds_rendered, tasks_done, tasks }
    }
}

impl EffectiveOrder {
    /// What took effect.
    pub(crate) fn new(order: &shared::Order) -> Self {
        let input = |input: &shared::job::Input| InputBody { name: input.name.clone(), sha256: input.sha256.clone() };
        Self {
            portrait: input(&order.portrait),
            audio: input(&order.audio),
            seconds: order.fps.seconds(order.shape.frames),
            fps: order.fps.to_string(),
            model: order.model.clone(),
            model_digest: order.model_digest.clone(),
            seed: order.seed,
            segment_clips: order.shape.segment_clips,
            part_segments: order.shape.part_segments,
            chains: order.cuts.seams.len() as u64 + 1,
            join: (!order.cuts.is_one_chain()).then(|| order.cuts.join.into()),
            settings: PictureBody::of(&order.settings),
            retake: order.retake.as_ref().map(|retake| RetakeOf::new(retake, order.fps)),
        }
    }
}

impl RetakeOf {
    fn new(retake: &shared::plan::Retake, fps: shared::Fps) -> Self {
        let at = |frame| shared::Timecode { frame, fps };
        let Frames { start, end } = retake.frames;
        Self { job: retake.base.to_string(), range: format!("{}-{}", at(start), at(end)), frames: end - start }
    }
}

fn links(id: &str) -> BTreeMap<&'static str, String> {
    let own = [
        "events",
        "explain",
        "tasks",
        "attempts",
        "logs",
        "quality",
        "artifacts",
        "deliveries",
        "cancel",
        "pause",
        "resume",
    ];
    let mut links: BTreeMap<_, _> = own.into_iter().map(|name| (name, format!("/v1/jobs/{id}/{name}"))).collect();
    links.insert("self", format!("/v1/jobs/{id}"));
    links.insert("watch", format!("/v1/jobs/{id}/watch.m3u8"));
    links
}
