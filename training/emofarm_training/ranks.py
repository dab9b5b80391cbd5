"""Several processes that train together: each takes its own batch, gradients are averaged.

Started by ``torchrun --nproc_per_node N -m emofarm_training.train ...``. On a CPU that others use too, processes with
one thread each lose far less than one process with N threads, which waits for its slowest thread at every operator.
"""

from __future__ import annotations

import os

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


def average(gradients: list[Tensor], number: float) -> float:
    """Averages gradients in place, and one number, over all processes; gives the number's average."""
    if not dist.is_initialized():
        return number
    flat = torch.cat([g.reshape(-1) for g in gradients] + [gradients[0].new_tensor([number])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
    return flat[-1].item()
