//! An order as a client writes it.

use std::collections::BTreeMap;

use shared::{
    Fps, Name, Priority, Terms,
    plan::Preview,
    shots::ShotList,
    span::Span,
    terms::{Consent, ConsentKind, Webhook},
};
use utoipa::ToSchema;

use super::{
    chains::{ContinuityBody, JoinBody, cutting},
    picture::PictureBody,
};
use crate::{
    Wishes,
    api::{
        problem::{Answer, Problem},
        settings::Settings,
    },
    webhooks,
};

/// An order for a film. Only the two files are needed; what else is absent is the operator's or the model's default, and the
/// answer says what took effect.
#[derive(Clone, Debug, Default, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OrderBody {
    /// The portrait: JPEG, PNG or WebP. Absent when it is uploaded with the order.
    pub(crate) portrait: Option<Source>,
    /// The speech track, an audio or video file. Absent when it is uploaded with the order.
    pub(crate) audio: Option<Source>,
    /// Name of the model pack.
    #[schema(max_length = 100)]
    pub(crate) model: Option<String>,
    /// Frames per second, such as `25`, `29.97` or `30000/1001`.
    #[schema(example = "25")]
    pub(crate) fps: Option<String>,
    /// Seed of all noise: the same seed gives the same film. 42 when absent.
    pub(crate) seed: Option<u64>,
    /// Clips in a segment, 1 to 1000.
    #[schema(minimum = 1, maximum = 1000)]
    pub(crate) segment_clips: Option<u32>,
    /// Segments in a part, 1 to 1000.
    #[schema(minimum = 1, maximum = 1000)]
    pub(crate) part_segments: Option<u32>,
    /// Whether the film is cut into chains that are rendered side by side.
    pub(crate) continuity: Option<ContinuityBody>,
    /// About how many seconds of film a chain renders when it is `anchored`, 1 to 3600.
    #[schema(minimum = 1, maximum = 3600)]
    pub(crate) chain_seconds: Option<u32>,
    /// How chains are joined.
    pub(crate) join: Option<JoinBody>,
    /// Where an editor has cut: the text of an EDL (CMX 3600) or of an OTIO timeline.
    pub(crate) shots: Option<String>,
    /// What shapes the picture.
    pub(crate) settings: PictureBody,
    /// How urgent it is: `low`, `normal`, `high`, `urgent` or a number from 0 to 100.
    pub(crate) priority: Option<PriorityBody>,
    /// The pool of workers that may render it.
    #[schema(example = "default")]
    pub(crate) pool: Option<String>,
    /// GPU memory in MiB that a rendering worker must have.
    pub(crate) gpu_memory: Option<u32>,
    /// Tasks of the job that may be under way at once.
    #[schema(minimum = 1)]
    pub(crate) most_at_once: Option<u32>,
    /// The customer's own name for the job, at most 200 characters.
    #[schema(max_length = 200)]
    pub(crate) external_id: Option<String>,
    /// The customer's own marks, at most 32; names and values of at most 100 characters.
    pub(crate) labels: BTreeMap<String, String>,
    /// Where news of the job are sent.
    pub(crate) webhook: Option<WebhookBody>,
    /// Why the person in the portrait may be shown speaking.
    pub(crate) consent: Option<ConsentBody>,
    /// What is rendered before the rest, to be looked at: `first`, `middle` and `last`, joined by commas, or `every:N`.
    #[schema(max_length = 100, example = "first,middle,last")]
    pub(crate) preview: Option<String>,
    /// Whether the rest waits until somebody approves the preview.
    pub(crate) approve: bool,
    /// How long latents are kept after the end of the job, such as `30d`; for good when absent.
    #[schema(max_length = 20, example = "30d")]
    pub(crate) keep_latents: Option<String>,
    /// How long inputs, parts and film are kept after the end of the job; for good when absent.
    #[schema(max_length = 20, example = "365d")]
    pub(crate) keep_film: Option<String>,
    /// Whose job it is; only operators may name another tenant than their own.
    pub(crate) tenant: Option<String>,
}

/// Where an input is fetched from.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// An `https`, `http`, `s3` or `file` URL that the operator allows.
    #[schema(max_length = 2000, example = "https://media.example.com/anna.png")]
    pub(crate) uri: String,
    /// SHA-256 of the file in hexadecimal; a file with another one is refused.
    pub(crate) sha256: Option<String>,
}

/// A priority, by name or number.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum PriorityBody {
    /// 0 to 100.
    Number(u8),
    /// `low`, `normal`, `high`, `urgent`.
    Name(String),
}

impl PriorityBody {
    /// The priority meant.
    pub(crate) fn priority(&self) -> Answer<Priority> {
        let priority = match self {
            Self::Number(number) => Priority::try_from(*number),
            Self::Name(name) => name.parse(),
        };
        priority.map_err(|error| Problem::of_field("priority", &error))
    }
}

/// Where news of a job are sent, by the Standard Webhooks convention (<https://www.standardwebhooks.com>).
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookBody {
    /// An `https` or `http` URL with a public address.
    #[schema(max_length = 2000)]
    pub(crate) url: String,
    /// Key of the signatures: `whsec_` and 24 to 64 bytes in base64.
    pub(crate) secret: String,
    /// Types of events that are wanted; all when empty.
    #[serde(default)]
    pub(crate) events: Vec<String>,
}

/// Why the person in the portrait may be shown speaking.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentBody {
    /// What kind of permission there is.
    pub(crate) kind: ConsentKindBody,
    /// Where it is filed; kept for the audit, never published.
    #[schema(min_length = 1, max_length = 500)]
    pub(crate) reference: String,
}

