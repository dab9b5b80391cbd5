"""Learned audio features: a short stack of convolutions over log-mel frames.

Stands where EMO has wav2vec 2.0, whose weights cannot be shipped. The receptive field is bounded
(``AudioConfig.reach`` frames on each side), so a long file can be encoded piece by piece with exactly the same result.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import AudioConfig
from .log_mel import LogMel


def along_time(conv: nn.Conv1d, x: Tensor) -> Tensor:
    """``conv`` over (B, C, 1, K), channels last in memory: for a processor half the time of the same over (B, C, K)."""
    weight = conv.weight[:, :, None].contiguous(memory_format=torch.channels_last)
    return F.conv2d(x, weight, conv.bias, padding=(0, int(conv.padding[0])), dilation=(1, conv.dilation[0]))


def over_channels(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    """``norm`` over the channels of (B, C, 1, K)."""
    return norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResidualConv(nn.Module):
    """x + linear(gelu(LayerNorm(conv(x)))): dilated convolution, then 1x1; (B, C, 1, K), zero padding, exact GELU."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels, channels, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.norm = nn.LayerNorm(channels)
        self.conv2 = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = over_channels(self.norm, along_time(self.conv1, x))
        return x + along_time(self.conv2, F.gelu(h))


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
        x = F.gelu(along_time(self.conv_in, mel[:, :, None].contiguous(memory_format=torch.channels_last)))
        for block in self.blocks:
            x = block(x)
        return along_time(self.conv_out, over_channels(self.norm_out, x))[:, :, 0].transpose(1, 2)


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


