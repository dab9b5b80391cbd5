"""Temporal module: every pixel position attends along time, over motion frames and the clip (EMO 3.2, AnimateDiff)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .attention import Attention, FeedForward, sinusoid
from .norm import GroupNorm
from .spatial import to_tokens


class TemporalBlock(nn.Module):
    """``attention_blocks.0`` is temporal self-attention, ``attention_blocks.1`` cross-attention to the speed tokens."""

    def __init__(self, dim: int, heads: int, ff_mult: int, speed_dim: int) -> None:
        super().__init__()
        self.attention_blocks = nn.ModuleList([Attention(dim, heads), Attention(dim, heads, speed_dim)])
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.ff_norm = nn.LayerNorm(dim)
        self.ff = FeedForward(dim, ff_mult)
        # The speed layers join in the third stage; from zero they change nothing at first.
        nn.init.zeros_(self.attention_blocks[1].to_out[0].weight)
        nn.init.zeros_(self.attention_blocks[1].to_out[0].bias)

    def forward(self, tokens: Tensor, motion: int, speed: Tensor | None) -> Tensor:
        """``tokens`` is (B, hw, n + f, C), motion frames first; gives the f clip frames, (B, hw, f, C).

        Positions 0..n-1 are the motion frames, n..n+f-1 the clip. The position code is added after LayerNorm.
        ``speed`` is (B, f, speed_dim); None leaves the speed cross-attention out (first two stages).
        """
        batch, pixels, length, dim = tokens.shape
        positions = torch.arange(length, device=tokens.device)
        code = sinusoid(positions, dim)
        seen = coded(self.norms[0](tokens), code).flatten(0, 1)
        clip = tokens[:, :, motion:]
        clip = clip + self.attention_blocks[0](seen[:, motion:], seen).reshape(clip.shape)
        if speed is not None:
            query = coded(self.norms[1](clip), code[motion:])
            context = coded(speed, sinusoid(positions[motion:], speed.shape[2]))
            # All pixels of one film read the same speed tokens: one long query, tokens not repeated.
            clip = clip + self.attention_blocks[1](query.flatten(1, 2), context).reshape(clip.shape)
        return clip + self.ff(self.ff_norm(clip))


def coded(x: Tensor, code: Tensor) -> Tensor:
    """``x`` plus a position code, which is single precision, in the precision of ``x``."""
    return (x + code).to(x.dtype)


class TemporalTransformer(nn.Module):
    """GroupNorm of each frame, linear, one ``TemporalBlock``, linear (starts at zero), residual."""

    def __init__(self, dim: int, heads: int, groups: int, ff_mult: int, speed_dim: int) -> None:
        super().__init__()
        self.norm = GroupNorm(groups, dim, eps=1e-6)
        self.proj_in = nn.Linear(dim, dim)
        self.transformer_blocks = nn.ModuleList([TemporalBlock(dim, heads, ff_mult, speed_dim)])
        self.proj_out = nn.Linear(dim, dim)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Tensor, motion: Tensor, speed: Tensor | None) -> Tensor:
        """``x`` is (B*f, C, h, w); ``motion`` (B, n, hw, C), zeros for a first clip; ``speed`` (B, f, speed_dim)."""
        batch, frames = motion.shape[0], motion.shape[1]
        tokens = self.normalise(to_tokens(x)).unflatten(0, (batch, -1))
        joined = torch.cat([self.normalise(motion.flatten(0, 1)).unflatten(0, (batch, -1)), tokens], dim=1)
        joined = self.proj_in(joined).transpose(1, 2)
        clip = self.proj_out(self.transformer_blocks[0](joined, frames, speed))
        return x + clip.permute(0, 2, 3, 1).reshape(x.shape)

    def normalise(self, tokens: Tensor) -> Tensor:
        """GroupNorm of each frame's (hw, C) map."""
        return self.norm(tokens.transpose(1, 2)).transpose(1, 2)


class TemporalModule(nn.Module):
    """Holds the transformer under the published name ``motion_modules.N.temporal_transformer``."""

    def __init__(self, dim: int, heads: int, groups: int, ff_mult: int, speed_dim: int) -> None:
        super().__init__()
        self.temporal_transformer = TemporalTransformer(dim, heads, groups, ff_mult, speed_dim)

    def forward(self, x: Tensor, motion: Tensor, speed: Tensor | None) -> Tensor:
        return self.temporal_transformer(x, motion, speed)
