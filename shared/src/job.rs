//! Jobs: one order for one film.

use std::{fmt, str::FromStr};

use crate::{
    Cuts, Error, FaceBox, Fps, Name, Plan, Result, Shape,
    digest::Digest,
    effort::{Band, Level, Solver},
    face::KeyPoints,
    plan::Retake,
};

/// The id of a job: 32 hexadecimal digits of a digest over what was ordered.
///
/// The same order gives the same id, which makes submitting idempotent and lets an interrupted render find its work again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

impl JobId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for JobId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::order(format!("\"{text}\" is not a job id")).mend("job ids are 32 hexadecimal digits"))
        }
    }
}

impl TryFrom<String> for JobId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

/// A file that the order brings along.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Input {
    /// The file's own name, for messages.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// The settings that shape the picture; what is absent is the model pack's default.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Denoising steps.
    pub steps: Option<u32>,
    /// Guidance scale on audio; 1 switches guidance off.
    pub guidance: Option<f32>,
    /// Head rotation in degrees per frame, for the speed layers.
    pub head_speed: Option<f32>,
    /// The face in the upright portrait; the whole picture when absent.
    pub face: Option<FaceBox>,
    /// Edge of the film in pixels; the network's own size when absent.
    pub size: Option<u32>,
    /// Key points of the face in the upright portrait, as a detector found them.
    // Fields that came later are left out when absent, so that the ids of earlier jobs stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_points: Option<KeyPoints>,
    /// The region of the face in the upright portrait, in place of the expanded face box.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_face: Option<FaceBox>,
    /// The region of the lips in the upright portrait, in place of the one around the corners of the mouth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_lip: Option<FaceBox>,
    /// The region of the face over the face box, along an edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face_expand: Option<f32>,
    /// Which reference features each frame reads (Hallo).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<ReferenceReading>,
    /// How motion frames go from clip to clip (Hallo).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handoff: Option<MotionHandoff>,
    /// Strength of the audio branch of the whole picture: head pose (Hallo).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pose_weight: Option<f32>,
    /// Strength of the audio branch of the face: expression (Hallo).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face_weight: Option<f32>,
    /// Strength of the audio branch of the lips (Hallo).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lip_weight: Option<f32>,
    /// Whether clips that are not good enough are rendered again; they are when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gates: Option<Gates>,
    /// How exactly the network's products are computed; `f32` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute: Option<Compute>,
    /// A bundle of the settings on what is computed, by its name; those that are given beside it win.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Level>,
    /// How steps are made from what the network predicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solver: Option<Solver>,
    /// The part of the schedule in which guidance holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance_band: Option<Band>,
    /// Every so many steps the whole network is computed; the others reuse what its deep layers made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse: Option<u32>,
}

/// How exactly the network's products are computed. Part of the order, since it shows in the last digits of what is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compute {
    /// In single precision throughout: the same bits on every CPU.
    Exact,
    /// As fast as the CPU can within 1e-4 of single precision. The same bits on CPUs of one kind.
    #[default]
    F32,
    /// Factors rounded to 8 bits, sums in single precision: within 2e-2, and faster where the CPU has instructions for it.
    /// On cards maps are stored so too, and it is what is done there for orders that say nothing.
    Bf16,
    /// On cards, factors and maps rounded to 11 bits, sums in single precision; on CPUs the same as `F32`.
    F16,
}

/// What becomes of a clip that is not good enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gates {
    /// It is rendered again.
    #[default]
    On,
    /// It stays; that it is not good enough is recorded.
    Off,
}

impl Settings {
    /// The first of the settings on region masks that is given, by the name of its flag.
    pub fn mask_flag(&self) -> Option<&'static str> {
        let given = [
            ("--mask-face", self.mask_face.is_some()),
            ("--mask-lip", self.mask_lip.is_some()),
            ("--face-expand", self.face_expand.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    /// For models that draw without region masks: a setting that would have no effect is refused, not passed over.
    ///
    /// # Errors
    /// When the order says something about region masks.
    pub fn refuse_masks(&self, model: &str) -> Result<()> {
        let refused = |flag| {
            Error::order(format!("the model {model} draws without region masks, so {flag} would have no effect"))
                .mend(format!("leave {flag} out"))
        };
        self.mask_flag().map_or(Ok(()), |flag| Err(refused(flag)))
    }

    /// Refuses what is set but means nothing to the model called `model`, which would otherwise be passed over unseen.
    /// Every model honours steps, guidance and what else decides how much is computed, face, size, gates and compute; `also` names what it
    /// honours besides.
    ///
    /// # Errors
    /// [`Cause::Order`](crate::error::Cause::Order) naming the setting.
    pub fn refuse_foreign(&self, model: &str, also: &[&str]) -> Result<()> {
        const ALWAYS: [&str; 11] = [
            "steps",
            "guidance",
            "face",
            "key_points",
            "size",
            "gates",
            "compute",
            "quality",
            "solver",
            "guidance_band",
            "reuse",
        ];
        let set = serde_json::to_value(self)
            .map_err(|e| Error::world("the settings of a job cannot be written down").from_source(e))?;
        let foreign = set.as_object().into_iter().flatten().find(|(name, value)| {
            !value.is_null() && !ALWAYS.contains(&name.as_str()) && !also.contains(&name.as_str())
        });
        match foreign {
            None => Ok(()),
            Some((name, _)) => {
                let flag = name.replace('_', "-");
                Err(Error::order(format!("the model \"{model}\" has nothing that --{flag} could set"))
                    .mend("leave it away, or choose a model that has it (docs/models.md)"))
            }
        }
    }
}

/// Which reference features each frame reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceReading {
    /// As the published program reads them, and as the published weights were trained: frames take features made with the
    /// face and features made without it in turn.
    #[default]
    Published,
    /// As they were meant: every guided frame takes those made with the face.
    Corrected,
}

/// How motion frames go from clip to clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MotionHandoff {
    /// As the published program hands them on: decoded to pixels, and encoded again.
    #[default]
    Pixels,
    /// As latents, untouched.
    Latents,
}

