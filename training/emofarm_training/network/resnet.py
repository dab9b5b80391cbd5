"""Residual blocks, resampling and the time embedding, with the layout of Stable Diffusion 1.5."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .norm import GroupNorm


class ResnetBlock(nn.Module):
    """GroupNorm, SiLU, conv, + projected time embedding, GroupNorm, SiLU, conv, + shortcut.

    ``x`` is (N, inner, h, w), ``time`` (N, time_dim) or (1, time_dim), or None for a block without time (the VAE).
    """

    def __init__(self, inner: int, outer: int, time_dim: int | None, groups: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.norm1 = GroupNorm(groups, inner, eps=eps)
        self.conv1 = nn.Conv2d(inner, outer, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_dim, outer) if time_dim else None
        self.norm2 = GroupNorm(groups, outer, eps=eps)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inner, outer, 1) if inner != outer else None

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if self.time_emb_proj is not None:
            h = h + self.time_emb_proj(F.silu(time))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return (x if self.conv_shortcut is None else self.conv_shortcut(x)) + h


class Downsample(nn.Module):
    """Stride-2 convolution, padding 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Upsample(nn.Module):
    """Nearest neighbour to twice the size, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class TimeEmbedding(nn.Module):
    """Sinusoidal code of the diffusion step (cosines first, no frequency shift, in f32), then linear, SiLU, linear."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.linear_1 = nn.Linear(channels, 4 * channels)
        self.linear_2 = nn.Linear(4 * channels, 4 * channels)

    def forward(self, timestep: Tensor) -> Tensor:
        """(N,) -> (N, 4 * channels)."""
        half = self.channels // 2
        rate = torch.exp(-math.log(10000.0) * torch.arange(half, device=timestep.device).float() / half)
        angle = timestep.float()[:, None] * rate[None]
        code = torch.cat([angle.cos(), angle.sin()], dim=-1)
        code = code.to(self.linear_1.weight.dtype)
        return self.linear_2(F.silu(self.linear_1(code)))
