"""Sample sheets of the film stages: what the network draws for clips that it never trained on, beside the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .film_data import FilmData, box_mask
from .measure import mouth_opening
from .network.denoiser import Conditions
from .network.emo import Emo
from .sampler import FilmConditions, sample_clip, sample_film
from .schedule import add_path, mixed_noise
from .sheets import grid, to_picture

SHOWN = 3


def frame_noise(net: Emo, frames: int, seed: int) -> tuple[Tensor, Tensor]:
    """The noise that all frames share (c, s, s) and that of each frame (F, c, s, s)."""
    generator = torch.Generator().manual_seed(seed)
    shape = (net.config.vae.latent_channels, net.config.latent_size, net.config.latent_size)
    return torch.randn(shape, generator=generator), torch.randn((frames, *shape), generator=generator)


def frame_path(data: FilmData, clip: int, frames: int, device: torch.device) -> Tensor:
    """What the noise of the first frames of a clip carries (frames, 4)."""
    return torch.from_numpy(data.path[clip][:frames]).float().to(device)


@torch.no_grad()
def clip_conditions(net: Emo, data: FilmData, clip: int, frames: int, device: torch.device, speed: bool) -> FilmConditions:
    """Conditions of the first ``frames`` frames of one clip of the data set."""
    latent = torch.from_numpy(data.portraits[clip : clip + 1]).float().to(device)
    reach = np.arange(2 * net.config.audio_layers.window + 1)
    windows = data.features[clip][np.arange(frames)[:, None] + reach]
    velocity = None
    if speed:
        m = net.config.speed.window
        index = (np.arange(frames)[:, None] + np.arange(-m, m + 1)).clip(0, data.velocity.shape[1] - 1)
        velocity = net.speed_layers(torch.from_numpy(data.velocity[clip][index]).float().to(device))
    return FilmConditions(
        reference_latent=latent,
        reference=net.reference_unet(latent),
        face=net.face_locator(box_mask(data.face[clip : clip + 1], net.config.picture_size).to(device)),
        audio=net.audio_projection(torch.from_numpy(windows).float().to(device)),
        speed=velocity,
    )


@torch.no_grad()
def still_sheet(net: Emo, data: FilmData, runs: Path, stage: str, step: int) -> float:
    """Image stage: portrait and true frames above frames drawn from noise one by one.

    With speech (``data.features``) it prints and gives the mean correlation of mouth openings, as ``film_sheet`` does.
    """
    device = next(net.parameters()).device
    rows, scores = [], []
    frames = min(12, data.latents.shape[1])
    for clip in range(SHOWN):
        latent = torch.from_numpy(data.portraits[clip : clip + 1]).float().to(device)
        shared, own = frame_noise(net, frames, clip)
        noise = mixed_noise(shared[None], own, net.config.sampler.noise_shared).to(device)
        noise = (noise if data.path is None else add_path(noise, frame_path(data, clip, frames, device)))[None]
        if data.features is None:
            face = net.face_locator(box_mask(data.face[clip : clip + 1], net.config.picture_size).to(device))
            given = Conditions(latent, net.reference_unet(latent), face)
        else:
            film = clip_conditions(net, data, clip, frames, device, speed=False)
            given = Conditions(latent, film.reference, film.face, film.audio[None])
        made = sample_clip(net, noise, given, net.config.sampler.steps, 1.0)[0]
        true = torch.from_numpy(data.latents[clip][:frames]).float().to(device)
        portrait, made, true = (pictures(net, x) for x in (latent, made, true))
        scores += mouth_scores(made, true, data.mouth[clip])
        rows += [[*portrait, *true], [*portrait, *made]]
    return report(rows, scores, runs, stage, step)


def pictures(net: Emo, latents: Tensor) -> list[np.ndarray]:
    """Decoded frames, uint8."""
    return [to_picture(x) for x in net.vae.decode(latents)]


def mouth_scores(made: list[np.ndarray], true: list[np.ndarray], box: np.ndarray) -> list[float]:
    """Correlation of the measured mouth openings; nothing where one of the two does not move."""
    opened = [mouth_opening(np.stack(x), tuple(box)) for x in (made, true)]
    return [float(np.corrcoef(*opened)[0, 1])] if min(np.std(o) for o in opened) > 1e-6 else []


def report(rows: list[list[np.ndarray]], scores: list[float], runs: Path, stage: str, step: int) -> float:
    """Writes the sheet, prints and gives the mean score; true frames stand in even rows, drawn ones in odd."""
    grid(rows).save(runs / f"{stage}-{step:06}.png")
    score = float(np.mean(scores)) if scores else 0.0
    pairs = [(t.astype(float), m.astype(float)) for true, made in zip(rows[::2], rows[1::2], strict=True) for t, m in zip(true[1:], made[1:], strict=True)]
    print(f"{stage} {step}: mean colour error {np.mean([np.abs(t - m).mean() for t, m in pairs]):.2f}/255")
    print(f"{stage} {step}: mouth opening correlates {score:.3f} {[round(s, 2) for s in scores]}", flush=True)
    return score


@torch.no_grad()
def film_sheet(net: Emo, data: FilmData, runs: Path, stage: str, step: int, clips: int = SHOWN, films: int = 2) -> float:
    """Video and speed stages: portrait and true frames above generated ones, every second frame of ``films`` clips.

    Prints and gives the mean correlation of the measured mouth opening with that of the true frames.
    """
    device = next(net.parameters()).device
    frames = min(films, data.latents.shape[1] // net.config.temporal.clip_frames) * net.config.temporal.clip_frames
    rows, scores = [], []
    for clip in range(clips):
        film = clip_conditions(net, data, clip, frames, device, speed=stage == "speed")
        shared, own = frame_noise(net, frames, clip)
        path = None if data.path is None else frame_path(data, clip, frames, device)
        made = pictures(net, sample_film(net, film, shared.to(device), own.to(device), path=path))
        true = pictures(net, torch.from_numpy(data.latents[clip][:frames]).float().to(device))
        portrait = pictures(net, film.reference_latent)
        scores += mouth_scores(made, true, data.mouth[clip])
        rows += [[*portrait, *true[::2]], [*portrait, *made[::2]]]
    return report(rows, scores, runs, stage, step)
