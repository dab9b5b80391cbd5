"""A stretch of speech with everything known about it: sound, phonemes, mouth shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly

from . import espeak, flite
from .augment import augment, breath, noise
from .espeak import RawSpeech
from .phonemes import Phoneme, from_espeak, from_flite
from .sentences import sentence
from .visemes import RATE as CURVE_RATE
from .visemes import curves
from .voices import Voice, sample_voice

SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class Utterance:
    """``samples`` float32 mono at 16 kHz; ``clean`` the same before augmentation; times in seconds."""

    samples: np.ndarray
    clean: np.ndarray
    phonemes: list[Phoneme]
    text: str
    voice: Voice

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE

    def mouth(self) -> np.ndarray:
        """Mouth shape ``[n, 5]`` at 200 Hz (:data:`visemes.CHANNELS`); loud syllables open wider."""
        shape = curves(self.phonemes, self.duration)
        loud = np.interp(np.arange(len(shape)) / CURVE_RATE, np.arange(len(self.energy())) / 100.0, self.energy())
        shape[:, 0] *= 0.72 + 0.36 * np.clip(loud, 0.0, 1.0)
        return np.clip(shape, (0.0, -1.0, 0.0, 0.0, 0.0), 1.0)

    def energy(self) -> np.ndarray:
        """Smooth loudness ``[n]`` at 100 Hz of the clean sound, about 1 at its loudest."""
        hop = SAMPLE_RATE // 100
        padded = np.pad(self.clean, (hop, 2 * hop))
        power = np.array([float((padded[i : i + 2 * hop] ** 2).mean()) for i in range(0, len(self.clean) + 1, hop)])
        loud = gaussian_filter1d(np.sqrt(power), 5.0)
        return loud / max(float(np.percentile(loud, 98)), 1e-6)


def utter(rng: np.random.Generator, split: str, seconds: float, *, augmented: bool = True) -> Utterance:
    """At least ``seconds`` of random sentences by one random voice, with pauses between them."""
    voice = sample_voice(rng, split)
    texts: list[str] = []
    spoken: list[tuple[np.ndarray, list[Phoneme]]] = []
    total = 0.0
    while total < seconds:
        text = sentence(rng, voice.language, split)
        part = speak(text, voice)
        texts.append(text)
        spoken.append(part)
        total += len(part[0]) / SAMPLE_RATE + 0.5
    clean, phonemes = _join(spoken, rng, breaths=augmented)
    samples = augment(clean, rng) if augmented else clean
    return Utterance(samples, clean, phonemes, " ".join(texts), voice)


def recite(texts: list[str], voice: Voice, rng: np.random.Generator) -> Utterance:
    """Given sentences by a given voice, without augmentation."""
    clean, phonemes = _join([speak(text, voice) for text in texts], rng)
    return Utterance(clean, clean, phonemes, " ".join(texts), voice)


def hush(rng: np.random.Generator, seconds: float) -> Utterance:
    """Nobody speaks: silence, or the noise floor of a room at -75 to -35 dB; somebody may draw breath."""
    level = 10.0 ** (float(rng.uniform(-75.0, -35.0)) / 20.0) if rng.uniform() < 0.7 else 0.0
    clean = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    white = np.ones(len(clean))
    heard = noise(white, rng, SAMPLE_RATE, 0.0) * level
    if rng.uniform() < 0.3:
        heard = heard + breath(rng, len(clean), SAMPLE_RATE)
    samples = np.clip(heard, -1.0, 1.0).astype(np.float32)
    return Utterance(samples, clean, [("sil", 0.0, seconds)], "", Voice("none", "none", "en", 0, 0, 0, 1.0))


def speak(text: str, voice: Voice) -> tuple[np.ndarray, list[Phoneme]]:
    """One sentence as float32 at 16 kHz, peak 0.5, with phoneme classes in seconds."""
    if voice.engine == "flite":
        # Its voices speak at about 165 words a minute; pitch 0..100 is half an octave down to half an octave up.
        hertz = flite.PITCH_HZ[voice.name] * 2.0 ** ((voice.pitch - 50) / 100.0)
        raw = flite.speak(text, voice.name, stretch=165.0 / voice.rate * voice.tract, pitch_hz=hertz)
        phonemes = from_flite(raw.phonemes)
    else:
        rate = round(voice.rate / voice.tract)
        raw = espeak.speak(text, voice.name, rate=rate, pitch=voice.pitch, range_=voice.range)
        phonemes = from_espeak(raw.phonemes)
    return _to_track(raw, phonemes, voice.tract)


def _to_track(raw: RawSpeech, phonemes: list[Phoneme], tract: float) -> tuple[np.ndarray, list[Phoneme]]:
    """Resamples to 16 kHz; ``tract`` above 1 plays faster, which shortens the vocal tract."""
    up = SAMPLE_RATE
    down = round(raw.rate * tract / 10.0) * 10
    samples = resample_poly(raw.samples.astype(np.float64), up // 10, down // 10)
    factor = raw.rate / down
    samples *= 0.5 / max(float(np.abs(samples).max()), 1e-6)
    return samples.astype(np.float32), [(n, s * factor, e * factor) for n, s, e in phonemes]


def _join(
    spoken: list[tuple[np.ndarray, list[Phoneme]]], rng: np.random.Generator, *, breaths: bool = False
) -> tuple[np.ndarray, list[Phoneme]]:
    """Leading silence, sentences with pauses between, trailing silence; with ``breaths`` some pauses are heard."""
    pieces: list[np.ndarray] = []
    phonemes: list[Phoneme] = []
    at = 0

    def rest(low: float, high: float) -> None:
        nonlocal at
        length = int(rng.uniform(low, high) * SAMPLE_RATE)
        phonemes.append(("sil", at / SAMPLE_RATE, (at + length) / SAMPLE_RATE))
        air = breath(rng, length, SAMPLE_RATE) if breaths and rng.uniform() < 0.25 else np.zeros(length)
        pieces.append(air.astype(np.float32))
        at += length

    rest(0.2, 0.6)
    for i, (samples, inner) in enumerate(spoken):
        if i:
            rest(0.1, 0.8)
        phonemes.extend((n, s + at / SAMPLE_RATE, e + at / SAMPLE_RATE) for n, s, e in inner)
        pieces.append(samples)
        at += len(samples)
    rest(0.2, 0.6)
    return np.concatenate(pieces), phonemes
