"""The three stages of EMO: ``image``, ``video``, ``speed``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from . import ranks
from .film_data import FilmBatch, FilmBatches, FilmData
from .loop import Loop, StageSettings, begin_from, load_ema
from .network.config import ModelConfig
from .network.denoiser import Conditions
from .network.emo import Emo
from .precision import autocast
from .schedule import add_noise, add_path, alphas_cumprod, mixed_noise, velocity

HELD_OUT = 8
"""Clips at the start of the data set that are never trained on; sample sheets show them."""


@dataclass
class FilmRecipe:
    """Settings of a film stage beyond those of the loop.

    ``frames`` a film; ``apart`` draws them from anywhere in a clip (no time: stage 1). ``audio``, ``temporal`` and
    ``speed`` switch layers on. The rest are shares and strengths of what is hidden or disturbed in training.
    """

    frames: int = 4
    apart: bool = True
    audio: bool = False
    temporal: bool = False
    speed: bool = False
    drop_audio: float = 0.05
    drop_motion: float = 0.3
    motion_noise: float = 0.15
    last_step: float = 0.6
    snr_cap: float = 5.0
    huber: float = 0.0
    """Error of a latent position (root mean square over its channels) from which on it counts linearly; 0: it counts squared everywhere.

    Where speech leaves the mouth open, squares are least for the mean of all shapes, a grey that is no mouth; a linear norm is least
    for the shape that most agree on (the geometric median)."""


TRAINED = {
    "image": ("denoising_unet", "reference_unet", "face_locator"),
    "video": ("denoising_unet", "reference_unet", "face_locator", "audio_projection"),
    "speed": ("denoising_unet", "speed_layers"),
}
"""Parts that each stage trains. ``speed`` trains the denoiser without its audio layers, so that speed does not drown
audio (EMO 3.3); the paper trains the temporal modules alone, but ours has seen too little by then to leave the rest."""


class FilmStage:
    """Builds the loss of one film stage."""

    def __init__(self, stage: str, net: Emo, recipe: FilmRecipe, settings: StageSettings, device: torch.device) -> None:
        self.net, self.recipe, self.settings, self.device = net, recipe, settings, device
        choose_parameters(stage, net, recipe)
        self.alphas = alphas_cumprod(net.config.sampler).float().to(device)
        self.generator = torch.Generator(device).manual_seed(settings.seed + 1000 * ranks.rank())

    def chance(self, films: int, share: float) -> Tensor:
        """(films,) of 0 and 1: 1 with probability ``share``."""
        return (torch.rand(films, generator=self.generator, device=self.device) < share).float()

    def normal(self, *shape: int) -> Tensor:
        """Normal numbers from the stage's own generator."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def conditions(self, batch: FilmBatch) -> Conditions:
        """Everything the denoiser is told, with audio and motion frames hidden from some films."""
        net, recipe = self.net, self.recipe
        films = batch.portrait.shape[0]
        reference = net.reference_unet(batch.portrait)
        audio = motion = speed = None
        if recipe.audio:
            keep = 1 - self.chance(films, recipe.drop_audio)
            audio = net.audio_projection(batch.windows) * keep[:, None, None, None]
        if recipe.temporal:
            strength = recipe.motion_noise * torch.rand(films, 1, 1, 1, 1, generator=self.generator, device=self.device)
            seen = batch.motion + strength * self.normal(*batch.motion.shape)
            keep = 1 - self.chance(films, recipe.drop_motion)
            maps = net.reference_unet(seen.flatten(0, 1))
            motion = [m.unflatten(0, (films, -1)) * keep[:, None, None, None] for m in maps]
        if recipe.speed:
            speed = net.speed_layers(batch.velocity)
        return Conditions(batch.portrait, reference, net.face_locator(batch.mask), audio, motion, speed)

    def loss(self, batch: FilmBatch) -> dict[str, Tensor]:
        """Weighted error of the output (v or the clean sample); the weight of nearly clean steps is capped (min-SNR, shifted so that zero SNR counts).

        ``mouth`` is the error where the weight is greatest, to watch.
        """
        recipe, clean = self.recipe, batch.latents
        scale = self.net.config.sampler.relative_scale
        if scale > 0.0:
            clean = (clean - batch.portrait[:, None]) / scale
        films, frames = clean.shape[:2]
        total = len(self.alphas)
        t = torch.randint(0, total, (films,), generator=self.generator, device=self.device)
        t = torch.where(self.chance(films, recipe.last_step) > 0, total - 1, t)
        alpha = self.alphas[t].reshape(-1, 1, 1, 1, 1)
        noise = mixed_noise(
            self.normal(films, 1, *clean.shape[2:]), self.normal(*clean.shape), self.net.config.sampler.noise_shared
        )
        if batch.path is not None:
            noise = add_path(noise, batch.path)
        with autocast(self.device):
            output = self.net.denoising_unet(add_noise(clean, noise, alpha), t, self.conditions(batch)).float()
        # Weights for the error of v and for that of the clean sample say the same: v = (sqrt(a) x - x0) / sqrt(1-a).
        ratio = 1 / (1 - alpha).clamp(min=1e-5)
        if self.net.config.sampler.prediction == "sample":
            wrong, share = output - clean, ratio.clamp(max=recipe.snr_cap)
        else:
            wrong, share = output - velocity(clean, noise, alpha), ratio.clamp(max=recipe.snr_cap) / ratio
        error = wrong.square()
        mouth = batch.weight.expand_as(error) > 0.6 * batch.weight.amax(dim=(2, 3, 4), keepdim=True)
        return {
            "loss": (pseudo_huber(wrong, recipe.huber) * batch.weight * share).mean(),
            "plain": error.mean(),
            "mouth": error[mouth].mean(),
        }


