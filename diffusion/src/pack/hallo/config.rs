//! Every size and setting that the Hallo network's shape and sampler depend on.

use serde::{Deserialize, Serialize};
use shared::{
    effort::{Band, Effort, Levels, Solver},
    ports::Bridging,
};

use crate::pack::manifest::{Betas, PictureSize, effort_fault};

/// The network of a pack of the family `hallo`. The published release has these numbers in its code, its YAML and the
/// `config.json` files beside its weights; a converted pack has them in its manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalloConfig {
    /// The picture.
    pub picture: PictureSize,
    /// Clip and motion frames.
    pub clip: Clip,
    /// `ReferenceNet` and denoiser.
    pub unet: HalloUnet,
    /// Motion modules.
    pub motion: Motion,
    /// Audio window, projection and tokens.
    pub audio: AudioProjection,
    /// Strengths of the three audio branches.
    pub branches: Branches,
    /// Face embedding, its tokens, and the Face Locator.
    pub face: Face,
    /// Picture autoencoder.
    pub vae: HalloVae,
    /// Speech encoder.
    pub wav2vec: Wav2VecConfig,
    /// How much of a track the speech encoder attends to at once.
    #[serde(default)]
    pub speech: SpeechWindow,
    /// Diffusion schedule and its defaults.
    pub sampler: HalloSampler,
    /// What the quality levels stand for; what suits the sampler when absent.
    #[serde(default, skip_serializing_if = "Levels::is_empty")]
    pub quality: Levels,
}

/// Frames in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    /// Frames denoised together.
    pub frames: usize,
    /// Motion frames that condition them.
    pub motion_frames: usize,
    /// Frames per second that the network was trained at.
    pub fps: u32,
}

/// Sizes that `ReferenceNet` and denoiser share, in the layout of Stable Diffusion 1.5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalloUnet {
    /// Width of each level; the last one has no attention.
    pub channels: Vec<usize>,
    /// Layers of a level on the way down; one more on the way up.
    pub layers_per_block: usize,
    /// Heads of every attention.
    pub heads: usize,
    /// Groups of the group norms.
    pub norm_groups: usize,
    /// Epsilon of the group norms in resnets; those of transformers have 1e-6.
    pub norm_eps: f64,
    /// Width of the face tokens that cross-attention reads.
    pub cross_attention_dim: usize,
}

/// Motion modules, in the layout of `AnimateDiff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Motion {
    /// Heads of their attention.
    pub heads: usize,
    /// Transformer blocks in each.
    pub blocks: usize,
    /// Rows of the position code: motion frames and clip together are not longer.
    pub positions: usize,
}

/// From speech features to tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioProjection {
    /// Frames of speech that one frame of the film sees, itself in the middle; an odd number.
    pub window: usize,
    /// Width of the projection's hidden layers.
    pub hidden: usize,
    /// Tokens of a frame.
    pub tokens: usize,
    /// Width of a token.
    pub token_dim: usize,
}

/// What each audio branch is multiplied by before the three are added.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branches {
    /// The branch of the whole picture without the face: head pose.
    pub pose: f32,
    /// The branch of the face without the lips.
    pub face: f32,
    /// The branch of the lips.
    pub lip: f32,
}

/// Face embedding, its tokens, and the Face Locator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Face {
    /// Numbers in a face embedding.
    pub embedding: usize,
    /// Tokens that it is projected to.
    pub tokens: usize,
    /// Widths of the Face Locator; each step to the next halves the map.
    pub locator_channels: Vec<usize>,
}

/// Picture autoencoder in the layout of Stable Diffusion's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalloVae {
    /// Width of each level.
    pub channels: Vec<usize>,
    /// Residual blocks of an encoder level; the decoder has one more.
    pub layers_per_block: usize,
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Groups of the group norms.
    pub norm_groups: usize,
    /// `latent = mean * scale`.
    pub scale: f32,
}

