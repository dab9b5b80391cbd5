"""Encodes a generated data set once, after the autoencoder and the audio encoder are trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import ranks
from .constants import recall, remember, with_constants
from .dataset import FPS, MARGIN_S, load
from .film_data import FilmData
from .loop import load_ema
from .network.audio_encoder import at_frame_times
from .network.config import ModelConfig
from .network.emo import Emo
from .network.log_mel import LogMel
from .network.vae import Vae
from .pictures import POSES_PER_IDENTITY, draw_faces

BATCH = 32


@torch.no_grad()
def encode(vae: Vae, pictures: np.ndarray, device: torch.device) -> np.ndarray:
    """Means (N, c, s, s) f32 of pictures (N, S, S, 3) uint8, not normalised."""
    out = []
    for start in range(0, len(pictures), BATCH):
        x = torch.from_numpy(np.array(pictures[start : start + BATCH])).to(device)
        x = x.permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.autocast(device.type, torch.bfloat16):
            mean = vae.posterior(x.contiguous())[0]
        out.append(mean.float().cpu().numpy())
    return np.concatenate(out)


def measure_latents(vae: Vae, pictures: np.ndarray, runs: Path, device: torch.device) -> None:
    """Shift and scale of each latent channel, such that latents have mean 0 and standard deviation 1.

    Measured once: later stages and packs must go on with the same numbers.
    """
    if "scale" in recall(runs, "vae"):
        return
    means = encode(vae, pictures, device)
    shift, scale = means.mean(axis=(0, 2, 3)), 1 / means.std(axis=(0, 2, 3))
    remember(runs, "vae", {"shift": [round(float(v), 5) for v in shift], "scale": [round(float(v), 5) for v in scale]})


def normalised(means: np.ndarray, config: ModelConfig) -> np.ndarray:
    """``(mean - shift) * scale`` in half precision."""
    shape = (-1, 1, 1)
    shift, scale = np.array(config.vae.shift).reshape(shape), np.array(config.vae.scale).reshape(shape)
    return ((means - shift) * scale).astype(np.float16)


def trained_vae(config: ModelConfig, runs: Path, device: torch.device) -> Vae:
    """The autoencoder of stage ``vae``."""
    vae = Emo(config).vae
    load_ema(vae, runs / "vae.pt")
    return vae.to(device).eval()


def still_data(config: ModelConfig, runs: Path, seed: int, device: torch.device) -> FilmData:
    """Latents of single portraits (no speech): for the image stage."""
    faces = draw_faces(runs / "pictures", config.picture_size, seed)
    vae = trained_vae(config, runs, device)
    file = runs / "stills.npz"
    if not file.exists():
        measure_latents(vae, faces.pictures[:1024], runs, device)
        np.savez(file, pictures=encode(vae, faces.pictures, device), rest=encode(vae, faces.rest, device))
    with_constants(config, runs)
    known = np.load(file)
    pictures = normalised(known["pictures"], config)
    return FilmData(
        latents=pictures.reshape(-1, POSES_PER_IDENTITY, *pictures.shape[1:]),
        portraits=normalised(known["rest"], config),
        face=faces.face,
        mouth=faces.mouth,
    )


def film_data(config: ModelConfig, data_dir: Path, runs: Path, frames: int, device: torch.device) -> FilmData:
    """Latents, audio features and labels of the first ``frames`` frames of every talking clip."""
    data = load(data_dir)
    with_constants(config, runs)
    file = runs / "films.npz"
    if not file.exists():
        vae = trained_vae(config, runs, device)
        measure_latents(vae, np.stack([data.row("frames", i)[0] for i in range(min(512, len(data)))]), runs, device)
        with_constants(config, runs)
        rows = []
        for index in range(len(data)):
            rows.append(normalised(encode(vae, data.row("frames", index)[:frames], device), config))
            if index % 100 == 0:
                print(f"latents: {index}/{len(data)} clips", flush=True)
        portraits = normalised(encode(vae, data.all("portrait"), device), config)
        np.savez(file, latents=np.stack(rows), portraits=portraits)
    known = np.load(file)
    return FilmData(
        latents=known["latents"],
        portraits=known["portraits"],
        face=data.all("face_box"),
        mouth=data.all("mouth_box"),
        features=clip_features(config, data.all("audio"), known["latents"].shape[1], runs),
        velocity=data.all("velocity")[:, :frames],
    )


@torch.no_grad()
def clip_features(config: ModelConfig, waves: np.ndarray, frames: int, runs: Path) -> np.ndarray:
    """Audio features (N, frames + 2m, features) f16 at the frame times -m..frames-1+m of each clip."""
    file = runs / "features.npy"
    if file.exists():
        return np.load(file)
    net = Emo(config)
    load_audio_encoder(net, runs)
    mel, m = LogMel(config.audio), config.audio_layers.window
    times = MARGIN_S + torch.arange(-m, frames + m) / FPS
    rows = []
    for wave in waves:
        features: Tensor = net.audio_encoder(mel(torch.from_numpy(wave.copy())[None]))[0]
        rows.append(at_frame_times(features, times).half().numpy())
    part = runs / f"features-{ranks.rank()}.npy"
    np.save(part, np.stack(rows))
    part.rename(file)
    return np.load(file)


def load_audio_encoder(net: Emo, runs: Path) -> None:
    """Puts the encoder of stage ``audio`` into ``net``; the heads stay behind."""
    state = torch.load(runs / "audio.pt", map_location="cpu", weights_only=True)["ema"]
    part = {n.removeprefix("encoder."): v for n, v in state.items() if n.startswith("encoder.")}
    net.audio_encoder.load_state_dict(part)
    net.audio_encoder.eval()
