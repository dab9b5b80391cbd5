//! The manifest of a pack, `model.toml`: who made it, and every size that the network's shape depends on.

use std::collections::BTreeMap;

use crate::finish::Limits;
use serde::{Deserialize, Serialize};
use shared::{
    Error, Result,
    effort::{Band, Effort, Level, Levels, Solver},
    job::Settings,
    path::HeadPath,
    ports::Bridging,
};

/// A whole manifest. Unknown keys are refused, since one that is passed over would change the picture unseen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name, origin and licence.
    pub pack: About,
    /// SHA-256 of each file of the pack, by file name.
    pub checksums: BTreeMap<String, String>,
    /// The picture.
    pub picture: PictureSize,
    /// Picture autoencoder.
    pub vae: Vae,
    /// Log-mel analysis and audio encoder.
    pub audio: Audio,
    /// `ReferenceNet` and denoiser.
    pub unet: Unet,
    /// Audio window and tokens.
    pub audio_layers: AudioLayers,
    /// Face Locator.
    pub face_locator: FaceLocator,
    /// Clip and motion frames.
    pub temporal: Temporal,
    /// Speed Layers.
    pub speed: Speed,
    /// Diffusion schedule and its defaults.
    pub sampler: Sampler,
    /// What the quality levels stand for; what suits the sampler when absent.
    #[serde(default, skip_serializing_if = "Levels::is_empty")]
    pub quality: Levels,
    /// How the portrait's own detail is carried over into decoded frames; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Limits>,
}

/// What a pack is, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Name, as in `--model NAME`.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// Which network it is: `emo`, or `hallo`, whose manifest has other sizes ([`super::hallo::HalloManifest`]).
    pub family: String,
    /// SPDX expression.
    pub licence: String,
    /// One line.
    pub description: String,
    /// Program or people that made it.
    #[serde(default)]
    pub created_by: String,
}

/// The square picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureSize {
    /// Edge in pixels.
    pub size: usize,
}

/// Picture autoencoder in the layout of Stable Diffusion's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vae {
    /// Pixels along an edge that are folded into channels before the encoder.
    pub patch: usize,
    /// Width of each level.
    pub channels: Vec<usize>,
    /// Residual blocks of an encoder level; the decoder has one more.
    pub layers_per_block: usize,
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Groups of the group norms.
    pub norm_groups: usize,
    /// `latent = (mean - shift) * scale`, by channel.
    pub shift: Vec<f32>,
    /// See `shift`.
    pub scale: Vec<f32>,
}

/// Log-mel analysis and audio encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audio {
    /// Samples in a second; 16000.
    pub sample_rate: u32,
    /// Length of the Fourier transform.
    pub n_fft: usize,
    /// Length of the periodic Hann window, centred in the transform.
    pub window: usize,
    /// Samples between frames of the analysis.
    pub hop: usize,
    /// Mel bands.
    pub mels: usize,
    /// Lower edge of the lowest band in hertz.
    pub fmin: f64,
    /// Upper edge of the highest band in hertz.
    pub fmax: f64,
    /// Least power before the logarithm.
    pub floor: f32,
    /// Mean of the log-mel values, subtracted.
    pub mean: f32,
    /// Standard deviation of the log-mel values, divided by.
    pub std: f32,
    /// Width of the encoder.
    pub channels: usize,
    /// Taps of its convolutions.
    pub kernel: usize,
    /// Dilation of each residual block.
    pub dilations: Vec<usize>,
    /// Numbers in one feature.
    pub features: usize,
}

/// Sizes that `ReferenceNet` and denoiser share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unet {
    /// Width of each level.
    pub channels: Vec<usize>,
    /// Layers of a level on the way down; one more on the way up.
    pub layers_per_block: usize,
    /// Heads of every attention.
    pub heads: usize,
    /// Groups of the group norms.
    pub norm_groups: usize,
    /// Width of a feed-forward layer over the width of its input.
    pub ff_mult: usize,
    /// Whether the portrait's latent is joined to the noisy one (a departure from EMO, as in Stable Video Diffusion).
    pub concat_reference: bool,
}

/// Audio window and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioLayers {
    /// Features on either side of a frame.
    pub window: usize,
    /// Width of a token.
    pub token_dim: usize,
}

/// Face Locator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceLocator {
    /// Widths; each step to the next halves the map.
    pub channels: Vec<usize>,
}

/// Frames in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temporal {
    /// Frames denoised together.
    pub clip_frames: usize,
    /// Motion frames that condition them.
    pub motion_frames: usize,
}

/// Speed Layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speed {
    /// Centre of each bucket in degrees a frame.
    pub centres: Vec<f32>,
    /// Radius of each bucket in degrees a frame.
    pub radii: Vec<f32>,
    /// Frames on either side whose speed a frame sees.
    pub window: usize,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Width of a speed token.
    pub token_dim: usize,
}