/// wav2vec 2.0 (arXiv 2006.11477) in the layout of its `base` size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wav2VecConfig {
    /// Width of each convolution of the feature extractor.
    pub conv_channels: Vec<usize>,
    /// Taps of each.
    pub conv_kernels: Vec<usize>,
    /// Samples or features between the outputs of each.
    pub conv_strides: Vec<usize>,
    /// Width of the transformer.
    pub channels: usize,
    /// Width of its feed-forward layers.
    pub ff_channels: usize,
    /// Its layers; the hidden state after each is a feature.
    pub layers: usize,
    /// Heads of its attention.
    pub heads: usize,
    /// Taps of the positional convolution.
    pub position_kernel: usize,
    /// Groups of the positional convolution.
    pub position_groups: usize,
    /// Epsilon of the layer norms.
    pub norm_eps: f64,
}

/// How much of a track the speech encoder attends to at once. Attention over all of a long track would need time that grows
/// with the square of its length, and memory that grows with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpeechWindow {
    /// Tracks up to this many seconds are encoded as a whole, as the release does with all.
    pub exact_seconds: u32,
    /// Longer ones are encoded in windows of this many seconds...
    pub window_seconds: u32,
    /// ...each of which also hears this many seconds before and after it.
    pub overlap_seconds: u32,
}

impl Default for SpeechWindow {
    fn default() -> Self {
        Self { exact_seconds: 300, window_seconds: 60, overlap_seconds: 10 }
    }
}

/// Diffusion schedule and the sampler's defaults. The network predicts the velocity, and the betas are rescaled to zero
/// terminal SNR.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalloSampler {
    /// Diffusion steps in training.
    pub train_steps: usize,
    /// How the betas grow.
    pub schedule: Betas,
    /// First beta.
    pub beta_start: f64,
    /// Last beta, before the rescaling.
    pub beta_end: f64,
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
    /// How bridges are denoised; what suits the number of steps when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<Bridging>,
}

impl HalloSampler {
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

impl HalloConfig {
    /// Pixels of the picture to one of the latent, along an edge.
    pub fn factor(&self) -> usize {
        1 << (self.vae.channels.len() - 1)
    }

    /// Edge of the latent.
    pub fn latent_size(&self) -> usize {
        self.picture.size / self.factor()
    }

    /// Numbers in the speech features of one frame: every hidden state.
    pub fn feature_width(&self) -> usize {
        self.wav2vec.layers * self.wav2vec.channels
    }

    /// Whether a tensor of the published file is never read: the release runs the motion modules of the levels without
    /// attention on no path, and they make a thirteenth of its parameters.
    pub fn is_dead(&self, tensor: &str) -> bool {
        let last = self.unet.channels.len() - 1;
        let below = |level: String| tensor.starts_with(&format!("denoising_unet.{level}.motion_modules."));
        below(format!("down_blocks.{last}")) || below("up_blocks.0".into())
    }

