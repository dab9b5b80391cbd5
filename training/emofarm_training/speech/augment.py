"""What rooms, microphones and wires do to speech. Nothing here moves it in time."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, fftconvolve, sosfiltfilt


def augment(samples: np.ndarray, rng: np.random.Generator, rate: int = 16_000) -> np.ndarray:
    """Reverberation, band limit, noise and gain, each by chance; same length, float32."""
    out = samples.astype(np.float64)
    if rng.uniform() < 0.35:
        out = reverberate(out, rng, rate)
    if rng.uniform() < 0.35:
        out = band_limit(out, rng, rate)
    if rng.uniform() < 0.6:
        out = out + noise(out, rng, snr_db=float(rng.uniform(10.0, 40.0)))
    out = out * 10.0 ** (rng.uniform(-18.0, 6.0) / 20.0)
    return np.clip(out, -1.0, 1.0).astype(np.float32)


def reverberate(samples: np.ndarray, rng: np.random.Generator, rate: int) -> np.ndarray:
    """A synthetic room: the direct sound at time 0, then exponentially decaying noise (RT60 0.1..0.5 s)."""
    decay = float(rng.uniform(0.1, 0.5))
    t = np.arange(int(decay * rate)) / rate
    tail = rng.normal(0.0, 1.0, len(t)) * 10.0 ** (-3.0 * t / decay)
    tail[: int(0.002 * rate)] = 0.0
    tail *= float(rng.uniform(0.1, 0.5)) / max(float(np.sqrt((tail**2).sum())), 1e-9)
    tail[0] = 1.0
    return fftconvolve(samples, tail)[: len(samples)]


def band_limit(samples: np.ndarray, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Zero-phase high- and low-pass, as of a small microphone."""
    edges = (float(rng.uniform(50.0, 250.0)), float(rng.uniform(3400.0, 7400.0)))
    return sosfiltfilt(butter(2, edges, "bandpass", fs=rate, output="sos"), samples)


def noise(samples: np.ndarray, rng: np.random.Generator, snr_db: float) -> np.ndarray:
    """White or pink noise at a ratio to the mean power of the speech."""
    spectrum = np.fft.rfft(rng.normal(0.0, 1.0, len(samples)))
    if rng.uniform() < 0.5:
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
    sound = np.fft.irfft(spectrum, len(samples))
    power = float((samples**2).mean()) / 10.0 ** (snr_db / 10.0)
    return sound * np.sqrt(power / max(float((sound**2).mean()), 1e-12))
