"""The head path that a film's noise carries: pose and lids as a function of seed and film time.

What speech does not decide is chance. A network that predicts the clean latent in few steps would smear it, so the
chance is put where the network can read it: on the noise (compare Ge et al., arXiv 2305.10474; arXiv 2501.08331).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

FPS_REFERENCE = 25.0
"""``head_speed`` is in degrees a frame at this rate."""
BLINK_ROOM_S, RISE_S, SHUT_S, FALL_S = 3.6, 0.08, 0.04, 0.16
"""A blink begins in the first 3.6 s of its slot; lids fall, stay, and rise again for so long."""
KNOTS, BLINKS = 64, 16
"""Random numbers that a path of any length is made from repeat after so many knots and slots."""


@dataclass
class PathConfig:
    """Table ``[sampler.path]`` of a manifest.

    ``rate`` is the root mean square of dz/dt in 1/s, of knots ``knot_seconds`` apart; ``degrees`` and ``lids`` are the
    units in which pose and lids stand on the noise; ``share`` how much of the speed is yaw, pitch and roll. With
    ``after_decoding`` the farm turns the decoded head along the path, and the noise carries the lids alone.
    """

    knot_seconds: float = 0.6
    rate: float = 0.0
    degrees: float = 4.0
    limit: float = 20.0
    share: list[float] = field(default_factory=lambda: [0.80, 0.45, 0.40])
    lids: float = 3.0
    blink_seconds: float = 4.0
    after_decoding: bool = False

    def __post_init__(self) -> None:
        self.rate = self.rate or round(spline_rate() / self.knot_seconds, 4)


def spline_weights(part: np.ndarray) -> np.ndarray:
    """Uniform cubic B-spline weights ``[n, 4]`` of the knots around a point, ``part`` of the way between the middle two."""
    u = np.asarray(part, float)
    return np.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], 1) / 6.0


@cache
def spline_rate() -> float:
    """Root mean square of dz/du for unit knots: with unit weights v = w / |w|, the mean of |dv/du|^2."""
    u = np.linspace(0.0, 1.0, 20_001)
    w = spline_weights(u)
    v = w / np.linalg.norm(w, axis=1, keepdims=True)
    return float(np.sqrt(np.mean(np.sum(np.diff(v, axis=0) ** 2, axis=1)) / (u[1] - u[0]) ** 2))


class HeadPath:
    """One path, drawn once; ``rng`` gives all its chance."""

    def __init__(self, config: PathConfig, rng: np.random.Generator) -> None:
        self.config = config
        self.knots = rng.normal(0.0, 1.0, (3, KNOTS))
        self.places = rng.uniform(0.0, BLINK_ROOM_S, BLINKS)

    def rotation(self, times: np.ndarray, speed: float) -> np.ndarray:
        """Yaw, pitch and roll in degrees ``[n, 3]``; ``speed`` in degrees a frame at 25 fps."""
        c = self.config
        at = np.asarray(times, float) / c.knot_seconds
        low = np.floor(at)
        w = spline_weights(at - low)
        index = (low[:, None].astype(int) + np.arange(4)) % KNOTS
        z = (self.knots[:, index] * w).sum(axis=2) / np.linalg.norm(w, axis=1)
        reach = speed * FPS_REFERENCE * np.array(c.share) / c.rate
        return (c.limit * np.tanh(reach[:, None] * z / c.limit)).T

    def closure(self, times: np.ndarray) -> np.ndarray:
        """Lids ``[n]``, 0 open to 1 shut."""
        c = self.config
        times = np.asarray(times, float)
        slot = np.floor(times / c.blink_seconds).astype(int)
        since = times - slot * c.blink_seconds - self.places[slot % BLINKS]
        falling, rising = smoothstep(since / RISE_S), smoothstep((since - RISE_S - SHUT_S) / FALL_S)
        return falling * (1.0 - rising)

    def on_noise(self, times: np.ndarray, speed: float) -> np.ndarray:
        """What is added to the noise of each frame ``[n, 4]``, one number a latent channel, the same at every place."""
        turn = self.rotation(times, speed) / self.config.degrees
        turn = np.zeros_like(turn) if self.config.after_decoding else turn
        return np.concatenate([turn, self.config.lids * self.closure(times)[:, None]], axis=1)


def smoothstep(x: np.ndarray) -> np.ndarray:
    """0 up to 0, 1 from 1 on, 3x^2 - 2x^3 between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)
