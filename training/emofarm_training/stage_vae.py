"""Stage ``vae``: the picture autoencoder, on random drawn portraits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from . import ranks
from .loop import Loop, StageSettings
from .network.config import ModelConfig
from .network.emo import Emo
from .network.resnet import ResnetBlock
from .network.vae import Vae
from .patch_code import PatchCode
from .pictures import POSES_PER_IDENTITY, draw_faces
from .sheets import grid, to_picture

KL_WEIGHT = 1e-4
SQUARE_WEIGHT = 4.0
EDGE_WEIGHT = 4.0
MOUTH_WEIGHT = 3.0

START_SHARE, FREE_SHARE = 0.12, 0.4
"""Until the first share of the budget the decoder reads the linear code; until the second the encoder is drawn to it."""

CROP_SHARE = 0.7
"""Share of the budget that trains on crops a quarter of a picture in area: four times as many steps a minute."""


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


def train_vae(config: ModelConfig, settings: StageSettings, runs: Path, device: torch.device) -> None:
    """L1 + squares + squared edges, more weight on the mouth, and a small KL term.

    Edges are compared by squares: their median is zero, so that an absolute error would ask for blur at first.
    """
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed + 1000 * ranks.rank())
    size = config.picture_size
    faces = draw_faces(runs / "pictures", size, settings.seed)
    pictures, boxes = faces.pictures, faces.mouth.repeat(POSES_PER_IDENTITY, axis=0)
    held = 16
    net = Emo(config).vae.to(device)
    start_small(net)
    code = PatchCode(pictures[:400], config.vae.factor, config.vae.latent_channels)
    loop = Loop("vae", net, settings, runs, device)

    def batch(index: np.ndarray) -> tuple[Tensor, Tensor]:
        raw = torch.from_numpy(pictures[index]).to(device)
        x = raw.permute(0, 3, 1, 2).float() / 127.5 - 1
        weight = box_weights(boxes[index], size, MOUTH_WEIGHT).to(device)
        if rng.random() < 0.5:
            x, weight = x.flip(-1), weight.flip(-1)
        return x.contiguous(), weight

    def loss_of() -> dict[str, Tensor]:
        crops = loop.progress < CROP_SHARE
        x, weight = batch(rng.integers(held, len(pictures), settings.batch * (2 if crops else 1)))
        if crops:
            x, weight = crop(x, weight, size // 2, rng)
        with torch.autocast(device.type, torch.bfloat16):
            mean, log_variance = net.posterior(x)
            wanted = code.encode(x)
            latent = wanted if loop.progress < START_SHARE else mean.float()
            noise = torch.randn(mean.shape, device=device)
            seen = net.reconstruct(latent + noise * (0.5 * log_variance.float()).exp())
        mean, log_variance, seen = mean.float(), log_variance.float(), seen.float()
        error = seen - x
        pixel, square = (error.abs() * weight).mean(), (error.square() * weight).mean()
        across, down = edges(error * weight.sqrt())
        edge = across.square().mean() + down.square().mean()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        drawn = (mean - wanted).square().mean()
        pull = max(0.0, 1 - loop.progress / FREE_SHARE)
        total = pull * drawn + pixel + SQUARE_WEIGHT * square + EDGE_WEIGHT * edge + KL_WEIGHT * kl
        return {"loss": total, "pixel": pixel, "square": square, "edge": edge, "kl": kl, "code": drawn}

    @torch.no_grad()
    def sample(step: int) -> None:
        x, _ = batch(np.arange(held))
        seen = net.reconstruct(net.posterior(x)[0])
        print(f"vae: held-out mean abs error {float((seen.clamp(-1, 1) - x).abs().mean()) * 127.5:.2f}/255", flush=True)
        grid([[to_picture(a) for a in x[:8]], [to_picture(a) for a in seen[:8]]]).save(runs / f"vae-{step:06}.png")

    loop.run(loss_of, sample)
