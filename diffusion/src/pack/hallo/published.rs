//! The published layout: the directory `pretrained_models` as the release's own instructions lay it out.

use std::path::{Path, PathBuf};

use serde::{Deserialize, de::DeserializeOwned};
use shared::{Error, Result, effort::Levels};

use super::config::{
    AudioProjection, Branches, Clip, Face, HalloConfig, HalloSampler, HalloUnet, HalloVae, Motion, SpeechWindow,
    Wav2VecConfig,
};
use crate::pack::manifest::{Betas, PictureSize};

/// Where a release keeps its network, newest first.
pub(super) const NETWORKS: [&str; 2] = ["hallo2/net.pth", "hallo/net.pth"];
/// Where it keeps the autoencoder.
pub(super) const VAE: &str = "sd-vae-ft-mse/diffusion_pytorch_model.safetensors";
/// Where it keeps the speech encoder.
pub(super) const SPEECH: &str = "wav2vec/wav2vec2-base-960h/model.safetensors";
/// The sizes of the networks, beside their weights.
pub(super) const UNET_CONFIG: &str = "stable-diffusion-v1-5/unet/config.json";
const VAE_CONFIG: &str = "sd-vae-ft-mse/config.json";
const SPEECH_CONFIG: &str = "wav2vec/wav2vec2-base-960h/config.json";
/// Sizes and settings that the release has in its code; absent beside the release itself.
const NETWORK: &str = "network.json";

/// Longest configuration file that is read.
const LIMIT: u64 = 1 << 20;

/// A published layout.
pub(super) struct Layout {
    /// The directory that was named.
    pub(super) dir: PathBuf,
    /// The directory that holds the parts.
    pub(super) root: PathBuf,
    /// The network's file below `root`.
    pub(super) network: &'static str,
}

impl Layout {
    /// The layout in `dir`, or in `pretrained_models` below it; nothing when there is no network.
    pub(super) fn find(dir: &Path) -> Option<Self> {
        let roots = [dir.join("pretrained_models"), dir.to_owned()];
        let places = roots.iter().flat_map(|root| NETWORKS.iter().map(move |network| (root, *network)));
        let (root, network) = places.into_iter().find(|(root, network)| root.join(network).is_file())?;
        Some(Self { dir: dir.to_owned(), root: root.clone(), network })
    }

    /// Puts the sizes together from the files of the layout.
    ///
    /// # Errors
    /// When one is missing, damaged, or describes a network that is not Hallo's.
    pub(super) fn config(&self) -> Result<HalloConfig> {
        let beside = [self.dir.join(NETWORK), self.root.join(NETWORK)];
        let network: NetworkJson = match beside.iter().find(|path| path.is_file()) {
            Some(path) => json(path)?,
            None => NetworkJson::default(),
        };
        let unet: UnetJson = json(&self.root.join(UNET_CONFIG))?;
        let vae: VaeJson = json(&self.root.join(VAE_CONFIG))?;
        let speech_file = self.root.join(SPEECH_CONFIG);
        let speech: SpeechJson = json(&speech_file)?;
        let name = speech_file.display();
        let wrong = |what: String| Err(Error::order(what).mend("use the files of the published release"));
        if speech.feat_extract_norm != "group" || speech.do_stable_layer_norm || speech.conv_bias {
            return wrong(format!("{name} does not describe wav2vec 2.0 of the base size"));
        }
        let scheduler = &network.scheduler;
        if scheduler.prediction_type != "v_prediction"
            || !scheduler.rescale_betas_zero_snr
            || scheduler.timestep_spacing != "trailing"
            || scheduler.clip_sample
        {
            let path = self.dir.join(NETWORK);
            return wrong(format!("{}: the scheduler is not Hallo's", path.display()));
        }
        if (network.audio.blocks, network.audio.channels) != (speech.num_hidden_layers, speech.hidden_size) {
            let [blocks, channels] = [network.audio.blocks, network.audio.channels];
            return wrong(format!(
                "{name} has {} hidden states of width {}; the network reads {blocks} of width {channels}",
                speech.num_hidden_layers, speech.hidden_size
            ));
        }
        Ok(together(&network, unet, vae, speech))
    }
}

