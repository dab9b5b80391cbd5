"""Stages ``vae`` and ``decoder``: the picture autoencoder, on random drawn portraits; then its decoder alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from . import ranks
from .loop import Loop, StageSettings, begin_from, load_ema
from .network.config import ModelConfig
from .network.emo import Emo
from .network.resnet import ResnetBlock
from .network.vae import Vae
from .patch_code import PatchCode
from .pictures import POSES_PER_IDENTITY, draw_faces
from .precision import autocast
from .sheets import grid, to_picture

KL_WEIGHT = 1e-4
SQUARE_WEIGHT = 4.0
EDGE_WEIGHT = 4.0
MOUTH_WEIGHT = 3.0

HELD = 16
"""Pictures at the start that are never trained on."""
LATENT_NOISE = 0.15
"""Strongest noise on a latent while the decoder trains alone, in its own standard deviations."""

START_SHARE, FREE_SHARE = 0.12, 0.4
"""Until the first share of the budget the decoder reads the linear code; until the second the encoder is drawn to it."""

CROP_SHARE = 0.8
"""Share of the budget that trains on crops a quarter of a picture in area: twice as many pictures a step."""


def edges(x: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbouring pixels, along rows and along columns."""
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


def box_weights(boxes: np.ndarray, size: int, weight: float) -> Tensor:
    """Weights (N, 1, size, size): ``weight`` inside of a box that is half as wide again as the given one, else 1."""
    out = torch.ones(len(boxes), 1, size, size)
    for index, (x, y, w, h) in enumerate(boxes):
        x, y, w, h = x - 0.25 * w, y - 0.25 * h, 1.5 * w, 1.5 * h
        left, right, top, bottom = (round(float(v) * size) for v in (x, x + w, y, y + h))
        out[index, :, max(top, 0) : bottom, max(left, 0) : right] = weight
    return out