/// Diffusion schedule and the sampler's defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampler {
    /// Diffusion steps in training.
    pub train_steps: usize,
    /// `linear` or `scaled_linear`.
    pub schedule: Betas,
    /// First beta.
    pub beta_start: f64,
    /// Last beta, before the rescaling to zero terminal signal.
    pub beta_end: f64,
    /// What the network predicts.
    pub prediction: Prediction,
    /// Denoising steps when the order names none.
    pub steps: usize,
    /// Guidance scale when the order names none.
    pub guidance: f32,
    /// How steps are made when the order does not say; DDIM when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solver: Option<Solver>,
    /// Where in the schedule guidance holds when the order does not say; everywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance_band: Option<Band>,
    /// Every so many steps the whole network is computed when the order does not say; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<u32>,
    /// Share of the noise's variance that all frames have in common.
    pub noise_shared: f64,
    /// Above 0, the network draws the change d against the portrait: `latent = portrait + relative_scale * d`.
    #[serde(default)]
    pub relative_scale: f32,
    /// Head rotation in degrees a frame when the order names none; a pack whose speed layers were never trained has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_speed: Option<f32>,
    /// How bridges are denoised; what suits the number of steps when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<Bridging>,
    /// Head paths on the noise, for a network that was trained to read them; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<HeadPath>,
}

/// How the betas grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Betas {
    /// In equal steps.
    Linear,
    /// In equal steps of their square roots.
    ScaledLinear,
}

/// What the network predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The velocity of arXiv 2202.00512, the published form.
    VPrediction,
    /// The clean latent; small networks learn still pixels faster so.
    Sample,
}

impl Sampler {
    /// What is computed for a clip when nothing is said.
    pub fn effort(&self) -> Effort {
        Effort {
            solver: self.solver.unwrap_or_default(),
            guidance_band: self.guidance_band.unwrap_or(Band::ALL),
            reuse: self.reuse.unwrap_or(1),
            ..Effort::plain(self.steps as u32, self.guidance)
        }
    }
}

/// What is wrong with a pack's levels, or with what it does when nothing is said.
pub(crate) fn effort_fault(own: Effort, levels: &Levels, train_steps: usize) -> Option<String> {
    let level = |quality: Option<Level>| {
        let settings = Settings { quality, ..Settings::default() };
        let fault = own.of(levels, &settings).check(train_steps).err()?;
        let table = quality.map_or_else(|| "sampler".to_owned(), |level| format!("quality.{}", level.name()));
        Some(format!("{table}: {fault}"))
    };
    [None].into_iter().chain(Level::ALL.map(Some)).find_map(level)
}