def pseudo_huber(wrong: Tensor, bend: float) -> Tensor:
    """Mean square over the channels of (B, f, c, s, s) where it is small against ``bend``, ``2 bend`` times its root where it is large: (B, f, 1, s, s)."""
    square = wrong.square().mean(dim=2, keepdim=True)
    return square if bend == 0.0 else 2 * bend * ((square + bend**2).sqrt() - bend)


def choose_parameters(stage: str, net: Emo, recipe: FilmRecipe) -> None:
    """Switches gradients on for what the stage trains."""
    for name, parameter in net.named_parameters():
        part = name.split(".")[0]
        trained = part in TRAINED[stage] or (part == "audio_projection" and recipe.audio and stage == "image")
        if ".audio_modules." in name:
            trained = trained and recipe.audio and not recipe.speed
        elif ".motion_modules." in name:
            trained = recipe.temporal and (recipe.speed or ".attention_blocks.1." not in name and ".norms.1." not in name)
        parameter.requires_grad_(trained)


def train_film(
    stage: str,
    before: list[str],
    config: ModelConfig,
    recipe: FilmRecipe,
    settings: StageSettings,
    data: FilmData,
    runs: Path,
    device: torch.device,
    sample: Callable[[Emo, FilmData, Path, str, int], float] | None = None,
) -> None:
    """Trains one film stage from the EMA weights of the stages ``before``, or from ``settings.init`` where none has run."""
    torch.manual_seed(settings.seed)
    net = Emo(config).to(device, memory_format=torch.channels_last)
    begin_from(net, settings.init)
    for earlier in before:
        load_ema(part_of(net, earlier), runs / f"{earlier}.pt")
    work = FilmStage(stage, net, recipe, settings, device)
    motion = config.temporal.motion_frames if recipe.temporal else 0
    batches = FilmBatches(data, config, recipe.frames, motion, recipe.apart, settings.seed + 1000 * ranks.rank(), device)
    loop = Loop(stage, net, settings, runs, device)

    def loss_of() -> dict[str, Tensor]:
        return work.loss(batches.draw(settings.batch, HELD_OUT))

    loop.run(loss_of, None if sample is None else lambda step: sample(net, data, runs, stage, step))


def part_of(net: Emo, stage: str) -> torch.nn.Module:
    """The module whose parameters a stage's checkpoint holds."""
    return {"vae": net.vae, "audio": net.audio_encoder}.get(stage, net)