def crop(x: Tensor, weight: Tensor, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """One square of ``side`` pixels from each picture, anywhere on a grid of eight pixels."""
    places = 8 * rng.integers(0, (x.shape[-1] - side) // 8 + 1, (len(x), 2))
    pieces = [(a[:, i : i + side, j : j + side], w[:, i : i + side, j : j + side]) for a, w, (i, j) in zip(x, weight, places, strict=True)]
    return torch.stack([a for a, _ in pieces]), torch.stack([w for _, w in pieces])


@torch.no_grad()
def start_small(net: Vae) -> None:
    """Sets the last convolution of every residual branch to zero, so that training starts from a shallow network."""
    for module in net.modules():
        if isinstance(module, ResnetBlock):
            nn.init.zeros_(module.conv2.weight)
            nn.init.zeros_(module.conv2.bias)
    # The variance starts small: noise that drowns a channel keeps it from ever being used.
    channels = net.quant_conv.out_channels // 2
    nn.init.zeros_(net.quant_conv.weight[channels:])
    nn.init.constant_(net.quant_conv.bias[channels:], -6.0)


class Pictures:
    """Batches of drawn portraits in [-1, 1] with their weights; the first :data:`HELD` are never trained on."""

    def __init__(self, config: ModelConfig, settings: StageSettings, runs: Path, device: torch.device) -> None:
        faces = draw_faces(runs / "pictures", config.picture_size, settings.seed, settings.people)
        self.size, self.batch, self.device = config.picture_size, settings.batch, device
        # On a GPU all pictures lie there; on a CPU they stay on disk.
        self.pictures = torch.from_numpy(faces.pictures if device.type == "cpu" else np.array(faces.pictures)).to(device)
        self.boxes = faces.mouth.repeat(POSES_PER_IDENTITY, axis=0)
        self.rng = np.random.default_rng(settings.seed + 1000 * ranks.rank())

    def take(self, index: np.ndarray, flip: bool) -> tuple[Tensor, Tensor]:
        """Pictures (N, 3, S, S) and weights (N, 1, S, S)."""
        x = self.pictures[torch.from_numpy(index).to(self.device)].permute(0, 3, 1, 2).float() / 127.5 - 1
        weight = box_weights(self.boxes[index], self.size, MOUTH_WEIGHT).to(self.device)
        return (x.flip(-1), weight.flip(-1)) if flip else (x, weight)

    def draw(self, crops: bool) -> tuple[Tensor, Tensor]:
        """A batch of whole pictures, or twice as many crops."""
        index = self.rng.integers(HELD, len(self.pictures), self.batch * (2 if crops else 1))
        x, weight = self.take(index, self.rng.random() < 0.5)
        x, weight = crop(x, weight, self.size // 2, self.rng) if crops else (x, weight)
        return x.contiguous(memory_format=torch.channels_last), weight


def picture_terms(seen: Tensor, x: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """Absolute, squared and squared edge errors.

    Edges are compared by squares: their median is zero, so that an absolute error would ask for blur at first.
    """
    error = seen - x
    pixel, square = (error.abs() * weight).mean(), (error.square() * weight).mean()
    across, down = edges(error * weight.sqrt())
    edge = across.square().mean() + down.square().mean()
    return {"loss": pixel + SQUARE_WEIGHT * square + EDGE_WEIGHT * edge, "pixel": pixel, "square": square, "edge": edge}


def sample_pictures(stage: str, net: Vae, pictures: Pictures, runs: Path) -> Callable[[int], None]:
    """Writes a sheet of held-out pictures and prints their error."""

    @torch.no_grad()
    def sample(step: int) -> None:
        x, _ = pictures.take(np.arange(HELD), flip=False)
        with autocast(x.device):
            seen = net.reconstruct(net.posterior(x.contiguous(memory_format=torch.channels_last))[0]).float()
        error = float((seen.clamp(-1, 1) - x).abs().mean()) * 127.5
        print(f"{stage} {step}: held-out mean abs error {error:.2f}/255", flush=True)
        grid([[to_picture(a) for a in x[:8]], [to_picture(a) for a in seen[:8]]]).save(runs / f"{stage}-{step:06}.png")

    return sample


def train_vae(config: ModelConfig, settings: StageSettings, runs: Path, device: torch.device) -> None:
    """Absolute, squared and edge errors, more weight on the mouth, and a small KL term."""
    torch.manual_seed(settings.seed)
    pictures = Pictures(config, settings, runs, device)
    net = Emo(config).vae.to(device, memory_format=torch.channels_last)
    start_small(net)
    begun = begin_from(net, settings.init, "vae.")
    known = config.vae.latent_channels - settings.fresh if begun else 0
    code = PatchCode(pictures.pictures[HELD : HELD + 400], config.vae.factor, config.vae.latent_channels)
    loop = Loop("vae", net, settings, runs, device)

    def loss_of() -> dict[str, Tensor]:
        x, weight = pictures.draw(loop.progress < CROP_SHARE)
        with autocast(device):
            mean, log_variance = net.posterior(x)
            wanted = code.encode(x)
            latent = mean.float()
            if loop.progress < START_SHARE:
                latent = torch.cat([latent[:, :known], wanted[:, known:]], dim=1)
            noise = torch.randn(mean.shape, device=device)
            seen = net.reconstruct(latent + noise * (0.5 * log_variance.float()).exp())
        mean, log_variance = mean.float(), log_variance.float()
        terms = picture_terms(seen.float(), x, weight)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        drawn = (mean - wanted)[:, known:].square().sum() / mean.numel()
        pull = max(0.0, 1 - loop.progress / FREE_SHARE)
        return {**terms, "loss": terms["loss"] + pull * drawn + KL_WEIGHT * kl, "kl": kl, "code": drawn}

    loop.run(loss_of, sample_pictures("vae", net, pictures, runs))


def train_decoder(config: ModelConfig, settings: StageSettings, runs: Path, device: torch.device) -> None:
    """Goes on with the decoder alone, so that latents keep their meaning; may run beside the film stages.

    A little noise on the latents stands for what the denoiser gets wrong.
    """
    torch.manual_seed(settings.seed)
    pictures = Pictures(config, settings, runs, device)
    net = Emo(config).vae.to(device, memory_format=torch.channels_last)
    load_ema(net, runs / "vae.pt")
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith(("decoder", "post_quant_conv")))
    loop = Loop("decoder", net, settings, runs, device)

    def loss_of() -> dict[str, Tensor]:
        x, weight = pictures.draw(loop.progress < CROP_SHARE)
        with autocast(device):
            with torch.no_grad():
                mean = net.posterior(x)[0].float()
                spread = mean.std(dim=(0, 2, 3), keepdim=True)
            strength = LATENT_NOISE * torch.rand(len(mean), 1, 1, 1, device=device)
            seen = net.reconstruct(mean + strength * spread * torch.randn(mean.shape, device=device))
        return picture_terms(seen.float(), x, weight)

    loop.run(loss_of, sample_pictures("decoder", net, pictures, runs))
