"""Learned audio features: a short stack of convolutions over log-mel frames.

Stands where EMO has wav2vec 2.0, whose weights cannot be shipped. The receptive field is bounded
(``AudioConfig.reach`` frames on each side), so a long file can be encoded piece by piece with exactly the same result.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .config import AudioConfig
from .log_mel import LogMel


class ResidualConv(nn.Module):
    """x + linear(gelu(LayerNorm(conv(x)))): dilated convolution, then 1x1; (B, C, K), zero padding, exact GELU."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels, channels, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.norm = nn.LayerNorm(channels)
        self.conv2 = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.conv1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.conv2(F.gelu(h))


class AudioEncoder(nn.Module):
    """Normalised log-mel frames (B, mels, K) -> features (B, K, features) at 100 Hz.

    conv, GELU, residual blocks, LayerNorm over channels, 1x1 convolution. Every convolution sees zeros outside of
    0..K-1. To encode a piece [a, b) of a file, give log-mel frames [a - reach, b + reach) cut to the file, and crop.
    """

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.conv_in = nn.Conv1d(config.mels, config.channels, config.kernel, padding=config.kernel // 2)
        self.blocks = nn.ModuleList([ResidualConv(config.channels, config.kernel, d) for d in config.dilations])
        self.norm_out = nn.LayerNorm(config.channels)
        self.conv_out = nn.Conv1d(config.channels, config.features, 1)

    def forward(self, mel: Tensor) -> Tensor:
        x = F.gelu(self.conv_in(mel))
        for block in self.blocks:
            x = block(x)
        x = self.norm_out(x.transpose(1, 2)).transpose(1, 2)
        return self.conv_out(x).transpose(1, 2)


def at_frame_times(features: Tensor, times: Tensor, rate: float = 100.0) -> Tensor:
    """Linear interpolation of features (K, C), K at ``rate`` Hz, at times in seconds (F,): (F, C); clamped at the ends."""
    position = (times.double() * rate).clamp(0, features.shape[0] - 1)
    low = position.floor().long().clamp(max=max(features.shape[0] - 2, 0))
    high = (low + 1).clamp(max=features.shape[0] - 1)
    part = (position - low).to(features.dtype)[:, None]
    return features[low] * (1 - part) + features[high] * part


def encode_speech(mel: LogMel, encoder: AudioEncoder, wave: Tensor, times: Tensor) -> Tensor:
    """Features (F, features) of one file (N,) at the given frame times (F,)."""
    features = encoder(mel(wave[None]))[0]
    return at_frame_times(features, times, mel.config.sample_rate / mel.config.hop)


