"""Mouth shapes over time: one target for each phoneme class, blended by dominance (co-articulation).

The blend follows Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993): each
phoneme pulls at the mouth with a weight that rises and falls around it, and the shape is the weighted
mean. Here the weights are raised-cosine cross-fades over the phoneme borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .phonemes import CLASS_ID, CLASSES, Phoneme

CHANNELS = ("open", "wide", "round", "teeth", "tongue")
CROSSFADE_S = 0.075
RATE = 200
"""Samples a second at which curves are worked out before they are read at frame times."""


@dataclass(frozen=True)
class Viseme:
    """Target and dominance of one class; ``hold`` weighs the opening, ``form`` all that shapes the lips."""

    open: float
    wide: float
    round: float
    teeth: float
    tongue: float
    hold: float = 1.0
    form: float = 1.0

    def target(self) -> tuple[float, float, float, float, float]:
        """Values in the order of :data:`CHANNELS`."""
        return self.open, self.wide, self.round, self.teeth, self.tongue


VISEMES: dict[str, Viseme] = {
    "sil": Viseme(0.00, 0.00, 0.00, 0.00, 0.0, hold=1.2, form=0.6),
    "p": Viseme(0.00, 0.00, 0.05, 0.00, 0.0, hold=4.0, form=0.3),
    "f": Viseme(0.10, 0.10, 0.00, 1.00, 0.0, hold=2.5, form=1.2),
    "th": Viseme(0.24, 0.10, 0.00, 0.70, 0.9, hold=1.0, form=0.8),
    "t": Viseme(0.24, 0.15, 0.00, 0.60, 0.7, hold=0.8, form=0.5),
    "k": Viseme(0.32, 0.05, 0.00, 0.35, 0.5, hold=0.6, form=0.3),
    "s": Viseme(0.17, 0.40, 0.00, 0.90, 0.3, hold=1.4, form=0.9),
    "sh": Viseme(0.26, -0.30, 0.60, 0.80, 0.3, hold=1.3, form=1.3),
    "r": Viseme(0.30, -0.10, 0.40, 0.35, 0.5, hold=0.8, form=0.8),
    "l": Viseme(0.36, 0.10, 0.00, 0.40, 1.0, hold=0.9, form=0.5),
    "h": Viseme(0.40, 0.00, 0.00, 0.30, 0.2, hold=0.4, form=0.2),
    "a": Viseme(1.00, 0.10, 0.00, 0.35, 0.1, hold=1.2),
    "ae": Viseme(0.84, 0.55, 0.00, 0.55, 0.2, hold=1.1),
    "e": Viseme(0.60, 0.60, 0.00, 0.50, 0.4),
    "i": Viseme(0.34, 1.00, 0.00, 0.70, 0.6),
    "schwa": Viseme(0.52, 0.00, 0.00, 0.35, 0.3, hold=0.8, form=0.6),
    "o": Viseme(0.68, -0.30, 0.75, 0.10, 0.1, hold=1.1, form=1.2),
    "u": Viseme(0.34, -0.50, 1.00, 0.00, 0.1, hold=1.1, form=1.4),
    "y": Viseme(0.40, -0.30, 0.85, 0.15, 0.4, form=1.3),
    "w": Viseme(0.18, -0.50, 1.00, 0.00, 0.1, hold=1.5, form=1.6),
    "j": Viseme(0.26, 0.70, 0.00, 0.60, 0.6, hold=0.9, form=0.9),
}


def curves(phonemes: list[Phoneme], duration: float) -> np.ndarray:
    """Mouth shape ``[n, 5]`` (:data:`CHANNELS`) at times ``k / RATE`` from 0 to ``duration``."""
    times = np.arange(round(duration * RATE) + 1) / RATE
    weight = np.full((len(times), 2), 1e-6)
    total = np.zeros((len(times), len(CHANNELS)))
    for name, start, end in phonemes:
        viseme = VISEMES[name]
        pull = _window(times, start, end)
        held, formed = pull * viseme.hold, pull * viseme.form
        weight[:, 0] += held
        weight[:, 1] += formed
        target = viseme.target()
        total[:, 0] += held * target[0]
        total[:, 1:] += formed[:, None] * np.array(target[1:])
    shape = total / np.hstack([weight[:, :1], np.repeat(weight[:, 1:], len(CHANNELS) - 1, 1)])
    return gaussian_filter1d(shape, 0.010 * RATE, axis=0, mode="nearest")


def classes_at(phonemes: list[Phoneme], times: np.ndarray) -> np.ndarray:
    """Class id ``[n]`` of the phoneme that sounds at each time; silence outside."""
    ids = np.full(len(times), CLASS_ID[CLASSES[0]], np.uint8)
    for name, start, end in phonemes:
        ids[(times >= start) & (times < end)] = CLASS_ID[name]
    return ids


def _window(times: np.ndarray, start: float, end: float) -> np.ndarray:
    """1 inside, raised-cosine slopes of :data:`CROSSFADE_S` centred on both borders."""
    half = 0.5 * CROSSFADE_S
    rise = np.clip((times - start + half) / CROSSFADE_S, 0.0, 1.0)
    fall = np.clip((end + half - times) / CROSSFADE_S, 0.0, 1.0)
    return 0.25 * (1.0 - np.cos(np.pi * rise)) * (1.0 - np.cos(np.pi * fall))
