"""A linear picture code (principal components of square patches) that gives the autoencoder a good start.

Trained from nothing, a deep autoencoder first uses two or three directions of its latent and is slow to find the others.
Whitened principal components use all channels from the first step: at first the encoder learns to give
them and the decoder to read them, then both are set free.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class PatchCode:
    """The first ``channels`` whitened principal components of patches of ``side`` x ``side`` pixels."""

    def __init__(self, pictures: Tensor, side: int, channels: int) -> None:
        """``pictures`` (N, S, S, 3) uint8; the code is worked out on their device."""
        self.side = side
        patches = self.patches(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1)
        patches = patches.permute(0, 2, 3, 1).reshape(-1, patches.shape[1])
        self.mean = patches.mean(dim=0)
        centred = patches - self.mean
        values, vectors = torch.linalg.eigh((centred.T @ centred / len(centred)).double())
        order = values.argsort(descending=True)[:channels]
        self.filters = (vectors[:, order] / values[order].sqrt()).float()

    def patches(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, 3 side^2, s, s)."""
        return F.pixel_unshuffle(x, self.side)

    def encode(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] -> (N, channels, s, s), each with variance 1."""
        shape = (1, -1, 1, 1)
        return torch.einsum("ncij,ck->nkij", self.patches(x) - self.mean.reshape(shape), self.filters)