impl Manifest {
    /// Reads a manifest and checks that its sizes fit one another; `file` is its name for messages.
    ///
    /// # Errors
    /// When it is not TOML, lacks a key, has an unknown one, or describes a network that cannot be built.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text).map_err(|e| {
            Error::order(format!("{file} is not a manifest that this version reads"))
                .from_source(e)
                .mend("fetch the pack again, or one made for this version")
        })?;
        match manifest.fault() {
            None => Ok(manifest),
            Some(fault) => {
                Err(Error::order(format!("{file}: {fault}")).mend("correct the manifest or fetch the pack again"))
            }
        }
    }

    /// Pixels of the picture to one of the latent, along an edge.
    pub fn factor(&self) -> usize {
        self.vae.patch << (self.vae.channels.len() - 1)
    }

    /// Edge of the latent.
    pub fn latent_size(&self) -> usize {
        self.picture.size / self.factor()
    }

    fn fault(&self) -> Option<String> {
        let (vae, unet, audio) = (&self.vae, &self.unet, &self.audio);
        let fits =
            |widths: &[usize], by: usize| by > 0 && !widths.is_empty() && widths.iter().all(|w| *w > 0 && w % by == 0);
        let small = |sizes: &[usize]| sizes.iter().all(|size| (1..=1 << 16).contains(size));
        let rules = [
            (self.pack.family == "emo", "pack.family: the families \"emo\" and \"hallo\" are known, no other"),
            ((16..=4096).contains(&self.picture.size), "picture.size: 16 to 4096"),
            ((1..=8).contains(&vae.patch), "vae.patch: 1 to 8"),
            ((1..=6).contains(&vae.channels.len()), "vae.channels: 1 to 6 widths"),
            (fits(&vae.channels, vae.norm_groups), "vae.channels: every width is a multiple of vae.norm_groups"),
            (vae.shift.len() == vae.latent_channels, "vae.shift: one number for each of vae.latent_channels"),
            (vae.scale.len() == vae.latent_channels, "vae.scale: one number for each of vae.latent_channels"),
            (vae.scale.iter().all(|s| s.is_normal()), "vae.scale: no zeros"),
            ((1..=6).contains(&unet.channels.len()), "unet.channels: 1 to 6 widths"),
            (fits(&unet.channels, unet.norm_groups), "unet.channels: every width is a multiple of unet.norm_groups"),
            (fits(&unet.channels, unet.heads), "unet.channels: every width is a multiple of unet.heads"),
            (fits(&unet.channels, 2), "unet.channels: even widths"),
            (audio.sample_rate == 16_000, "audio.sample_rate: 16000"),
            (
                audio.n_fft.is_power_of_two() && audio.window <= audio.n_fft,
                "audio.n_fft: a power of two, not below window",
            ),
            (audio.kernel % 2 == 1, "audio.kernel: an odd number"),
            (
                audio.fmin < audio.fmax && audio.std > 0.0 && audio.floor > 0.0,
                "audio: fmin < fmax, std and floor above 0",
            ),
            (self.speed.centres.len() == self.speed.radii.len(), "speed.radii: one for each of speed.centres"),
            (self.speed.radii.iter().all(|r| *r > 0.0), "speed.radii: above 0"),
            (self.speed.token_dim.is_multiple_of(2), "speed.token_dim: an even number"),
            (!self.face_locator.channels.is_empty(), "face_locator.channels: at least one width"),
            (
                self.temporal.motion_frames <= self.temporal.clip_frames,
                "temporal.motion_frames: not more than temporal.clip_frames",
            ),
            ((1..=self.sampler.train_steps).contains(&self.sampler.steps), "sampler.steps: 1 to sampler.train_steps"),
            ((0.0..=1.0).contains(&self.sampler.noise_shared), "sampler.noise_shared: 0 to 1"),
            ((0.0..=100.0).contains(&self.sampler.relative_scale), "sampler.relative_scale: 0 to 100"),
            (
                small(&[vae.layers_per_block, vae.latent_channels, unet.layers_per_block, unet.ff_mult])
                    && small(&[audio.n_fft, audio.hop, audio.mels, audio.channels, audio.features])
                    && small(&[self.audio_layers.token_dim, self.speed.hidden, self.speed.token_dim])
                    && small(&[self.temporal.clip_frames, self.temporal.motion_frames, self.sampler.train_steps])
                    && small(&vae.channels)
                    && small(&unet.channels)
                    && small(&self.face_locator.channels)
                    && small(&audio.dilations),
                "a size is zero or above 65536",
            ),
        ];
        let broken = rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| (*rule).to_owned());
        let bridge =
            self.sampler.bridge.and_then(|bridge| bridge.check().err()).map(|e| format!("sampler.bridge: {e}"));
        let effort = || effort_fault(self.sampler.effort(), &self.quality, self.sampler.train_steps);
        let broken = self.pack.fault().or(broken).or(bridge).or_else(effort);
        let detail = || self.detail.and_then(Limits::fault);
        broken.or_else(detail).or_else(|| self.path_fault()).or_else(|| self.map_fault())
    }

    fn path_fault(&self) -> Option<String> {
        let path = self.sampler.path?;
        if let Some(fault) = path.fault() {
            return Some(format!("sampler.path.{fault}"));
        }
        let (least, channels) = (HeadPath::CHANNELS, self.vae.latent_channels);
        (channels < least).then(|| format!("sampler.path: needs vae.latent_channels of {least}, not {channels}"))
    }

    /// Faults between the sizes of maps, once each size alone is known to be sound.
    fn map_fault(&self) -> Option<String> {
        let (size, factor) = (self.picture.size, self.factor());
        let halvings = self.unet.channels.len() - 1;
        if size % factor != 0 || (size / factor) % (1 << halvings) != 0 {
            return Some(format!("picture.size {size} cannot be halved as often as vae and unet have levels"));
        }
        // Each halving of the Face Locator rounds up, as its convolutions do.
        let located = (1..self.face_locator.channels.len()).fold(size, |size, _| size.div_ceil(2));
        (located != self.latent_size()).then(|| {
            format!("face_locator.channels: its maps end at {located} pixels, the latent has {}", self.latent_size())
        })
    }
}

impl About {
    /// What is wrong with it.
    pub(crate) fn fault(&self) -> Option<String> {
        let fault = "pack.name: use letters, digits, dots, dashes and underscores";
        (!valid_name(&self.name)).then(|| fault.to_owned())
    }
}

/// Whether `name` may name a pack: it becomes part of paths and messages.
pub(crate) fn valid_name(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    letters && (1..=64).contains(&name.len()) && !name.starts_with('.')
}
