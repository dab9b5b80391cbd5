"""Talking clips: one identity, one utterance, one head path."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .path import HeadPath, PathConfig
from .portraits.identity import Identity
from .portraits.mouth import mouth_open
from .portraits.pose import Pose
from .speech.utterance import Utterance
from .speech.visemes import RATE as CURVE_RATE

@dataclass(frozen=True)
class TalkingClip:
    """Poses and labels of every frame of an utterance; frame ``i`` is at time ``i / fps``."""

    poses: list[Pose]
    velocity: np.ndarray
    """Degrees a frame ``[n]``: the speed that the path was drawn with, the same in all frames."""
    path: np.ndarray
    """What the noise says of each frame ``[n, 4]``: yaw, pitch, roll and lids in the units of the pack."""
    mouth_open: np.ndarray
    """Truth ``[n]``: area between the lips as a fraction of the face box area."""

    def held_still(self) -> TalkingClip:
        """The same clip with a head that does not turn; lids, brows and lips go on."""
        poses = [dataclasses.replace(pose, yaw=0.0, pitch=0.0, roll=0.0) for pose in self.poses]
        path = self.path * np.array([0, 0, 0, 1], np.float32)
        return dataclasses.replace(self, poses=poses, path=path)


def talking_clip(
    identity: Identity, utterance: Utterance, fps: float, rng: np.random.Generator, speed: float
) -> TalkingClip:
    """``speed``: head rotation in degrees a frame, 0 to about 1.2, that the path is drawn with."""
    count = int(np.floor(utterance.duration * fps)) + 1
    times = np.arange(count) / fps
    curve = utterance.mouth()
    at = np.arange(len(curve)) / CURVE_RATE
    mouth = np.stack([np.interp(times, at, curve[:, c]) for c in range(curve.shape[1])], 1)
    brow = brow_of(utterance, times, fps)
    path = HeadPath(PathConfig(), rng)
    moment = times + float(rng.uniform(0.0, 60.0))
    rotation, blink = path.rotation(moment, speed), path.closure(moment)
    poses = [
        Pose(*(float(v) for v in rotation[i]), *(float(v) for v in mouth[i]), float(blink[i]), float(brow[i]))
        for i in range(count)
    ]
    opening = np.array([mouth_open(identity, pose) for pose in poses], np.float32)
    return TalkingClip(poses, np.full(count, speed, np.float32), path.on_noise(moment, speed).astype(np.float32), opening)


def brow_of(utterance: Utterance, times: np.ndarray, fps: float) -> np.ndarray:
    """Brow raise ``[n]``: brows rise with loud syllables."""
    loudness = utterance.energy()
    energy = np.interp(times, np.arange(len(loudness)) / 100.0, loudness)
    return np.clip(2.3 * gaussian_filter1d(np.clip(energy - 0.7, 0, 1), 0.10 * fps), 0, 1)
