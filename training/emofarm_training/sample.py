"""Draws a film in PyTorch, the reference for the farm:

``python -m emofarm_training.sample --pack models/demo --portrait P.png --speech S.wav --face x,y,w,h --out FILM.mp4``.

The face box is in units of the picture's edge. Frames go to the ``ffmpeg`` command; ``--sheet`` also writes a PNG.
"""

from __future__ import annotations

import argparse
import math
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from scipy.io import wavfile
from scipy.signal import resample_poly
from torch import Tensor

from .film_data import box_mask
from .network.audio_encoder import encode_speech
from .network.config import ModelConfig
from .network.emo import Emo
from .network.log_mel import LogMel
from .path import HeadPath, PathConfig
from .sampler import prepare, sample_film
from .sheets import grid, to_picture

DECODE_BATCH = 24


@dataclass
class Order:
    """One film: portrait (S, S, 3) uint8, speech at 16 kHz, face box, and how to draw."""

    portrait: np.ndarray
    wave: np.ndarray
    face: tuple[float, float, float, float]
    fps: Fraction = Fraction(25)
    seed: int = 0
    velocity: float | None = None
    steps: int | None = None
    guidance: float | None = None


def open_pack(folder: Path) -> Emo:
    """The network of a pack, weights widened to f32."""
    net = Emo(ModelConfig.read(folder / "model.toml"))
    net.load_state_dict({name: value.float() for name, value in load_file(folder / "model.safetensors").items()})
    return net.eval()


def film_noise(net: Emo, frames: int, seed: int) -> tuple[Tensor, Tensor]:
    """Shared noise (c, s, s) and own noise (F, c, s, s); each frame's is a function of seed and frame only."""
    size = net.config.latent_size
    shape = (net.config.vae.latent_channels, size, size)

    def draw(stream: int) -> Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed * 1_000_003 + stream))

    return draw(0), torch.stack([draw(1 + i) for i in range(frames)])


def film_path(net: Emo, seed: int) -> HeadPath:
    """The head path of a film of this program; the farm draws its own with its own generator."""
    return HeadPath(net.config.sampler.path or PathConfig(), np.random.default_rng([seed, 4]))


@torch.no_grad()
def draw_film(net: Emo, order: Order) -> np.ndarray:
    """All frames (F, S, S, 3) uint8; F = ceil(seconds x fps)."""
    device = next(net.parameters()).device
    picture = torch.from_numpy(order.portrait).permute(2, 0, 1)[None].float().to(device) / 127.5 - 1
    wave = torch.from_numpy(order.wave).to(device)
    frames = math.ceil(Fraction(len(wave), net.config.audio.sample_rate) * order.fps)
    times = torch.arange(frames, dtype=torch.float64) / float(order.fps)
    mel = LogMel(net.config.audio).to(device)
    features = encode_speech(mel, net.audio_encoder, wave, times.to(device))
    mask = box_mask(np.array([order.face]), net.config.picture_size).to(device)
    speed = net.config.sampler.head_speed if order.velocity is None else order.velocity
    film = prepare(net, net.vae.encode(picture), mask, features, torch.full((frames,), speed, device=device))
    path = None
    if net.config.sampler.path is not None:
        path = torch.from_numpy(film_path(net, order.seed).on_noise(times.numpy(), speed)).float().to(device)
    shared, own = (noise.to(device) for noise in film_noise(net, frames, order.seed))
    latents = sample_film(net, film, shared, own, order.steps, order.guidance, path)
    return np.stack([to_picture(x) for part in latents.split(DECODE_BATCH) for x in net.vae.decode(part)])


def read_portrait(file: Path, size: int) -> np.ndarray:
    """Square picture scaled to ``size``, RGB uint8."""
    return np.asarray(Image.open(file).convert("RGB").resize((size, size), Image.Resampling.BOX)).copy()


def read_speech(file: Path, rate: int) -> np.ndarray:
    """WAV file as mono f32 at ``rate``."""
    found, samples = wavfile.read(file)
    scale = np.iinfo(samples.dtype).max if samples.dtype.kind == "i" else 1.0
    mono = samples.astype(np.float32) / scale
    mono = mono.mean(axis=1) if mono.ndim == 2 else mono
    common = math.gcd(rate, found)
    return resample_poly(mono, rate // common, found // common).astype(np.float32) if found != rate else mono


def write_film(frames: np.ndarray, fps: Fraction, speech: Path, out: Path) -> None:
    """H.264 and AAC in MP4 through the ``ffmpeg`` command."""
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(fps), "-i", "-"]
    command += ["-i", str(speech), "-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p", "-c:a", "aac", str(out)]
    subprocess.run(command, input=frames.tobytes(), check=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draws a film with the PyTorch reference.")
    parser.add_argument("--pack", type=Path, default=Path("models/demo"))
    parser.add_argument("--portrait", type=Path, required=True)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--face", required=True, help="x,y,w,h in [0, 1]")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--fps", type=Fraction, default=Fraction(25))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--velocity", type=float, default=0.4, help="head speed, degrees a frame")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    args = parser.parse_args()
    net = open_pack(args.pack)
    x, y, w, h = (float(v) for v in args.face.split(","))
    order = Order(
        portrait=read_portrait(args.portrait, net.config.picture_size),
        wave=read_speech(args.speech, net.config.audio.sample_rate),
        face=(x, y, w, h), fps=args.fps, seed=args.seed, velocity=args.velocity, steps=args.steps, guidance=args.guidance,
    )
    frames = draw_film(net, order)
    write_film(frames, args.fps, args.speech, args.out)
    if args.sheet:
        grid([[order.portrait, *frames[i : i + 33 : 3]] for i in range(0, len(frames) - 33, 33)]).save(args.sheet)


if __name__ == "__main__":
    main()
