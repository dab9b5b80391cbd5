//! What shapes the picture, as a client writes it.

use shared::{
    FaceBox,
    effort::{Band, Level, Solver},
    job::{Compute, Gates, MotionHandoff, ReferenceReading, Settings},
};
use utoipa::ToSchema;

use crate::api::problem::{Answer, Problem};

/// What shapes the picture; what is absent is the model pack's default. A setting that the model does not have is refused.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PictureBody {
    /// Denoising steps, 1 to 1000.
    pub(crate) steps: Option<u32>,
    /// Guidance scale on audio; 1 switches guidance off.
    pub(crate) guidance: Option<f32>,
    /// What is computed, as a bundle of settings by its name; those given beside it win.
    pub(crate) quality: Option<LevelBody>,
    /// How denoising steps are made.
    pub(crate) solver: Option<SolverBody>,
    /// The part of the schedule in which guidance holds, 1 being noise alone.
    #[schema(example = "0.1..0.85")]
    pub(crate) guidance_band: Option<String>,
    /// Every so many steps the whole network is computed, 1 to 20; the others reuse what its deep layers made.
    pub(crate) reuse: Option<u32>,
    /// Head rotation in degrees per frame.
    pub(crate) head_speed: Option<f32>,
    /// The face in the upright portrait, in pixels: `x,y,w,h`.
    #[schema(example = "120,80,300,360")]
    pub(crate) face: Option<String>,
    /// Edge of the film in pixels, an even number from 64 to 4096.
    pub(crate) size: Option<u32>,
    /// The region of the face in the upright portrait, in place of the expanded face box: `x,y,w,h`.
    pub(crate) mask_face: Option<String>,
    /// The region of the lips in the upright portrait: `x,y,w,h`.
    pub(crate) mask_lip: Option<String>,
    /// The region of the face over the face box, along an edge.
    pub(crate) face_expand: Option<f32>,
    /// Which reference features each frame reads.
    pub(crate) reference: Option<ReferenceBody>,
    /// How motion frames go from clip to clip.
    pub(crate) handoff: Option<HandoffBody>,
    /// Strength of the audio branch of the whole picture, 0 to 100.
    pub(crate) pose_weight: Option<f32>,
    /// Strength of the audio branch of the face, 0 to 100.
    pub(crate) face_weight: Option<f32>,
    /// Strength of the audio branch of the lips, 0 to 100.
    pub(crate) lip_weight: Option<f32>,
    /// Whether clips that are not good enough are rendered again; they are when absent.
    pub(crate) gates: Option<GatesBody>,
    /// How exactly the network's products are computed; `f32` when absent.
    pub(crate) compute: Option<ComputeBody>,
}

/// How exactly the network's products are computed.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ComputeBody {
    /// In single precision throughout: the same bits on every CPU.
    Exact,
    /// As fast as the CPU can within 1e-4 of single precision.
    F32,
    /// Factors rounded to 8 bits: within 2e-2.
    Bf16,
    /// Factors rounded to 11 bits, on cards.
    F16,
}

/// What becomes of a clip that is not good enough.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GatesBody {
    /// It is rendered again.
    On,
    /// It stays; that it is not good enough is recorded.
    Off,
}

/// What is computed, as a bundle of settings.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LevelBody {
    /// To be looked at soon.
    Draft,
    /// A good share of the cost away, little of the picture.
    Standard,
    /// What the pack draws best with.
    Best,
}

/// How denoising steps are made.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SolverBody {
    /// DDIM with eta 0.
    Ddim,
    /// DPM-Solver++(2M).
    Dpm,
    /// `UniPC` of order 2.
    Unipc,
}

/// Which reference features each frame reads.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReferenceBody {
    /// As the published program does.
    Published,
    /// As it was meant.
    Corrected,
}

/// How motion frames go from clip to clip.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HandoffBody {
    /// Decoded to pixels and encoded again.
    Pixels,
    /// As latents, untouched.
    Latents,
}

impl PictureBody {
    /// Reads every field.
    pub(crate) fn read(&self) -> Answer<Settings> {
        let region = |field: &str, text: &Option<String>| {
            let region = text.as_ref().map(|text| text.parse::<FaceBox>()).transpose();
            region.map_err(|error| Problem::of_field(field, &error))
        };
        let band = self.guidance_band.as_ref().map(|text| text.parse::<Band>()).transpose();
        let guidance_band = band.map_err(|error| Problem::of_field("settings.guidance_band", &error))?;
        let Self { steps, guidance, head_speed, size, face_expand, .. } = *self;
        let Self { reference, handoff, pose_weight, face_weight, lip_weight, .. } = *self;
        Ok(Settings {
            steps,
            guidance,
            head_speed,
            face: region("settings.face", &self.face)?,
            size,
            // Key points are found by the model's detector, never given.
            key_points: None,
            mask_face: region("settings.mask_face", &self.mask_face)?,
            mask_lip: region("settings.mask_lip", &self.mask_lip)?,
            face_expand,
            reference: reference.map(ReferenceBody::reading),
            handoff: handoff.map(HandoffBody::handoff),
            pose_weight,
            face_weight,
            lip_weight,
            gates: self.gates.map(GatesBody::gates),
            compute: self.compute.map(ComputeBody::compute),
            quality: self.quality.map(LevelBody::level),
            solver: self.solver.map(SolverBody::solver),
            guidance_band,
            reuse: self.reuse,
        })
    }

