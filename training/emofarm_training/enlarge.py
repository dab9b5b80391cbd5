"""A pack that draws pictures of twice the edge, for ``--init-from``: ``python -m emofarm_training.enlarge PACK OUT --channels 32``.

The autoencoder's patches become twice as wide, its latents stay as they are: it reads the mean of two by two pixels where it
read one, and draws each pixel four times, so that it begins as the old network did on pictures of half the edge, at the
same cost. Training then finds what is between the pixels. The Face Locator gets one more halving in front. Temporal modules
begin at zero, as in a new network, since they smooth what the old picture moved.

More latent channels come behind the old ones: hardly heard at first, and drawn as the portrait has them.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from .network.config import toml_value


def wider_patch(values: Tensor, patch: int) -> Tensor:
    """Rows of (3 patch^2, ...), in the order of ``pixel_unshuffle``, each four times: (3 (2 patch)^2, ...)."""
    rest = values.shape[1:]
    grid = values.reshape(3, patch, patch, *rest)
    return grid.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2).reshape(12 * patch**2, *rest)


def enlarge(weights: dict[str, Tensor], patch: int) -> dict[str, Tensor]:
    """The weights of the larger network; f32."""
    out = {name: value.float() for name, value in weights.items()}
    first = "vae.encoder.conv_in.weight"
    out[first] = wider_patch(out[first].transpose(0, 1), patch).transpose(0, 1).contiguous() / 4
    for name in ("vae.decoder.conv_out.weight", "vae.decoder.conv_out.bias"):
        out[name] = wider_patch(out[name], patch)
    blocks = {name: out.pop(name) for name in list(out) if name.startswith("face_locator.blocks.")}
    for name, value in blocks.items():
        _, _, place, kind = name.split(".")
        out[f"face_locator.blocks.{int(place) + 2}.{kind}"] = value
    for name in out:
        if ".motion_modules." in name and ".proj_out." in name:
            out[name] = torch.zeros_like(out[name])
    width = out["face_locator.conv_in.weight"].shape[0]
    for place in (0, 1):
        passed = torch.zeros(width, width, 3, 3)
        passed[range(width), range(width), 1, 1] = 1.0
        out[f"face_locator.blocks.{place}.weight"], out[f"face_locator.blocks.{place}.bias"] = passed, torch.zeros(width)
    return out


def grown(values: Tensor, parts: int, more: int, axis: int, strength: float) -> Tensor:
    """``axis`` consists of ``parts`` equal pieces; behind each come ``more`` rows of normal numbers of the given strength."""
    shape = list(values.shape)
    shape[axis] = more
    pieces = [row for piece in values.chunk(parts, axis) for row in (piece, strength * torch.randn(shape))]
    return torch.cat(pieces, axis)


def more_channels(weights: dict[str, Tensor], latent: int) -> dict[str, Tensor]:
    """The weights of a network with ``latent`` channels in all, in place of those that it has."""
    old = weights["vae.post_quant_conv.weight"].shape[0]
    more, out = latent - old, dict(weights)

    def grow(name: str, parts: int, axis: int, strength: float) -> None:
        out[name] = grown(out[name], parts, more, axis, strength)

    grow("vae.encoder.conv_out.weight", 2, 0, 0.03)
    grow("vae.encoder.conv_out.bias", 2, 0, 0.0)
    for axis in (0, 1):
        grow("vae.quant_conv.weight", 2, axis, 0.0)
        grow("vae.post_quant_conv.weight", 1, axis, 0.0)
    grow("vae.quant_conv.bias", 2, 0, 0.0)
    grow("vae.post_quant_conv.bias", 1, 0, 0.0)
    for place in range(old, latent):
        out["vae.quant_conv.weight"][place, place] = 1.0
        out["vae.post_quant_conv.weight"][place, place] = 1.0
    out["vae.quant_conv.bias"][latent + old :] = -6.0  # the new channels begin without noise
    grow("vae.decoder.conv_in.weight", 1, 1, 0.01)
    grow("denoising_unet.conv_in.weight", 2, 1, 0.01)
    grow("reference_unet.conv_in.weight", 1, 1, 0.02)
    grow("denoising_unet.conv_out.weight", 1, 0, 0.0)
    grow("denoising_unet.conv_out.bias", 1, 0, 0.0)
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Doubles the picture size of a pack that training is to begin with.")
    parser.add_argument("pack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--channels", type=int, default=0, help="latent channels of the larger pack; 0: as many as the old has")
    args = parser.parse_args()
    torch.manual_seed(0)
    table = tomllib.loads((args.pack / "model.toml").read_text())
    weights = enlarge(load_file(args.pack / "model.safetensors"), table["vae"]["patch"])
    if args.channels > table["vae"]["latent_channels"]:
        weights = more_channels(weights, args.channels)
    args.out.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in weights.items()}, args.out / "model.safetensors")
    # How speech was normalised is kept; latents are measured again.
    lines = ["[audio]", *(f"{key} = {toml_value(table['audio'][key])}" for key in ("mean", "std"))]
    (args.out / "model.toml").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