/// Everything that decides what a film looks like.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The portrait.
    pub portrait: Input,
    /// The speech track, an audio or video file.
    pub audio: Input,
    /// Length of the track in samples at `sample_rate`.
    pub samples: u64,
    /// Samples per second of the track as it came.
    pub sample_rate: u32,
    /// Frames per second of the film.
    pub fps: Fps,
    /// Name of the model pack.
    pub model: String,
    /// Digest of the model pack's manifest, which holds the digests of its files.
    pub model_digest: String,
    /// Seed of all noise.
    pub seed: u64,
    /// How the film is cut into tasks.
    pub shape: Shape,
    /// What shapes the picture.
    pub settings: Settings,
    /// Where the film is cut into chains; one chain when absent.
    #[serde(default, skip_serializing_if = "Cuts::is_one_chain")]
    pub cuts: Cuts,
    /// What is kept of an earlier film, when only some of its frames are rendered anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retake: Option<Retake>,
}

impl Order {
    /// The plan of the job that orders this.
    ///
    /// # Errors
    /// As [`Plan::cut`].
    pub fn plan(&self) -> Result<Plan> {
        match &self.retake {
            Some(retake) => Plan::again(self.shape, &self.cuts, retake),
            None => Plan::cut(self.shape, &self.cuts),
        }
    }

    /// The id of the job that orders this.
    ///
    /// # Panics
    /// Never: an order is plain data, which always serialises.
    pub fn job_id(&self) -> JobId {
        // A struct of plain fields always serialises; its JSON has one form, since fields keep their order.
        let canonical = serde_json::to_vec(self).expect("an order is plain data and serialises");
        let mut digest = Digest::new();
        digest.field(b"emofarm job v1");
        digest.field(&canonical);
        JobId(digest.hex()[..32].to_owned())
    }

    /// The id of the job by which `tenant` orders this: two tenants never share a job, so that neither can
    /// learn what the other ordered. The default tenant's is [`Order::job_id`].
    ///
    /// # Panics
    /// Never: see [`Order::job_id`].
    pub fn job_id_for(&self, tenant: &Name) -> JobId {
        if tenant.is_house() {
            return self.job_id();
        }
        let mut digest = Digest::new();
        digest.field(b"emofarm tenant's job v1");
        digest.field(tenant.as_str().as_bytes());
        digest.field(self.job_id().as_str().as_bytes());
        JobId(digest.hex()[..32].to_owned())
    }

    /// Length of the track in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(self.sample_rate)
    }
}

/// Whether a running job's tasks are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// They are.
    #[default]
    None,
    /// Not until somebody resumes the job; what is under way is finished.
    Paused,
    /// Only those that its preview needs.
    Preview,
    /// Not until somebody approves its preview.
    Approval,
    /// Not any more; when what is under way is finished, the job ends as cancelled and what was made stays.
    Draining,
}

impl Hold {
    /// Every hold.
    pub const ALL: [Self; 5] = [Self::None, Self::Paused, Self::Preview, Self::Approval, Self::Draining];

    /// The hold's name in ledgers and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Paused => "paused",
            Self::Preview => "preview",
            Self::Approval => "approval",
            Self::Draining => "draining",
        }
    }

    /// The hold called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hold| hold.name() == name)
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Tasks are waiting, ready or leased.
    Running,
    /// The film is made.
    Done,
    /// A task was given up.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// The state's name in ledgers and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
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
pub(crate) mod tests {
    use super::*;

