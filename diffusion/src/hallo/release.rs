//! The sizes of the published release, for what can be said of it without having it.

use shared::effort::Levels;

use crate::pack::{
    hallo::{
        AudioProjection, Branches, Clip, Face, HalloConfig, HalloSampler, HalloUnet, HalloVae, Motion, SpeechWindow,
        Wav2VecConfig,
    },
    manifest::{Betas, PictureSize},
};

impl HalloConfig {
    /// Hallo and Hallo2 as they were released: `configs/inference/default.yaml` of the repository, and the `config.json` files of
    /// Stable Diffusion 1.5, its autoencoder `sd-vae-ft-mse` and `wav2vec2-base-960h`.
    pub fn release() -> Self {
        Self {
            picture: PictureSize { size: 512 },
            clip: Clip { frames: 16, motion_frames: 2, fps: 25 },
            unet: HalloUnet {
                channels: vec![320, 640, 1280, 1280],
                layers_per_block: 2,
                heads: 8,
                norm_groups: 32,
                norm_eps: 1e-5,
                cross_attention_dim: 768,
            },
            motion: Motion { heads: 8, blocks: 1, positions: 32 },
            audio: AudioProjection { window: 5, hidden: 512, tokens: 32, token_dim: 768 },
            branches: Branches { pose: 1.0, face: 1.0, lip: 1.0 },
            face: Face { embedding: 512, tokens: 4, locator_channels: vec![16, 32, 64, 128] },
            vae: HalloVae {
                channels: vec![128, 256, 512, 512],
                layers_per_block: 2,
                latent_channels: 4,
                norm_groups: 32,
                scale: 0.18215,
            },
            wav2vec: Wav2VecConfig {
                conv_channels: vec![512; 7],
                conv_kernels: vec![10, 3, 3, 3, 3, 2, 2],
                conv_strides: vec![5, 2, 2, 2, 2, 2, 2],
                channels: 768,
                ff_channels: 3072,
                layers: 12,
                heads: 12,
                position_kernel: 128,
                position_groups: 16,
                norm_eps: 1e-5,
            },
            speech: SpeechWindow::default(),
            sampler: HalloSampler {
                train_steps: 1000,
                schedule: Betas::Linear,
                beta_start: 0.000_85,
                beta_end: 0.012,
                steps: 40,
                guidance: 3.5,
                solver: None,
                guidance_band: None,
                reuse: None,
                bridge: None,
            },
            quality: Levels::default(),
        }
    }
}
