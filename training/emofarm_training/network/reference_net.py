"""ReferenceNet: the denoiser's spatial part, run once over a clean latent, whose self-attention maps are features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import ModelConfig
from .resnet import TimeEmbedding
from .spatial import SpatialTransformer
from .unet import LayerPlace, append, build_blocks


class ReferenceNet(nn.Module):
    """Reference features of the portrait and of motion frames (EMO 3.2).

    Input: latents (N, latent_channels, s, s). Output: one map (N, hw, C) for each attention layer, in the order in
    which the denoiser runs its layers (down, mid, up): the hidden state right after the layer's self-attention and
    its residual. The diffusion step is always 0. Nothing is computed, and no weights exist, after the last feature.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        unet = config.unet
        self.time_embedding = TimeEmbedding(unet.channels[0])
        self.conv_in = nn.Conv2d(config.vae.latent_channels, unet.channels[0], 3, padding=1)

        def add(block: nn.Module, place: LayerPlace) -> None:
            layer = SpatialTransformer(
                place.channels, unet.heads, unet.norm_groups, unet.ff_mult, reference=False, feature_only=place.last
            )
            append(block, "attentions", layer)

        build_blocks(self, unet, 4 * unet.channels[0], add)

    def forward(self, latents: Tensor) -> list[Tensor]:
        time = self.time_embedding(torch.zeros(1, device=latents.device))
        x = self.conv_in(latents)
        skips, features = [x], []

        def layer(block: nn.Module, index: int, x: Tensor) -> Tensor | None:
            x = block.resnets[index](x, time)
            feature, x = block.attentions[index].forward_reference(x)
            features.append(feature)
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
        return features
