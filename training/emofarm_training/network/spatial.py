"""Spatial transformer: self-attention, reference-attention and feed-forward over the pixels of one frame."""

from __future__ import annotations

from torch import Tensor, nn

from .attention import Attention, FeedForward
from .norm import GroupNorm


def to_tokens(x: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, hw, C), row by row."""
    return x.flatten(2).transpose(1, 2)


def to_picture(tokens: Tensor, height: int, width: int) -> Tensor:
    """(N, hw, C) -> (N, C, h, w)."""
    return tokens.transpose(1, 2).unflatten(2, (height, width))


class SpatialBlock(nn.Module):
    """LayerNorm and self-attention; LayerNorm and reference-attention (if ``reference``); LayerNorm and feed-forward.

    With ``feature_only`` everything after self-attention is left out: the last layer of the ReferenceNet.
    """

    def __init__(self, dim: int, heads: int, ff_mult: int, reference: bool, feature_only: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn1 = Attention(dim, heads)
        if reference:
            self.norm2 = nn.LayerNorm(dim)
            self.attn2 = Attention(dim, heads)
        if not feature_only:
            self.norm3 = nn.LayerNorm(dim)
            self.ff = FeedForward(dim, ff_mult)


class SpatialTransformer(nn.Module):
    """GroupNorm, 1x1 convolution, one ``SpatialBlock``, 1x1 convolution, residual (layout of SD 1.5)."""

    def __init__(
        self, dim: int, heads: int, groups: int, ff_mult: int, reference: bool, feature_only: bool = False
    ) -> None:
        super().__init__()
        self.norm = GroupNorm(groups, dim, eps=1e-6)
        self.proj_in = nn.Conv2d(dim, dim, 1)
        self.transformer_blocks = nn.ModuleList([SpatialBlock(dim, heads, ff_mult, reference, feature_only)])
        self.proj_out = None if feature_only else nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        """Denoiser: ``x`` is (B*f, C, h, w), ``reference`` (B, hw, C), shared by the f frames of each film."""
        block = self.transformer_blocks[0]
        tokens = self.attend_self(x)
        # All frames of a film read the same reference map, so they join one long query and the map is not repeated.
        query = block.norm2(tokens).reshape(reference.shape[0], -1, tokens.shape[2])
        tokens = tokens + block.attn2(query, reference).reshape(tokens.shape)
        return self.finish(x, tokens)

    def forward_reference(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """ReferenceNet: the reference feature (N, hw, C), and the layer's output, or None after the last feature."""
        feature = self.attend_self(x)
        return feature, None if self.proj_out is None else self.finish(x, feature)

    def attend_self(self, x: Tensor) -> Tensor:
        """GroupNorm, ``proj_in`` and self-attention with its residual: (N, C, h, w) -> (N, hw, C)."""
        block = self.transformer_blocks[0]
        tokens = to_tokens(self.proj_in(self.norm(x)))
        return tokens + block.attn1(block.norm1(tokens))

    def finish(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Feed-forward, ``proj_out`` and the layer's residual."""
        block = self.transformer_blocks[0]
        tokens = tokens + block.ff(block.norm3(tokens))
        return x + self.proj_out(to_picture(tokens, *x.shape[2:]))