/// Kinds of permission.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConsentKindBody {
    /// The person agreed, on record.
    Recorded,
    /// A dubbing agreement covers it.
    DubbingAgreement,
    /// The portrait is in the public domain.
    PublicDomain,
    /// There is no such person.
    SyntheticPerson,
}

/// An order after its fields were read: every one within its limits.
#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    pub(crate) model: String,
    pub(crate) wishes: Wishes,
    pub(crate) terms: Terms,
}

/// The seed of orders that name none, the same as on the command line.
const SEED: u64 = 42;

impl OrderBody {
    /// Reads every field. `tenant` is the caller's own, taken when the order names none.
    pub(crate) fn read(&self, settings: &Settings, tenant: &Name) -> Answer<Ordered> {
        let fps = match &self.fps {
            None => settings.fps,
            Some(text) => text.parse::<Fps>().map_err(|error| Problem::of_field("fps", &error))?,
        };
        let wishes = Wishes {
            fps,
            seed: self.seed.unwrap_or(SEED),
            segment_clips: thousand("segment_clips", self.segment_clips, settings.segment_clips)?,
            part_segments: thousand("part_segments", self.part_segments, settings.part_segments)?,
            cutting: cutting(self.continuity, self.chain_seconds, self.join, settings.cutting)?,
            shots: self.shots.clone().map(|text| ShotList { name: "shots".into(), text }),
            settings: self.settings.read()?,
        };
        let model = self.model.clone().unwrap_or_else(|| settings.model.clone());
        // A pack may be opened by directory on the command line; nobody outside may name directories of this machine.
        let fine = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if model.is_empty() || model.len() > 100 || model.starts_with('.') || !model.bytes().all(fine) {
            return Err(Problem::field("model", format!("\"{model}\" is not the name of a model pack")));
        }
        Ok(Ordered { model, wishes, terms: self.terms(settings, tenant)? })
    }

    fn terms(&self, settings: &Settings, tenant: &Name) -> Answer<Terms> {
        let named = |field: &str, text: &Option<String>, usual: &Name| match text {
            None => Ok(usual.clone()),
            Some(text) => text.parse::<Name>().map_err(|error| Problem::of_field(field, &error)),
        };
        if self.most_at_once == Some(0) {
            return Err(Problem::field("most_at_once", "a job with no task under way never ends"));
        }
        if self.external_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 200 || has_control(id)) {
            return Err(Problem::field("external_id", "an external_id has 1 to 200 characters"));
        }
        check_labels(&self.labels)?;
        let preview = self.preview.as_ref().map(|text| text.parse::<Preview>()).transpose();
        let preview = preview.map_err(|error| Problem::of_field("preview", &error))?;
        if self.approve && preview.is_none() {
            return Err(
                Problem::field("approve", "there is no preview to approve").mend("say in preview what to look at")
            );
        }
        Ok(Terms {
            tenant: named("tenant", &self.tenant, tenant)?,
            priority: self.priority.as_ref().map_or(Ok(Priority::default()), PriorityBody::priority)?,
            pool: named("pool", &self.pool, &Name::house())?,
            gpu_memory: self.gpu_memory.unwrap_or(0),
            most_at_once: self.most_at_once,
            external_id: self.external_id.clone(),
            labels: self.labels.clone(),
            webhook: self.webhook.as_ref().map(|webhook| webhook.read(settings)).transpose()?,
            consent: self.consent.as_ref().map(ConsentBody::read).transpose()?,
            preview,
            approve: self.approve,
            keep_latents: span("keep_latents", self.keep_latents.as_deref())?,
            keep_film: span("keep_film", self.keep_film.as_deref())?,
        })
    }
}

fn span(field: &str, text: Option<&str>) -> Answer<Option<Span>> {
    text.map(str::parse::<Span>).transpose().map_err(|error| Problem::of_field(field, &error))
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn thousand(field: &str, given: Option<u32>, usual: u32) -> Answer<u32> {
    let number = given.unwrap_or(usual);
    if (1..=1000).contains(&number) {
        Ok(number)
    } else {
        Err(Problem::field(field, format!("{field} is {number}")).mend("give a number from 1 to 1000"))
    }
}

fn check_labels(labels: &BTreeMap<String, String>) -> Answer<()> {
    if labels.len() > 32 {
        return Err(Problem::field("labels", format!("{} labels are more than 32", labels.len())));
    }
    // A filter writes labels as `name:value,name:value`.
    let fine = |text: &str| !text.is_empty() && text.len() <= 100 && !has_control(text) && !text.contains([':', ',']);
    match labels.iter().find(|(name, value)| !fine(name) || !fine(value)) {
        None => Ok(()),
        Some((name, _)) => Err(Problem::field("labels", format!("the label \"{name}\" or its value is not allowed"))
            .mend("use 1 to 100 characters without \":\" and \",\"")),
    }
}

impl WebhookBody {
    fn read(&self, settings: &Settings) -> Answer<Webhook> {
        let webhook = Webhook { url: self.url.clone(), secret: self.secret.clone(), events: self.events.clone() };
        webhooks::check(&webhook, settings.webhooks).map_err(|error| Problem::of_field("webhook", &error))?;
        Ok(webhook)
    }
}

impl ConsentBody {
    fn read(&self) -> Answer<Consent> {
        let reference = self.reference.trim();
        if reference.is_empty() || reference.len() > 500 {
            return Err(Problem::field("consent.reference", "a reference has 1 to 500 characters"));
        }
        let kind = match self.kind {
            ConsentKindBody::Recorded => ConsentKind::Recorded,
            ConsentKindBody::DubbingAgreement => ConsentKind::DubbingAgreement,
            ConsentKindBody::PublicDomain => ConsentKind::PublicDomain,
            ConsentKindBody::SyntheticPerson => ConsentKind::SyntheticPerson,
        };
        Ok(Consent { kind, reference: reference.to_owned() })
    }
}
