"""Small networks that turn conditions into tokens or maps: Face Locator, audio projection, Speed Layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import AudioConfig, AudioLayersConfig, FaceLocatorConfig, SpeedConfig


class FaceLocator(nn.Module):
    """Light convolutions over the face-box mask (EMO 3.2); SiLU after each but the last, which starts at zero.

    The mask is (N, 1, S, S), 1 inside of the face box, else 0; the result (N, outer, s, s) at latent size is added
    after the denoiser's ``conv_in``. ``blocks`` holds for each width a convolution and a stride-2 convolution to the next.
    """

    def __init__(self, config: FaceLocatorConfig, outer: int) -> None:
        super().__init__()
        widths = config.channels
        self.conv_in = nn.Conv2d(1, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        for inner, wider in zip(widths, widths[1:], strict=False):
            self.blocks.append(nn.Conv2d(inner, inner, 3, padding=1))
            self.blocks.append(nn.Conv2d(inner, wider, 3, padding=1, stride=2))
        self.conv_out = nn.Conv2d(widths[-1], outer, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, mask: Tensor) -> Tensor:
        x = F.silu(self.conv_in(mask))
        for block in self.blocks:
            x = F.silu(block(x))
        return self.conv_out(x)


def frame_windows(values: Tensor, reach: int) -> Tensor:
    """Window i-reach..i+reach of every frame, clamped at both ends of the film: (F, C) -> (F, 2 reach + 1, C)."""
    frames = values.shape[0]
    offsets = torch.arange(-reach, reach + 1, device=values.device)
    index = (torch.arange(frames, device=values.device)[:, None] + offsets[None]).clamp(0, frames - 1)
    return values[index]


class AudioProjection(nn.Module):
    """Turns the audio features around a frame into its audio tokens.

    Input (..., tokens, features), one row for each of the frames i-m..i+m; output (..., tokens, token_dim):
    linear + learned embedding of the offset, SiLU, linear, LayerNorm.
    """

    def __init__(self, audio: AudioConfig, config: AudioLayersConfig) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(audio.features, config.token_dim)
        self.offset_embedding = nn.Parameter(0.02 * torch.randn(config.tokens, config.token_dim))
        self.linear_2 = nn.Linear(config.token_dim, config.token_dim)
        self.norm = nn.LayerNorm(config.token_dim)

    def forward(self, windows: Tensor) -> Tensor:
        return self.norm(self.linear_2(F.silu(self.linear_1(windows) + self.offset_embedding)))


class SpeedLayers(nn.Module):
    """Head rotation velocity to one token a frame (EMO 3.2, Speed Layers).

    ``s_d = tanh(3 (w - centre_d) / radius_d)``; the window i-m..i+m of these vectors is flattened (offset major),
    then linear, SiLU, linear.
    """

    def __init__(self, config: SpeedConfig) -> None:
        super().__init__()
        self.window = config.window
        self.register_buffer("centres", torch.tensor(config.centres), persistent=False)
        self.register_buffer("radii", torch.tensor(config.radii), persistent=False)
        self.linear_1 = nn.Linear((2 * config.window + 1) * len(config.centres), config.hidden)
        self.linear_2 = nn.Linear(config.hidden, config.token_dim)

    def forward(self, windows: Tensor) -> Tensor:
        """``windows`` (..., 2m+1) holds degrees a frame around each frame; gives (..., token_dim)."""
        buckets = torch.tanh(3.0 * (windows[..., None] - self.centres) / self.radii)
        return self.linear_2(F.silu(self.linear_1(buckets.flatten(-2))))