    pub(crate) fn order() -> Order {
        Order {
            portrait: Input { name: "face.png".into(), sha256: "00".repeat(32) },
            audio: Input { name: "speech.wav".into(), sha256: "11".repeat(32) },
            samples: 80_000,
            sample_rate: 16_000,
            fps: Fps::PAL,
            model: "test-pattern".into(),
            model_digest: "22".repeat(32),
            seed: 42,
            shape: Shape { frames: 125, clip_frames: 12, segment_clips: 4, part_segments: 2 },
            settings: Settings::default(),
            cuts: Cuts::default(),
            retake: None,
        }
    }

    #[test]
    fn the_same_order_is_the_same_job() {
        assert_eq!(order().job_id(), order().job_id());
        let other = Order { seed: 43, ..order() };
        assert_ne!(order().job_id(), other.job_id());
        assert_eq!(order().job_id().as_str().parse::<JobId>().unwrap(), order().job_id());
    }

    #[test]
    fn tenants_never_share_a_job() {
        let [a, b]: [Name; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        assert_eq!(order().job_id_for(&Name::house()), order().job_id());
        assert_eq!(order().job_id_for(&a), order().job_id_for(&a));
        assert_ne!(order().job_id_for(&a), order().job_id_for(&b));
        assert_ne!(order().job_id_for(&a), order().job_id());
    }

    #[test]
    fn settings_that_are_absent_do_not_change_the_id() {
        assert_eq!(
            serde_json::to_string(&Settings::default()).unwrap(),
            r#"{"steps":null,"guidance":null,"head_speed":null,"face":null,"size":null}"#
        );
        let face = FaceBox { x: 1, y: 2, w: 3, h: 4 };
        let more = Settings { mask_lip: Some(face), face_expand: Some(1.3), ..Settings::default() };
        let points = Settings { key_points: Some(KeyPoints::assumed_in(face)), ..more.clone() };
        for settings in [more, points] {
            let other = Order { settings, ..order() };
            assert_ne!(other.job_id(), order().job_id());
            assert_eq!(serde_json::from_str::<Order>(&serde_json::to_string(&other).unwrap()).unwrap(), other);
        }
    }

    #[test]
    fn masks_that_would_have_no_effect_are_refused() {
        Settings::default().refuse_masks("demo").unwrap();
        let settings = Settings { mask_lip: Some(FaceBox { x: 1, y: 2, w: 3, h: 4 }), ..Settings::default() };
        let error = settings.refuse_masks("demo").unwrap_err();
        assert!(error.to_string().contains("demo") && error.to_string().contains("--mask-lip"), "{error}");
    }

    #[test]
    fn an_order_survives_json_and_refuses_unknown_fields() {
        let text = serde_json::to_string(&order()).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order());
        let extra = text.replacen('{', "{\"colour\":1,", 1);
        assert!(serde_json::from_str::<Order>(&extra).is_err());
    }

    #[test]
    fn settings_that_came_later_leave_ids_of_before_alone() {
        let text = serde_json::to_string(&order()).unwrap();
        assert!(text.ends_with(r#""face":null,"size":null}}"#), "{text}");
        let (handoff, solver) = (Some(MotionHandoff::Latents), Some(Solver::Dpm));
        let (quality, guidance_band) = (Some(Level::Draft), "0.1..0.9".parse().ok());
        for settings in [
            Settings { handoff, ..Settings::default() },
            Settings { quality, ..Settings::default() },
            Settings { solver, ..Settings::default() },
            Settings { guidance_band, ..Settings::default() },
            Settings { reuse: Some(2), ..Settings::default() },
        ] {
            let other = Order { settings, ..order() };
            assert_ne!(other.job_id(), order().job_id());
            assert_eq!(serde_json::from_str::<Order>(&serde_json::to_string(&other).unwrap()).unwrap(), other);
        }
        assert_eq!(order().job_id().as_str(), "b5958d73821a2c973df45385c2092715");
    }

    #[test]
    fn cuts_that_came_later_leave_ids_of_before_alone() {
        let cut = Order { cuts: Cuts::at(vec![60], crate::Join::Bridge, 12), ..order() };
        assert_ne!(cut.job_id(), order().job_id());
        assert_eq!(serde_json::from_str::<Order>(&serde_json::to_string(&cut).unwrap()).unwrap(), cut);
        assert!(!serde_json::to_string(&order()).unwrap().contains("cuts"));
        assert_eq!(cut.plan().unwrap().cuts, cut.cuts);
    }

    #[test]
    fn settings_that_mean_nothing_to_a_model_are_refused() {
        let gates = Some(Gates::Off);
        let settings = Settings { steps: Some(3), head_speed: Some(0.5), gates, ..Settings::default() };
        settings.refuse_foreign("emo", &["head_speed"]).unwrap();
        let error = settings.refuse_foreign("hallo", &["lip_weight"]).unwrap_err();
        assert!(error.to_string().contains("\"hallo\" has nothing that --head-speed could set"), "{error}");
    }

    #[test]
    fn job_ids_are_checked() {
        for text in ["", "xyz", &"A".repeat(32), &"0".repeat(31), "../../../../etc/passwd0000000000"] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
