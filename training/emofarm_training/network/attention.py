"""Attention and the gated feed-forward layer, with the parameter names of diffusers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention: queries from ``x`` (B, L, dim), keys and values from ``context`` (B, M, context_dim).

    The queries, keys and values have no bias, the output has one (``to_out.0``). Head size is ``dim / heads``,
    scores are scaled by its root.
    """

    def __init__(self, dim: int, heads: int, context_dim: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        context_dim = context_dim or dim
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_k = nn.Linear(context_dim, dim, bias=False)
        self.to_v = nn.Linear(context_dim, dim, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(dim, dim)])

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        context = x if context is None else context
        q, k, v = (self.split(y) for y in (self.to_q(x), self.to_k(context), self.to_v(context)))
        if q.device.type == "cpu" and q.dtype == torch.bfloat16 and torch.is_grad_enabled():
            # Written out, in the precision of the products: in bf16 the fused form's backward pass takes several times as long.
            with torch.autocast("cpu", enabled=False):
                y = torch.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(2, 3), dim=-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        return self.to_out[0](y.transpose(1, 2).flatten(2))

    def split(self, x: Tensor) -> Tensor:
        """(B, L, dim) -> (B, heads, L, dim / heads)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Geglu(nn.Module):
    """Linear layer to twice the width, whose second half gates the first through the exact (erf) GELU."""

    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(dim, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """GEGLU, then linear; ``net.1`` is the (absent) dropout of the published layout."""

    def __init__(self, dim: int, mult: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([Geglu(dim, mult * dim), nn.Identity(), nn.Linear(mult * dim, dim)])

    def forward(self, x: Tensor) -> Tensor:
        return self.net[2](self.net[0](x))


def sinusoid(positions: Tensor, dim: int) -> Tensor:
    """Sinusoidal code of AnimateDiff: even channels sin, odd cos, (L,) -> (L, dim).

    ``code[p, 2i] = sin(p * 10000^(-2i/dim))``, ``code[p, 2i+1] = cos(p * 10000^(-2i/dim))``.
    """
    rate = torch.exp(torch.arange(0, dim, 2, device=positions.device).float() * (-torch.log(torch.tensor(10000.0)).item() / dim))
    angle = positions.float()[:, None] * rate[None]
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
