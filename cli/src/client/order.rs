//! The order as it is sent: what was given, and nothing else, so that the farm's own defaults hold for the rest.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::{
    Error, FaceBox, Fps, Join, Name, Priority, Result,
    effort::{Band, Level, Solver},
    plan::Preview,
    seams::Continuity,
    span::Span,
    terms::{Consent, ConsentKind, Webhook},
};

use crate::args::{
    orders::{LookArgs, TermsArgs},
    render::{Compute, Gates, Handoff, Reading},
};

/// An order without its files.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub(crate) struct OrderBody {
    /// A portrait that the farm fetches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) portrait: Option<Source>,
    /// A track that the farm fetches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audio: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fps: Option<Fps>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_clips: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continuity: Option<Continuity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    join: Option<Join>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shots: Option<String>,
    #[serde(skip_serializing_if = "Look::is_empty")]
    settings: Look,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_memory: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    most_at_once: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<Webhook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<Consent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<Preview>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    approve: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_latents: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_film: Option<Span>,
}

/// A file that the farm fetches.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Source {
    /// Where it is.
    pub(crate) uri: String,
}

/// What shapes the picture.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
struct Look {
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    solver: Option<Solver>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance_band: Option<Band>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reuse: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_speed: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Reading>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handoff: Option<Handoff>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pose_weight: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    face_weight: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lip_weight: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gates: Option<Gates>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compute: Option<Compute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_face: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_lip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    face_expand: Option<f32>,
}

impl Look {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl OrderBody {
    /// The order that was typed.
    ///
    /// # Errors
    /// When a webhook has no key, or the shot list cannot be read.
    pub(crate) fn new(look: &LookArgs, terms: &TermsArgs, webhook_secret: Option<&str>) -> Result<Self> {
        let look = look.clone();
        let terms = terms.clone();
        let settings = Look {
            steps: look.steps,
            guidance: look.guidance,
            quality: look.effort.quality,
            solver: look.effort.solver,
            guidance_band: look.effort.guidance_band,
            reuse: look.effort.reuse,
            head_speed: look.head_speed,
            reference: look.reference,
            handoff: look.handoff,
            pose_weight: look.pose_weight,
            face_weight: look.face_weight,
            lip_weight: look.lip_weight,
            gates: look.gates,
            compute: look.compute,
            face: look.face.map(corners),
            size: look.size,
            mask_face: look.mask_face.map(corners),
            mask_lip: look.mask_lip.map(corners),
            face_expand: look.face_expand,
        };
        Ok(Self {
            portrait: None,
            audio: None,
            model: look.model,
            fps: look.fps,
            seed: look.seed,
            segment_clips: look.segment_clips,
            continuity: look.chains.continuity,
            chain_seconds: look.chains.chain_seconds,
            join: look.chains.join,
            shots: look.chains.shot_list()?.map(|list| list.text),
            settings,
            priority: terms.priority,
            pool: terms.pool,
            gpu_memory: terms.gpu_memory,
            most_at_once: terms.most_at_once,
            external_id: terms.external_id,
            labels: terms.labels.into_iter().collect(),
            webhook: terms.webhook.map(|url| webhook(url, webhook_secret)).transpose()?,
            preview: terms.preview,
            approve: terms.approve,
            keep_latents: terms.keep_latents,
            keep_film: terms.keep_film,
            consent: consent(terms.consent.as_deref(), terms.consent_reference)?,
        })
    }

    /// The order as JSON.
    ///
    /// # Errors
    /// Never in practice: an order is plain data.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|e| Error::world("the order cannot be written as JSON").from_source(e))
    }
}

/// A rectangle as the API reads it.
fn corners(FaceBox { x, y, w, h }: FaceBox) -> String {
    format!("{x},{y},{w},{h}")
}

fn webhook(url: String, secret: Option<&str>) -> Result<Webhook> {
    let secret = secret.ok_or_else(|| {
        Error::order(format!("the webhook {url} has no key to be signed with"))
            .mend("put one into EMOFARM_WEBHOOK_SECRET: whsec_ and 24 to 64 random bytes in base64")
    })?;
    Ok(Webhook { url, secret: secret.to_owned(), events: Vec::new() })
}

