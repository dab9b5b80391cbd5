"""Audio layer: every pixel of a frame attends to the audio tokens of that frame (EMO 3.2)."""

from __future__ import annotations

from torch import Tensor, nn

from .attention import Attention, FeedForward
from .norm import GroupNorm
from .spatial import to_picture, to_tokens


class AudioBlock(nn.Module):
    """LayerNorm and cross-attention to audio; LayerNorm and feed-forward (names of a block without ``attn1``)."""

    def __init__(self, dim: int, heads: int, ff_mult: int, token_dim: int) -> None:
        super().__init__()
        self.norm2 = nn.LayerNorm(dim)
        self.attn2 = Attention(dim, heads, token_dim)
        self.norm3 = nn.LayerNorm(dim)
        self.ff = FeedForward(dim, ff_mult)


class AudioLayer(nn.Module):
    """GroupNorm, 1x1 convolution, one ``AudioBlock``, 1x1 convolution (starts at zero), residual."""

    def __init__(self, dim: int, heads: int, groups: int, ff_mult: int, token_dim: int) -> None:
        super().__init__()
        self.norm = GroupNorm(groups, dim, eps=1e-6)
        self.proj_in = nn.Conv2d(dim, dim, 1)
        self.transformer_blocks = nn.ModuleList([AudioBlock(dim, heads, ff_mult, token_dim)])
        self.proj_out = nn.Conv2d(dim, dim, 1)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x: Tensor, audio: Tensor) -> Tensor:
        """``x`` is (N, C, h, w), ``audio`` (N, tokens, token_dim): one set of tokens a frame."""
        block = self.transformer_blocks[0]
        tokens = to_tokens(self.proj_in(self.norm(x)))
        tokens = tokens + block.attn2(block.norm2(tokens), audio)
        tokens = tokens + block.ff(block.norm3(tokens))
        return x + self.proj_out(to_picture(tokens, *x.shape[2:]))
