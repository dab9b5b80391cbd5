"""What the film stages (image, video, speed) learn from: latents, audio features and labels, one row a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .network.config import ModelConfig

MIDDLE = (0.2, 0.2, 0.6, 0.6)
"""The box that the farm assumes where nobody found the face."""


@dataclass
class FilmData:
    """N clips of T frames.

    * ``latents`` (N, T, c, s, s) and ``portraits`` (N, c, s, s), half precision, normalised.
    * ``face`` and ``mouth`` (N, 4), ``eyes`` (N, 2, 4): boxes x, y, w, h in [0, 1] at rest.
    * ``features`` (N, T + 2m, features): at the frame times -m..T-1+m; None without speech.
    * ``velocity`` (N, T) degrees a frame; None without labels.
    * ``path`` (N, T, 4): what the noise carries (:mod:`path`); None without.
    """

    latents: np.ndarray
    portraits: np.ndarray
    face: np.ndarray
    mouth: np.ndarray
    eyes: np.ndarray
    features: np.ndarray | None = None
    velocity: np.ndarray | None = None
    path: np.ndarray | None = None


@dataclass
class FilmBatch:
    """One training batch; B films, f frames, all f32 on the training device."""

    latents: Tensor
    portrait: Tensor
    mask: Tensor
    weight: Tensor
    motion: Tensor | None
    windows: Tensor | None
    velocity: Tensor | None
    path: Tensor | None


def box_mask(boxes: np.ndarray, size: int, grow: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """Masks (N, 1, size, size): 1 for pixels whose centre lies in the box, grown around its centre."""
    x, y, w, h = (torch.from_numpy(boxes[:, i]).float()[:, None] for i in range(4))
    centre = (torch.arange(size) + 0.5)[None] / size
    across = (centre - (x + w / 2)).abs() <= w * grow[0] / 2
    down = (centre - (y + h / 2)).abs() <= h * grow[1] / 2
    return (down[:, :, None] & across[:, None, :]).float()[:, None]


class FilmBatches:
    """Draws random batches. ``motion`` frames before each run of ``frames`` frames are given too (0: none).

    ``apart`` takes single frames from anywhere in the clip in place of a run (stage 1). All data lie on the device from
    the beginning, so that a batch costs no way there.
    """

    def __init__(
        self, data: FilmData, config: ModelConfig, frames: int, motion: int, apart: bool, seed: int, device: torch.device
    ) -> None:
        self.data, self.config, self.device = data, config, device
        self.frames, self.motion, self.apart = frames, motion, apart
        self.rng = np.random.default_rng(seed)
        self.latents, self.portraits = self.put(data.latents), self.put(data.portraits)
        self.features, self.velocity, self.path = (self.put(x) for x in (data.features, data.velocity, data.path))
        self.weights = latent_weights(data, config.latent_size).to(device)
        self.shut = None if data.path is None else data.path[..., 3] / max(float(data.path[..., 3].max()), 1e-6)

    def put(self, values: np.ndarray | None) -> Tensor | None:
        """The values on the device, in their own precision."""
        return None if values is None else torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def draw(self, films: int, held_out: int) -> FilmBatch:
        """A batch that never touches the first ``held_out`` clips."""
        clips = self.rng.choice(np.arange(held_out, len(self.data.latents)), films, p=self.wanted(held_out))
        return self.batch(clips, np.stack([self.pick(clip) for clip in clips]))

    def wanted(self, held_out: int) -> np.ndarray | None:
        """How likely each clip is drawn: blinks are rare, and clips with one are drawn three times as often."""
        if self.shut is None:
            return None
        weight = 1 + 2 * (self.shut[held_out:].max(axis=1) > 0.5)
        return weight / weight.sum()

    def pick(self, clip: int) -> np.ndarray:
        """Frame numbers of one film, motion frames first; of frames apart those with shut lids come six times as often."""
        total = self.data.latents.shape[1]
        length = self.frames + self.motion
        if self.apart:
            weight = np.ones(total) if self.shut is None else 1 + 5 * self.shut[clip]
            return self.rng.choice(total, length, replace=False, p=weight / weight.sum())
        return self.rng.integers(0, total - length + 1) + np.arange(length)

    def told(self, boxes: np.ndarray) -> np.ndarray:
        """The face boxes as the network is told: half of them only where a portrait's face mostly is, for portraits without one."""
        known = self.rng.random((len(boxes), 1)) < 0.5
        return np.where(known, boxes, np.array(MIDDLE, boxes.dtype))

    def batch(self, clips: np.ndarray, picks: np.ndarray) -> FilmBatch:
        """The batch of the frames ``picks`` (B, n + f) of the given clips."""
        n = self.motion
        clip, frame = torch.from_numpy(clips).to(self.device), torch.from_numpy(picks).to(self.device)
        row = clip[:, None]
        latents = self.latents[row, frame].float()
        windows = velocity = None
        if self.features is not None:
            reach = torch.arange(2 * self.config.audio_layers.window + 1, device=self.device)
            windows = self.features[row[..., None], frame[:, n:, None] + reach].float()
        if self.velocity is not None:
            m = self.config.speed.window
            reach = torch.arange(-m, m + 1, device=self.device)
            near = (frame[:, n:, None] + reach).clamp(0, self.velocity.shape[1] - 1)
            velocity = self.velocity[row[..., None], near].float()
        return FilmBatch(
            latents=latents[:, n:],
            portrait=self.portraits[clip].float(),
            mask=box_mask(self.told(self.data.face[clips]), self.config.picture_size).to(self.device),
            weight=self.weights[clip],
            motion=latents[:, :n] if n else None,
            windows=windows,
            velocity=velocity,
            path=None if self.path is None else self.path[row, frame[:, n:]].float(),
        )


def latent_weights(data: FilmData, size: int) -> Tensor:
    """Loss weights (N, 1, 1, size, size), mean 1: 1 outside, 2.5 in the face box, 6.5 around the eyes, 14.5 around the mouth."""
    weight = 1 + 1.5 * box_mask(data.face, size, (1.3, 1.3)) + 12 * box_mask(data.mouth, size, (1.5, 1.6))
    both = (box_mask(data.eyes[:, side], size, (1.2, 1.2)) for side in range(data.eyes.shape[1]))
    weight = weight + 4 * torch.stack(list(both)).amax(dim=0)
    weight = weight / weight.mean(dim=(2, 3), keepdim=True)
    return weight[:, None]
