"""Half precision where it is faster: bf16 on a GPU and on a CPU with instructions for it, f32 elsewhere."""

from __future__ import annotations

import torch


def half_is_fast(device: torch.device) -> bool:
    """Whether products in bf16 are faster than in f32; a CPU without bf16 instructions plays them, many times slower."""
    if device.type != "cpu":
        return True
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def autocast(device: torch.device) -> torch.autocast:
    """Context in which products are computed in bf16 where that is faster."""
    return torch.autocast(device.type, torch.bfloat16, enabled=half_is_fast(device))
