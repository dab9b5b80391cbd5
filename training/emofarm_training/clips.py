"""Talking clips: one identity, one utterance, one head motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from .portraits.boxes import PITCH_LIMIT, ROLL_LIMIT, YAW_LIMIT
from .portraits.identity import Identity
from .portraits.mouth import mouth_open
from .portraits.pose import Pose
from .speech.utterance import Utterance
from .speech.visemes import RATE as CURVE_RATE

VELOCITY_WINDOW = 9
"""Frames over which the velocity label is averaged."""


@dataclass(frozen=True)
class TalkingClip:
    """Poses and labels of every frame of an utterance; frame ``i`` is at time ``i / fps``."""

    poses: list[Pose]
    velocity: np.ndarray
    """Degrees a frame ``[n]``, averaged over :data:`VELOCITY_WINDOW` frames."""
    mouth_open: np.ndarray
    """Truth ``[n]``: area between the lips as a fraction of the face box area."""


def talking_clip(
    identity: Identity, utterance: Utterance, fps: float, rng: np.random.Generator, speed: float
) -> TalkingClip:
    """``speed``: mean head rotation in degrees a frame, 0 to about 1.5."""
    count = int(np.floor(utterance.duration * fps)) + 1
    times = np.arange(count) / fps
    curve = utterance.mouth()
    at = np.arange(len(curve)) / CURVE_RATE
    mouth = np.stack([np.interp(times, at, curve[:, c]) for c in range(curve.shape[1])], 1)
    energy = np.interp(times, np.arange(len(utterance.energy())) / 100.0, utterance.energy())
    rotation = head_path(count, fps, rng, speed, energy)
    blink = blinks(count, fps, rng)
    brow = np.clip(0.9 * gaussian_filter1d(np.clip(energy - 0.75, 0, 1), 0.08 * fps) * 3.0 - 0.05, -1, 1)
    poses = [
        Pose(*(float(v) for v in rotation[i]), *(float(v) for v in mouth[i]), float(blink[i]), float(brow[i]))
        for i in range(count)
    ]
    opening = np.array([mouth_open(identity, pose) for pose in poses], np.float32)
    return TalkingClip(poses, velocity_of(rotation), opening)


def velocity_of(rotation: np.ndarray) -> np.ndarray:
    """Velocity label ``[n]`` of Euler angles ``[n, 3]`` in degrees; for such small angles the length of
    their difference is the angle of rotation to within a few per cent."""
    step = np.linalg.norm(np.diff(rotation, axis=0, prepend=rotation[:1]), axis=1)
    if len(step) > 1:
        step[0] = step[1]
    return uniform_filter1d(step, VELOCITY_WINDOW, mode="nearest").astype(np.float32)


def head_path(count: int, fps: float, rng: np.random.Generator, speed: float, energy: np.ndarray) -> np.ndarray:
    """Smooth random yaw, pitch, roll ``[count, 3]`` in degrees; the voice's energy adds nods.

    Low-passed noise, scaled until the mean rotation a frame is ``speed``; faster heads also move at
    higher frequencies, since the angles are limited.
    """
    cutoff_hz = 0.22 + 0.75 * speed
    sigma = fps / (2.0 * np.pi * cutoff_hz)
    pad = int(4 * sigma) + 1
    raw = gaussian_filter1d(rng.normal(0.0, 1.0, (count + 2 * pad, 3)), sigma, axis=0)[pad:-pad]
    raw = raw / max(float(raw.std()), 1e-9) * (1.0, 0.55, 0.4)
    nod = gaussian_filter1d(energy, 0.12 * fps)
    raw[:, 1] -= 0.35 * (nod - nod.mean()) * (0.5 + rng.uniform())
    limits = np.array([YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT])
    scale = 1.0
    path = raw
    for _ in range(12):
        path = limits * np.tanh(scale * raw / limits)
        mean = float(np.linalg.norm(np.diff(path, axis=0), axis=1).mean()) if count > 1 else speed
        if mean < 1e-6:
            break
        scale *= float(np.clip(speed / mean, 0.3, 2.0))
    return path


def blinks(count: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Lid closure ``[count]``: a blink of 5 to 7 frames (at 25 fps) every 2 to 5 seconds."""
    lids = np.zeros(count)
    times = np.arange(count) / fps
    at = rng.uniform(0.3, 3.0)
    while at < times[-1]:
        half = 0.5 * rng.uniform(5.0, 7.0) / 25.0
        lids = np.maximum(lids, np.clip(1.35 * (1.0 - np.abs(times - at) / half), 0.0, 1.0))
        at += rng.uniform(2.0, 5.0)
    return lids
