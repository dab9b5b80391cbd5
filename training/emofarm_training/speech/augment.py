"""What rooms, microphones and wires do to speech. Nothing here moves it in time."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt, sosfiltfilt

TELEPHONE_RATE = 8_000


def augment(samples: np.ndarray, rng: np.random.Generator, rate: int = 16_000) -> np.ndarray:
    """Tone, reverberation, compression, band limit, noise and gain, each by chance; same length, float32."""
    out = samples.astype(np.float64)
    if rng.uniform() < 0.6:
        out = tone(out, rng, rate)
    if rng.uniform() < 0.35:
        out = reverberate(out, rng, rate)
    if rng.uniform() < 0.3:
        out = compress(out, rng, rate)
    chance = rng.uniform()
    if chance < 0.15:
        out = telephone(out, rate)
    elif chance < 0.45:
        out = band_limit(out, rng, rate)
    if rng.uniform() < 0.6:
        out = out + noise(out, rng, rate, snr_db=float(rng.uniform(10.0, 45.0)))
    out = out * 10.0 ** (rng.uniform(-20.0, 6.0) / 20.0)
    return np.clip(out, -1.0, 1.0).astype(np.float32)


def tone(samples: np.ndarray, rng: np.random.Generator, rate: int) -> np.ndarray:
    """A smooth random frequency response of up to 10 dB, without phase: other throats, microphones and places."""
    length = len(samples) + rate // 4
    spectrum = np.fft.rfft(samples, length)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(length, 1 / rate), 50.0) / 50.0)
    knots = np.arange(0.0, 8.1, 1.0)
    gain_db = np.interp(octaves, knots, rng.normal(0.0, 3.5, len(knots)) + rng.normal(0.0, 1.0) * (knots - 4.0))
    return np.fft.irfft(spectrum * 10.0 ** (gain_db / 20.0), length)[: len(samples)]


def compress(samples: np.ndarray, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Quiet syllables are raised towards loud ones, as broadcasters and telephones do."""
    level = np.sqrt(gaussian_filter1d(samples**2, 0.03 * rate) + 1e-8)
    peak = max(float(level.max()), 1e-6)
    floor = 0.02 * peak
    share = float(rng.uniform(0.2, 0.6))
    return samples * (np.maximum(level, floor) / peak) ** -share * 0.7


def reverberate(samples: np.ndarray, rng: np.random.Generator, rate: int) -> np.ndarray:
    """A synthetic room: the direct sound at time 0, then exponentially decaying noise (RT60 0.1..0.5 s)."""
    decay = float(rng.uniform(0.1, 0.5))
    t = np.arange(int(decay * rate)) / rate
    tail = rng.normal(0.0, 1.0, len(t)) * 10.0 ** (-3.0 * t / decay)
    tail[: int(0.002 * rate)] = 0.0
    tail *= float(rng.uniform(0.1, 0.5)) / max(float(np.sqrt((tail**2).sum())), 1e-9)
    tail[0] = 1.0
    return fftconvolve(samples, tail)[: len(samples)]


def telephone(samples: np.ndarray, rate: int) -> np.ndarray:
    """8 kHz and a telephone's band, 300 to 3400 Hz."""
    narrow = resample_poly(resample_poly(samples, TELEPHONE_RATE, rate), rate, TELEPHONE_RATE)
    narrow = np.pad(narrow, (0, max(0, len(samples) - len(narrow))))[: len(samples)]
    return sosfiltfilt(butter(2, (300.0, 3400.0), "bandpass", fs=rate, output="sos"), narrow)


def band_limit(samples: np.ndarray, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Zero-phase high- and low-pass, as of a small microphone."""
    edges = (float(rng.uniform(50.0, 250.0)), float(rng.uniform(3400.0, 7400.0)))
    return sosfiltfilt(butter(2, edges, "bandpass", fs=rate, output="sos"), samples)


def noise(samples: np.ndarray, rng: np.random.Generator, rate: int, snr_db: float) -> np.ndarray:
    """White, pink or brown noise, or hum of the mains, at a ratio to the mean power of the speech."""
    kind = int(rng.integers(0, 4))
    if kind == 3:
        time = np.arange(len(samples)) / rate
        base = float(rng.choice((50.0, 60.0)))
        sound = sum(rng.uniform(0.1, 1.0) * np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6.3)) for k in (1, 2, 3, 5))
    else:
        spectrum = np.fft.rfft(rng.normal(0.0, 1.0, len(samples)))
        spectrum /= np.maximum(np.arange(len(spectrum)), 1.0) ** (0.5 * kind)
        sound = np.fft.irfft(spectrum, len(samples))
    power = float((samples**2).mean()) / 10.0 ** (snr_db / 10.0)
    return sound * np.sqrt(power / max(float((sound**2).mean()), 1e-12))


def breath(rng: np.random.Generator, length: int, rate: int) -> np.ndarray:
    """Drawing breath ``[length]``: a swell of noise around 1 to 2.5 kHz. It belongs to a mouth that is shut."""
    edges = (float(rng.uniform(300.0, 900.0)), float(rng.uniform(2000.0, 4500.0)))
    sound = sosfilt(butter(2, edges, "bandpass", fs=rate, output="sos"), rng.normal(0.0, 1.0, length))
    swell = np.sin(np.pi * np.arange(length) / max(length, 1)) ** float(rng.uniform(1.0, 2.5))
    return sound * swell * float(rng.uniform(0.004, 0.04)) / max(float(sound.std()), 1e-9)