    /// The settings of an order, as they took effect.
    pub(crate) fn of(settings: &Settings) -> Self {
        let Settings { steps, guidance, head_speed, face, size, mask_face, mask_lip, face_expand, .. } = *settings;
        let Settings { reference, handoff, pose_weight, face_weight, lip_weight, .. } = *settings;
        let [face, mask_face, mask_lip] =
            [face, mask_face, mask_lip].map(|region| region.map(|FaceBox { x, y, w, h }| format!("{x},{y},{w},{h}")));
        Self {
            steps,
            guidance,
            head_speed,
            face,
            size,
            mask_face,
            mask_lip,
            face_expand,
            reference: reference.map(ReferenceBody::of),
            handoff: handoff.map(HandoffBody::of),
            pose_weight,
            face_weight,
            lip_weight,
            gates: settings.gates.map(GatesBody::of),
            compute: settings.compute.map(ComputeBody::of),
            quality: settings.quality.map(LevelBody::of),
            solver: settings.solver.map(SolverBody::of),
            guidance_band: settings.guidance_band.map(|band| band.to_string()),
            reuse: settings.reuse,
        }
    }
}

impl ComputeBody {
    fn compute(self) -> Compute {
        match self {
            Self::Exact => Compute::Exact,
            Self::F32 => Compute::F32,
            Self::Bf16 => Compute::Bf16,
            Self::F16 => Compute::F16,
        }
    }

    fn of(compute: Compute) -> Self {
        match compute {
            Compute::Exact => Self::Exact,
            Compute::F32 => Self::F32,
            Compute::Bf16 => Self::Bf16,
            Compute::F16 => Self::F16,
        }
    }
}

impl GatesBody {
    fn gates(self) -> Gates {
        match self {
            Self::On => Gates::On,
            Self::Off => Gates::Off,
        }
    }

    fn of(gates: Gates) -> Self {
        match gates {
            Gates::On => Self::On,
            Gates::Off => Self::Off,
        }
    }
}

impl LevelBody {
    fn level(self) -> Level {
        match self {
            Self::Draft => Level::Draft,
            Self::Standard => Level::Standard,
            Self::Best => Level::Best,
        }
    }

    fn of(level: Level) -> Self {
        match level {
            Level::Draft => Self::Draft,
            Level::Standard => Self::Standard,
            Level::Best => Self::Best,
        }
    }
}

impl SolverBody {
    fn solver(self) -> Solver {
        match self {
            Self::Ddim => Solver::Ddim,
            Self::Dpm => Solver::Dpm,
            Self::Unipc => Solver::Unipc,
        }
    }

    fn of(solver: Solver) -> Self {
        match solver {
            Solver::Ddim => Self::Ddim,
            Solver::Dpm => Self::Dpm,
            Solver::Unipc => Self::Unipc,
        }
    }
}

impl ReferenceBody {
    fn reading(self) -> ReferenceReading {
        match self {
            Self::Published => ReferenceReading::Published,
            Self::Corrected => ReferenceReading::Corrected,
        }
    }

    fn of(reading: ReferenceReading) -> Self {
        match reading {
            ReferenceReading::Published => Self::Published,
            ReferenceReading::Corrected => Self::Corrected,
        }
    }
}

impl HandoffBody {
    fn handoff(self) -> MotionHandoff {
        match self {
            Self::Pixels => MotionHandoff::Pixels,
            Self::Latents => MotionHandoff::Latents,
        }
    }

    fn of(handoff: MotionHandoff) -> Self {
        match handoff {
            MotionHandoff::Pixels => Self::Pixels,
            MotionHandoff::Latents => Self::Latents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_took_effect() {
        let text = r#"{"steps":3,"face":"1,2,3,4","reference":"corrected","handoff":"latents","lip_weight":0.5,"gates":"off","compute":"bf16",
            "quality":"draft","solver":"dpm","guidance_band":"0.1..0.9","reuse":2}"#;
        let settings = serde_json::from_str::<PictureBody>(text).unwrap().read().ok().unwrap();
        assert_eq!(
            (settings.reference, settings.handoff),
            (Some(ReferenceReading::Corrected), Some(MotionHandoff::Latents))
        );
        assert_eq!((settings.gates, settings.compute), (Some(Gates::Off), Some(Compute::Bf16)));
        assert_eq!((settings.quality, settings.solver), (Some(Level::Draft), Some(Solver::Dpm)));
        assert_eq!((settings.guidance_band, settings.reuse), ("0.1..0.9".parse().ok(), Some(2)));
        let band = PictureBody { guidance_band: Some("1..0".into()), ..PictureBody::default() };
        assert!(band.read().is_err());
        let back = PictureBody::of(&settings).read().ok().unwrap();
        assert_eq!(back, settings);
        assert!(serde_json::from_str::<PictureBody>(r#"{"handoff":"wire"}"#).is_err());
    }
}