/// Sizes of the files in the words of this house.
fn together(network: &NetworkJson, unet: UnetJson, vae: VaeJson, speech: SpeechJson) -> HalloConfig {
    let [pose, face, lip] = network.motion_scale;
    let NetworkJson { audio, scheduler, motion_module: motion, .. } = network;
    HalloConfig {
        picture: PictureSize { size: network.image_size },
        clip: Clip { frames: network.clip_length, motion_frames: network.n_motion_frames, fps: network.fps },
        unet: HalloUnet {
            channels: unet.block_out_channels,
            layers_per_block: unet.layers_per_block,
            heads: unet.attention_head_dim,
            norm_groups: unet.norm_num_groups,
            norm_eps: unet.norm_eps,
            cross_attention_dim: unet.cross_attention_dim,
        },
        motion: Motion {
            heads: motion.num_attention_heads,
            blocks: motion.num_transformer_block,
            positions: motion.position_encoding_max_len,
        },
        audio: AudioProjection {
            window: audio.window,
            hidden: audio.intermediate_dim,
            tokens: audio.context_tokens,
            token_dim: audio.output_dim,
        },
        branches: Branches { pose, face, lip },
        face: Face {
            embedding: network.face_embedding_dim,
            tokens: network.image_tokens,
            locator_channels: network.face_locator_channels.clone(),
        },
        vae: HalloVae {
            channels: vae.block_out_channels,
            layers_per_block: vae.layers_per_block,
            latent_channels: vae.latent_channels,
            norm_groups: vae.norm_num_groups,
            scale: vae.scaling_factor,
        },
        wav2vec: Wav2VecConfig {
            conv_channels: speech.conv_dim,
            conv_kernels: speech.conv_kernel,
            conv_strides: speech.conv_stride,
            channels: speech.hidden_size,
            ff_channels: speech.intermediate_size,
            layers: speech.num_hidden_layers,
            heads: speech.num_attention_heads,
            position_kernel: speech.num_conv_pos_embeddings,
            position_groups: speech.num_conv_pos_embedding_groups,
            norm_eps: speech.layer_norm_eps,
        },
        speech: network.speech,
        sampler: HalloSampler {
            train_steps: scheduler.num_train_timesteps,
            schedule: scheduler.beta_schedule,
            beta_start: scheduler.beta_start,
            beta_end: scheduler.beta_end,
            steps: network.inference_steps,
            guidance: network.cfg_scale,
            solver: None,
            guidance_band: None,
            reuse: None,
            bridge: None,
        },
        quality: Levels::default(),
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = crate::pack::read_text(path, LIMIT)?;
    serde_json::from_str(&text).map_err(|e| {
        Error::order(format!("{} is not the configuration of a Hallo release", path.display()))
            .from_source(e)
            .mend("fetch the file again")
    })
}

/// `network.json`; its defaults are those of the release (`configs/inference/default.yaml` of Hallo v1 and the code that
/// reads it, at 8fd7c57; Hallo2 has the same).
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NetworkJson {
    image_size: usize,
    fps: u32,
    clip_length: usize,
    n_motion_frames: usize,
    inference_steps: usize,
    cfg_scale: f32,
    audio: AudioJson,
    image_tokens: usize,
    face_embedding_dim: usize,
    face_locator_channels: Vec<usize>,
    motion_module: MotionJson,
    motion_scale: [f32; 3],
    scheduler: SchedulerJson,
    speech: SpeechWindow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AudioJson {
    window: usize,
    blocks: usize,
    channels: usize,
    intermediate_dim: usize,
    context_tokens: usize,
    output_dim: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MotionJson {
    num_attention_heads: usize,
    num_transformer_block: usize,
    position_encoding_max_len: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchedulerJson {
    #[serde(default = "train_steps")]
    num_train_timesteps: usize,
    beta_start: f64,
    beta_end: f64,
    beta_schedule: Betas,
    clip_sample: bool,
    // Shifts the leading spacing of timesteps only, which is not Hallo's.
    #[serde(rename = "steps_offset", default)]
    _steps_offset: usize,
    prediction_type: String,
    rescale_betas_zero_snr: bool,
    timestep_spacing: String,
}

fn train_steps() -> usize {
    1000
}

impl Default for NetworkJson {
    fn default() -> Self {
        Self {
            image_size: 512,
            fps: 25,
            clip_length: 16,
            n_motion_frames: 2,
            inference_steps: 40,
            cfg_scale: 3.5,
            audio: AudioJson {
                window: 5,
                blocks: 12,
                channels: 768,
                intermediate_dim: 512,
                context_tokens: 32,
                output_dim: 768,
            },
            image_tokens: 4,
            face_embedding_dim: 512,
            face_locator_channels: vec![16, 32, 64, 128],
            motion_module: MotionJson {
                num_attention_heads: 8,
                num_transformer_block: 1,
                position_encoding_max_len: 32,
            },
            motion_scale: [1.0; 3],
            scheduler: SchedulerJson {
                num_train_timesteps: train_steps(),
                beta_start: 0.00085,
                beta_end: 0.012,
                beta_schedule: Betas::Linear,
                clip_sample: false,
                _steps_offset: 1,
                prediction_type: "v_prediction".into(),
                rescale_betas_zero_snr: true,
                timestep_spacing: "trailing".into(),
            },
            speech: SpeechWindow::default(),
        }
    }
}

/// `config.json` of Stable Diffusion 1.5's UNet; what is not read here does not change the network.
#[derive(Deserialize)]
struct UnetJson {
    block_out_channels: Vec<usize>,
    layers_per_block: usize,
    /// The number of heads; the library's name for it is a known misnomer.
    attention_head_dim: usize,
    #[serde(default = "groups")]
    norm_num_groups: usize,
    norm_eps: f64,
    cross_attention_dim: usize,
}

/// `config.json` of the autoencoder.
#[derive(Deserialize)]
struct VaeJson {
    block_out_channels: Vec<usize>,
    layers_per_block: usize,
    latent_channels: usize,
    #[serde(default = "groups")]
    norm_num_groups: usize,
    #[serde(default = "scaling_factor")]
    scaling_factor: f32,
}

fn groups() -> usize {
    32
}

/// Stable Diffusion's; the file of `sd-vae-ft-mse` is older than its key for it.
fn scaling_factor() -> f32 {
    0.18215
}

/// `config.json` of wav2vec 2.0.
#[derive(Deserialize)]
struct SpeechJson {
    conv_dim: Vec<usize>,
    conv_kernel: Vec<usize>,
    conv_stride: Vec<usize>,
    conv_bias: bool,
    do_stable_layer_norm: bool,
    feat_extract_norm: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_conv_pos_embeddings: usize,
    num_conv_pos_embedding_groups: usize,
    layer_norm_eps: f64,
}
