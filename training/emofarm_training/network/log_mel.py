"""Log-mel frames of 16 kHz speech.

Frame k is centred on sample ``hop * k``; samples outside of the file are zeros; a file of N samples has
``N // hop + 1`` frames. Power spectrum of a periodic Hann window, centred in the transform; HTK mel scale, triangles
without area normalisation; natural logarithm of max(power, floor); then ``(x - mean) / std``.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import AudioConfig


def mel_filters(config: AudioConfig) -> np.ndarray:
    """Triangular filters (mels, n_fft / 2 + 1), float64; HTK scale: mel = 2595 log10(1 + hz / 700)."""
    hz = np.linspace(0.0, config.sample_rate / 2, config.n_fft // 2 + 1)
    low, high = (2595.0 * np.log10(1.0 + f / 700.0) for f in (config.fmin, config.fmax))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, config.mels + 2) / 2595.0) - 1.0)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (hz - left) / (centre - left), (right - hz) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling))


class LogMel(nn.Module):
    """Waveform (B, N) in [-1, 1] -> normalised log-mel frames (B, mels, N // hop + 1)."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("filters", torch.tensor(mel_filters(config), dtype=torch.float32), persistent=False)
        self.register_buffer("window", torch.hann_window(config.window, periodic=True), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        config = self.config
        frames = wave.shape[-1] // config.hop + 1
        half = config.n_fft // 2
        padded = F.pad(wave, (half, half))
        spectrum = torch.stft(
            padded, config.n_fft, config.hop, config.window, self.window, center=False, return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        mel = (self.filters @ power).clamp(min=config.floor).log()
        return (mel[..., :frames] - config.mean) / config.std
