"""The denoising UNet (EMO's Backbone Network)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .audio_layer import AudioLayer
from .config import ModelConfig
from .norm import GroupNorm
from .resnet import TimeEmbedding
from .spatial import SpatialTransformer
from .temporal import TemporalModule
from .unet import LayerPlace, append, build_blocks


@dataclass
class Conditions:
    """What the denoiser is told; B films, f frames each.

    * ``reference_latent`` (B, c, s, s): latent of the portrait, joined to the noisy latent if ``concat_reference``.
    * ``reference``: one (B, hw, C) map for each layer, from the ReferenceNet.
    * ``face`` (B, C0, s, s): output of the Face Locator, added after ``conv_in``.
    * ``audio`` (B, f, tokens, token_dim), zeros for the unconditional side; None skips the audio layers (stage 1).
    * ``motion``: one (B, n, hw, C) map for each layer, zeros for a first clip; None skips the temporal modules (stage 1).
    * ``speed`` (B, f, token_dim); None skips the speed cross-attention (stages 1 and 2).
    """

    reference_latent: Tensor
    reference: list[Tensor]
    face: Tensor
    audio: Tensor | None = None
    motion: list[Tensor] | None = None
    speed: Tensor | None = None


class DenoisingUNet(nn.Module):
    """Predicts the clean sample or v (``sampler.prediction``) from noisy latents.

    Layer order: resnet, spatial transformer with reference-attention, audio layer, temporal module.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        unet = config.unet
        self.concat_reference = unet.concat_reference
        width, latent = unet.channels[0], config.vae.latent_channels
        self.time_embedding = TimeEmbedding(width)
        self.conv_in = nn.Conv2d(latent * (2 if unet.concat_reference else 1), width, 3, padding=1)

        def add(block: nn.Module, place: LayerPlace) -> None:
            sizes = (place.channels, unet.heads, unet.norm_groups, unet.ff_mult)
            append(block, "attentions", SpatialTransformer(*sizes, reference=True))
            append(block, "audio_modules", AudioLayer(*sizes, config.audio_layers.token_dim))
            append(block, "motion_modules", TemporalModule(*sizes, config.speed.token_dim))

        build_blocks(self, unet, 4 * width, add)
        self.conv_norm_out = GroupNorm(unet.norm_groups, width, eps=1e-5)
        self.conv_out = nn.Conv2d(width, latent, 3, padding=1)

    def forward(self, noisy: Tensor, timestep: Tensor, given: Conditions) -> Tensor:
        """``noisy`` (B, f, c, s, s), ``timestep`` (B,) one diffusion step a film; gives its output, shaped as ``noisy``."""
        batch, frames = noisy.shape[:2]
        time = self.time_embedding(timestep).repeat_interleave(frames, dim=0)
        x = noisy.flatten(0, 1)
        if self.concat_reference:
            x = torch.cat([x, given.reference_latent.repeat_interleave(frames, dim=0)], dim=1)
        x = self.conv_in(x) + given.face.repeat_interleave(frames, dim=0)
        skips, place = [x], 0

        def layer(block: nn.Module, index: int, x: Tensor) -> Tensor:
            nonlocal place
            x = block.resnets[index](x, time)
            x = block.attentions[index](x, given.reference[place])
            if given.audio is not None:
                x = block.audio_modules[index](x, given.audio.flatten(0, 1))
            if given.motion is not None:
                x = block.motion_modules[index](x, given.motion[place], given.speed)
            place += 1
            return x

        for block in self.down_blocks:
            for index in range(len(block.resnets)):
                x = layer(block, index, x)
                skips.append(x)
            if hasattr(block, "downsamplers"):
                x = block.downsamplers[0](x)
                skips.append(x)
        x = layer(self.mid_block, 0, x)
        x = self.mid_block.resnets[1](x, time)
        for block in self.up_blocks:
            for index in range(len(block.resnets)):
                x = layer(block, index, torch.cat([x, skips.pop()], dim=1))
            if hasattr(block, "upsamplers"):
                x = block.upsamplers[0](x)
        return self.conv_out(F.silu(self.conv_norm_out(x))).unflatten(0, (batch, frames))
