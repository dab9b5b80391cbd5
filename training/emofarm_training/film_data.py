"""What the film stages (image, video, speed) learn from: latents, audio features and labels, one row a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .network.config import ModelConfig


@dataclass
class FilmData:
    """N clips of T frames.

    * ``latents`` (N, T, c, s, s) and ``portraits`` (N, c, s, s), half precision, normalised.
    * ``face`` and ``mouth`` (N, 4): boxes x, y, w, h in [0, 1] at rest.
    * ``features`` (N, T + 2m, features): at the frame times -m..T-1+m; None without speech.
    * ``velocity`` (N, T) degrees a frame; None without labels.
    """

    latents: np.ndarray
    portraits: np.ndarray
    face: np.ndarray
    mouth: np.ndarray
    features: np.ndarray | None = None
    velocity: np.ndarray | None = None


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


def box_mask(boxes: np.ndarray, size: int, grow: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """Masks (N, 1, size, size): 1 for pixels whose centre lies in the box, grown around its centre."""
    x, y, w, h = (torch.from_numpy(boxes[:, i]).float()[:, None] for i in range(4))
    centre = (torch.arange(size) + 0.5)[None] / size
    across = (centre - (x + w / 2)).abs() <= w * grow[0] / 2
    down = (centre - (y + h / 2)).abs() <= h * grow[1] / 2
    return (down[:, :, None] & across[:, None, :]).float()[:, None]


class FilmBatches:
    """Draws random batches. ``motion`` frames before each run of ``frames`` frames are given too (0: none).

    ``apart`` takes single frames from anywhere in the clip in place of a run (stage 1). Of ``calm`` draws the one whose
    head is nearest to its place in the portrait is taken; 1 takes any.
    """

    def __init__(
        self, data: FilmData, config: ModelConfig, frames: int, motion: int, apart: bool, seed: int, calm: int = 1
    ) -> None:
        self.data, self.config = data, config
        self.frames, self.motion, self.apart, self.calm = frames, motion, apart, calm
        self.away = distance_from_portrait(data, config.latent_size) if calm > 1 else None
        self.rng = np.random.default_rng(seed)
        self.weights = latent_weights(data, config.latent_size)

    def draw(self, films: int, held_out: int, device: torch.device) -> FilmBatch:
        """A batch that never touches the first ``held_out`` clips."""
        runs = [self.run(held_out) for _ in range(films)]
        return self.batch(np.array([clip for clip, _ in runs]), [pick for _, pick in runs], device)

    def run(self, held_out: int) -> tuple[int, np.ndarray]:
        """One clip and its frames: the calmest of ``calm`` draws."""
        draws = [(int(self.rng.integers(held_out, len(self.data.latents))), self.pick()) for _ in range(self.calm)]
        if self.away is None:
            return draws[0]
        return min(draws, key=lambda draw: float(self.away[draw[0]][draw[1]].mean()))

    def pick(self) -> np.ndarray:
        """Frame numbers of one film, motion frames first."""
        total = self.data.latents.shape[1]
        length = self.frames + self.motion
        if self.apart:
            return self.rng.permutation(total)[:length]
        return self.rng.integers(0, total - length + 1) + np.arange(length)

    def batch(self, clips: np.ndarray, picks: list[np.ndarray], device: torch.device) -> FilmBatch:
        """The batch of the given frames of the given clips."""
        data, n = self.data, self.motion

        def take(values: np.ndarray) -> Tensor:
            return torch.from_numpy(np.stack([values[c][p] for c, p in zip(clips, picks, strict=True)])).float().to(device)

        latents = take(data.latents)
        windows = velocity = None
        if data.features is not None:
            reach = np.arange(2 * self.config.audio_layers.window + 1)
            rows = [data.features[c][p[n:, None] + reach] for c, p in zip(clips, picks, strict=True)]
            windows = torch.from_numpy(np.stack(rows)).float().to(device)
        if data.velocity is not None:
            m = self.config.speed.window
            reach = np.arange(-m, m + 1)
            last = data.velocity.shape[1] - 1
            rows = [data.velocity[c][(p[n:, None] + reach).clip(0, last)] for c, p in zip(clips, picks, strict=True)]
            velocity = torch.from_numpy(np.stack(rows)).float().to(device)
        return FilmBatch(
            latents=latents[:, n:],
            portrait=torch.from_numpy(data.portraits[clips]).float().to(device),
            mask=box_mask(data.face[clips], self.config.picture_size).to(device),
            weight=self.weights[torch.from_numpy(clips)].to(device),
            motion=latents[:, :n] if n else None,
            windows=windows,
            velocity=velocity,
        )


def latent_weights(data: FilmData, size: int) -> Tensor:
    """Loss weights (N, 1, 1, size, size), mean 1: 1 outside, 2 in the face box, 7 around the mouth."""
    weight = 1 + box_mask(data.face, size, (1.3, 1.3)) + 5 * box_mask(data.mouth, size, (1.5, 1.6))
    weight = weight / weight.mean(dim=(2, 3), keepdim=True)
    return weight[:, None]


def distance_from_portrait(data: FilmData, size: int) -> np.ndarray:
    """(N, T): mean absolute change of each frame's latent against the portrait's, the mouth left out."""
    outside = 1 - box_mask(data.mouth, size, (1.5, 1.6)).numpy()
    rows = []
    for latents, portrait, seen in zip(data.latents, data.portraits, outside, strict=True):
        change = np.abs(latents.astype(np.float32) - portrait.astype(np.float32)[None])
        rows.append((change * seen[None]).mean(axis=(1, 2, 3)))
    return np.stack(rows)