fn consent(kind: Option<&str>, reference: Option<String>) -> Result<Option<Consent>> {
    let (Some(kind), Some(reference)) = (kind, reference) else { return Ok(None) };
    let kind: ConsentKind = serde_json::from_value(Value::from(kind))
        .map_err(|_| Error::order(format!("\"{kind}\" is not a kind of consent")).mend(KINDS))?;
    Ok(Some(Consent { kind, reference }))
}

const KINDS: &str = "give recorded, dubbing_agreement, public_domain or synthetic_person";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{chains::ChainArgs, effort::EffortArgs, orders::CONSENTS};

    #[test]
    fn only_what_was_given_is_sent() {
        let empty = OrderBody::new(&LookArgs::default(), &TermsArgs::default(), None).unwrap();
        assert_eq!(empty.json().unwrap(), serde_json::json!({}));
        let face = "1,2,3,4".parse().ok();
        let look = LookArgs { fps: "29.97".parse().ok(), size: Some(512), face, ..LookArgs::default() };
        let labels = vec![("show".to_owned(), "orbit".to_owned())];
        let terms = TermsArgs { priority: Some(Priority::HIGH), labels, ..TermsArgs::default() };
        let order = OrderBody::new(&look, &terms, None).unwrap().json().unwrap();
        assert_eq!(order["fps"], "30000/1001");
        assert_eq!(order["settings"], serde_json::json!({ "face": "1,2,3,4", "size": 512 }));
        assert_eq!((&order["priority"], &order["labels"]["show"]), (&75.into(), &"orbit".into()));
        assert!(order.get("model").is_none() && order.get("webhook").is_none());
    }

    #[test]
    fn choices_and_what_only_hallo_has_are_sent_by_the_words_of_the_api() {
        let look = LookArgs {
            reference: Some(Reading::Corrected),
            handoff: Some(Handoff::Latents),
            pose_weight: Some(0.5),
            face_weight: Some(2.0),
            lip_weight: Some(0.0),
            gates: Some(Gates::Off),
            compute: Some(Compute::Bf16),
            effort: EffortArgs {
                quality: Some(Level::Draft),
                solver: Some(Solver::Unipc),
                guidance_band: "0.1..0.9".parse().ok(),
                reuse: Some(2),
            },
            ..LookArgs::default()
        };
        let order = OrderBody::new(&look, &TermsArgs::default(), None).unwrap().json().unwrap();
        let settings = serde_json::json!({
            "reference": "corrected", "handoff": "latents", "pose_weight": 0.5, "face_weight": 2.0, "lip_weight": 0.0,
            "gates": "off", "compute": "bf16", "quality": "draft", "solver": "unipc", "guidance_band": "0.1..0.9", "reuse": 2
        });
        assert_eq!(order["settings"], settings);
    }

    #[test]
    fn chains_are_sent_by_the_words_of_the_api_and_shots_as_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut.edl");
        std::fs::write(&path, "TITLE: CUT\n").unwrap();
        let chains = ChainArgs {
            continuity: Some(Continuity::Anchored),
            chain_seconds: Some(20),
            join: Some(Join::Blend),
            shots: Some(path),
        };
        let look = LookArgs { chains, ..LookArgs::default() };
        let order = OrderBody::new(&look, &TermsArgs::default(), None).unwrap().json().unwrap();
        let expected = serde_json::json!({
            "continuity": "anchored", "chain_seconds": 20, "join": "blend", "shots": "TITLE: CUT\n"
        });
        assert_eq!(order, expected);
    }

    #[test]
    fn a_webhook_needs_its_key_and_every_consent_is_known() {
        let terms = TermsArgs { webhook: Some("https://x/y".into()), ..TermsArgs::default() };
        let error = OrderBody::new(&LookArgs::default(), &terms, None).unwrap_err();
        assert!(error.to_string().contains("EMOFARM_WEBHOOK_SECRET"), "{error}");
        assert!(OrderBody::new(&LookArgs::default(), &terms, Some("whsec_x")).unwrap().webhook.is_some());
        for kind in CONSENTS {
            assert!(consent(Some(kind), Some("contract 7".into())).unwrap().is_some(), "{kind}");
        }
    }
}
