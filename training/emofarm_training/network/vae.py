"""Picture autoencoder in the AutoencoderKL layout, with optional patches (``patch`` 1 is the SD VAE)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import VaeConfig
from .norm import GroupNorm
from .resnet import ResnetBlock, Upsample
from .spatial import to_picture, to_tokens

EPS = 1e-6


class MidAttention(nn.Module):
    """Single-head self-attention over all pixels, with biases: GroupNorm, attention, linear, residual."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.group_norm = GroupNorm(groups, channels, eps=EPS)
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor) -> Tensor:
        tokens = to_tokens(self.group_norm(x))
        y = F.scaled_dot_product_attention(self.to_q(tokens), self.to_k(tokens), self.to_v(tokens))
        return x + to_picture(self.to_out[0](y), *x.shape[2:])


class MidBlock(nn.Module):
    """Resnet, attention, resnet."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([ResnetBlock(channels, channels, None, groups, EPS) for _ in range(2)])
        self.attentions = nn.ModuleList([MidAttention(channels, groups)])

    def forward(self, x: Tensor) -> Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class VaeDownsample(nn.Module):
    """Stride-2 convolution after zero padding of one row below and one column on the right, as in the SD VAE."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class VaeBlock(nn.Module):
    """One level: resnets, then the resampler if there is one."""

    def __init__(self, inner: int, outer: int, layers: int, groups: int, resampler: str | None) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(
            [ResnetBlock(inner if i == 0 else outer, outer, None, groups, EPS) for i in range(layers)]
        )
        if resampler == "down":
            self.downsamplers = nn.ModuleList([VaeDownsample(outer)])
        elif resampler == "up":
            self.upsamplers = nn.ModuleList([Upsample(outer)])

    def forward(self, x: Tensor) -> Tensor:
        for resnet in self.resnets:
            x = resnet(x)
        for name in ("downsamplers", "upsamplers"):
            if hasattr(self, name):
                x = getattr(self, name)[0](x)
        return x


class Encoder(nn.Module):
    """(N, 3 patch^2, p, p) -> (N, 2 latent_channels, s, s): mean and log-variance before ``quant_conv``."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths, groups = config.channels, config.norm_groups
        self.conv_in = nn.Conv2d(3 * config.patch**2, widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList()
        for level, width in enumerate(widths):
            inner = widths[max(level - 1, 0)]
            resampler = "down" if level < len(widths) - 1 else None
            self.down_blocks.append(VaeBlock(inner, width, config.layers_per_block, groups, resampler))
        self.mid_block = MidBlock(widths[-1], groups)
        self.conv_norm_out = GroupNorm(groups, widths[-1], eps=EPS)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.conv_norm_out(self.mid_block(x))))


class Decoder(nn.Module):
    """(N, latent_channels, s, s) -> (N, 3 patch^2, p, p); mirrors the encoder with one more resnet a level."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths, groups = list(reversed(config.channels)), config.norm_groups
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.mid_block = MidBlock(widths[0], groups)
        self.up_blocks = nn.ModuleList()
        for level, width in enumerate(widths):
            inner = widths[max(level - 1, 0)]
            resampler = "up" if level < len(widths) - 1 else None
            self.up_blocks.append(VaeBlock(inner, width, config.layers_per_block + 1, groups, resampler))
        self.conv_norm_out = GroupNorm(groups, widths[-1], eps=EPS)
        self.conv_out = nn.Conv2d(widths[-1], 3 * config.patch**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(x))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Vae(nn.Module):
    """Pictures (N, 3, S, S) in [-1, 1] to normalised latents (N, c, s, s) and back.

    ``pixel_unshuffle`` orders channels as torch does: channel * patch^2 + row * patch + column.
    """

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.patch = config.patch
        self.encoder = Encoder(config)
        self.quant_conv = nn.Conv2d(2 * config.latent_channels, 2 * config.latent_channels, 1)
        self.post_quant_conv = nn.Conv2d(config.latent_channels, config.latent_channels, 1)
        self.decoder = Decoder(config)
        shape = (1, -1, 1, 1)
        self.register_buffer("shift", torch.tensor(config.shift).reshape(shape), persistent=False)
        self.register_buffer("scale", torch.tensor(config.scale).reshape(shape), persistent=False)

    def posterior(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (N, c, s, s), not normalised; the log-variance is clamped to -30..20."""
        moments = self.quant_conv(self.encoder(F.pixel_unshuffle(picture, self.patch)))
        mean, log_variance = moments.chunk(2, dim=1)
        return mean, log_variance.clamp(-30.0, 20.0)

    def encode(self, picture: Tensor) -> Tensor:
        """Normalised latent: the posterior's mean, shifted and scaled."""
        return (self.posterior(picture)[0] - self.shift) * self.scale

    def decode(self, latent: Tensor) -> Tensor:
        """Picture of a normalised latent; not clamped."""
        return self.reconstruct(latent / self.scale + self.shift)

    def reconstruct(self, latent: Tensor) -> Tensor:
        """Picture of a latent that is not normalised."""
        return F.pixel_shuffle(self.decoder(self.post_quant_conv(latent)), self.patch)