    /// The first rule that the sizes break.
    pub(crate) fn fault(&self) -> Option<String> {
        let (unet, vae, speech) = (&self.unet, &self.vae, &self.wav2vec);
        let sizes = [&unet.channels, &vae.channels, &self.face.locator_channels, &speech.conv_channels];
        let sound = |size: &usize| (1..=1 << 16).contains(size);
        let fits = |widths: &[usize], by: usize| by > 0 && widths.iter().all(|width| width.is_multiple_of(by));
        let rules = [
            (
                sizes.iter().all(|list| (1..=16).contains(&list.len()) && list.iter().all(sound)),
                "a list of widths is empty, too long, or has a width of zero or above 65536",
            ),
            (self.single_sizes().iter().all(sound), "a size is zero or above 65536"),
            (
                (2..=6).contains(&unet.channels.len()) && vae.channels.len() <= 6,
                "unet.channels: 2 to 6 widths, vae.channels: 1 to 6",
            ),
            ((64..=4096).contains(&self.picture.size), "picture.size: 64 to 4096"),
            (
                fits(&unet.channels, unet.norm_groups) && fits(&unet.channels, unet.heads),
                "unet.channels: multiples of unet.norm_groups and of unet.heads",
            ),
            (fits(&unet.channels, self.motion.heads), "unet.channels: multiples of motion.heads"),
            (fits(&vae.channels, vae.norm_groups), "vae.channels: multiples of vae.norm_groups"),
            (vae.scale.is_normal(), "vae.scale: a number other than zero"),
            (unet.norm_eps > 0.0 && unet.norm_eps < 1.0, "unet.norm_eps: a number between 0 and 1"),
            (
                self.clip.fps > 0 && 16_000 % self.clip.fps == 0,
                "clip.fps: a divisor of 16000, so that frames begin on samples",
            ),
            (self.clip.motion_frames <= self.clip.frames, "clip.motion_frames: not more than clip.frames"),
            (
                self.clip.frames + self.clip.motion_frames <= self.motion.positions,
                "motion.positions: not fewer than clip and motion frames together",
            ),
            (self.audio.window % 2 == 1 && self.audio.window < 100, "audio.window: an odd number below 100"),
            ((1..=self.sampler.train_steps).contains(&self.sampler.steps), "sampler.steps: 1 to sampler.train_steps"),
        ];
        let broken = rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| (*rule).to_owned());
        let bridge = self.sampler.bridge.and_then(|bridge| bridge.check().err());
        let broken = broken.or_else(|| bridge.map(|e| format!("sampler.bridge: {e}")));
        let effort = || effort_fault(self.sampler.effort(), &self.quality, self.sampler.train_steps);
        broken.or_else(effort).or_else(|| self.speech_fault()).or_else(|| self.map_fault())
    }

    /// Sizes that stand alone.
    fn single_sizes(&self) -> [usize; 17] {
        let (unet, vae, speech) = (&self.unet, &self.vae, &self.wav2vec);
        [
            self.clip.frames,
            self.clip.motion_frames,
            self.audio.hidden,
            self.audio.tokens,
            self.audio.token_dim,
            self.face.embedding,
            self.face.tokens,
            unet.cross_attention_dim,
            vae.latent_channels,
            speech.channels,
            speech.ff_channels,
            speech.layers,
            speech.position_kernel,
            self.sampler.train_steps,
            self.motion.blocks,
            unet.layers_per_block,
            vae.layers_per_block,
        ]
    }

    /// Faults of the speech encoder.
    fn speech_fault(&self) -> Option<String> {
        let speech = &self.wav2vec;
        let fits = |by: usize| by > 0 && speech.channels.is_multiple_of(by);
        let rules = [
            (
                speech.conv_kernels.len() == speech.conv_channels.len()
                    && speech.conv_strides.len() == speech.conv_channels.len(),
                "wav2vec: one kernel and one stride for each of conv_channels",
            ),
            (
                speech
                    .conv_kernels
                    .iter()
                    .zip(&speech.conv_strides)
                    .all(|(kernel, stride)| (1..=*kernel).contains(stride) && *kernel <= 64),
                "wav2vec.conv_strides: 1 up to the kernel, kernels up to 64",
            ),
            (
                fits(speech.heads) && fits(speech.position_groups),
                "wav2vec.channels: a multiple of heads and of position_groups",
            ),
            (
                (1..=3600).contains(&self.speech.window_seconds)
                    && self.speech.overlap_seconds <= 3600
                    && self.speech.exact_seconds <= 36_000,
                "speech: window_seconds 1 to 3600, overlap_seconds up to 3600, exact_seconds up to 36000",
            ),
        ];
        rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| (*rule).to_owned())
    }

    /// Faults between the sizes of maps, once each size alone is known to be sound.
    fn map_fault(&self) -> Option<String> {
        let (size, step) = (self.picture.size, self.factor() << (self.unet.channels.len() - 1));
        if size % step != 0 {
            return Some(format!("picture.size: {size} is not a multiple of {step}"));
        }
        let located = size >> (self.face.locator_channels.len() - 1);
        (located != self.latent_size()).then(|| {
            format!("face.locator_channels: its maps end at {located} pixels, the latent has {}", self.latent_size())
        })
    }
}
