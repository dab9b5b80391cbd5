"""Several processes that train together: each takes its own batch, gradients are averaged.

Started by ``torchrun --nproc_per_node N -m emofarm_training.train ...``. On a CPU that others use too, processes with
one thread each lose far less than one process with N threads, which waits for its slowest thread at every operator.
"""

from __future__ import annotations

import os

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor


def join() -> None:
    """Joins the group that the environment describes; without ``WORLD_SIZE`` this process trains alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("gloo")


def rank() -> int:
    """Number of this process; 0 writes files and logs."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """How many processes train."""
    return dist.get_world_size() if dist.is_initialized() else 1


def wait() -> None:
    """Goes on when all processes have come here."""
    if dist.is_initialized():
        dist.barrier()


class Average:
    """Averages gradients over all processes; keeps the buffer that they travel in."""

    def __init__(self) -> None:
        self.flat = torch.empty(0)
        self.parts: list[Tensor] = []

    def __call__(self, gradients: list[Tensor], number: float) -> float:
        """Averages ``gradients`` in place, and one number; gives the number's average."""
        if not dist.is_initialized():
            return number
        if [p.shape for p in self.parts] != [g.shape for g in gradients]:
            self.lay_out(gradients)
        torch._foreach_copy_(self.parts, gradients)
        self.flat[-1] = number
        dist.all_reduce(self.flat)
        self.flat /= dist.get_world_size()
        torch._foreach_copy_(gradients, self.parts)
        return self.flat[-1].item()

    def lay_out(self, gradients: list[Tensor]) -> None:
        """One place in the buffer for each gradient, in its own order of memory, and one for the number at the end."""
        self.flat = gradients[0].new_empty(sum(g.numel() for g in gradients) + 1)
        starts = np.cumsum([0] + [g.numel() for g in gradients[:-1]])
        self.parts = [torch.as_strided(self.flat, g.shape, dense_strides(g), int(start)) for g, start in zip(gradients, starts, strict=True)]


def dense_strides(tensor: Tensor) -> tuple[int, ...]:
    """Strides of a tensor that lies in memory as this one does, without gaps."""
    return torch.empty_like(tensor).stride()
