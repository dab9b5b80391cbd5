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
from .path import PathConfig
from .precision import autocast

BATCH = {"cpu": 8, "cuda": 64}
"""Pictures encoded at once; maps of few stay in a processor's cache."""


@torch.no_grad()
def encode(vae: Vae, pictures: np.ndarray, device: torch.device) -> np.ndarray:
    """Means (N, c, s, s) f32 of pictures (N, S, S, 3) uint8, not normalised."""
    out, batch = [], BATCH[device.type]
    for start in range(0, len(pictures), batch):
        x = torch.from_numpy(np.array(pictures[start : start + batch])).to(device)
        x = x.permute(0, 3, 1, 2).float() / 127.5 - 1
        with autocast(device):
            mean = vae.posterior(x.contiguous(memory_format=torch.channels_last))[0]
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
    return vae.to(device, memory_format=torch.channels_last).eval()


def film_data(config: ModelConfig, data_dir: Path, runs: Path, device: torch.device) -> FilmData:
    """Latents, audio features and labels of every talking clip; what is encoded is kept in ``runs``."""
    data = load(data_dir)
    vae = trained_vae(config, runs, device)
    if ranks.rank() == 0:
        measure_latents(vae, np.stack([data.row("frames", i)[0] for i in range(min(256, len(data)))]), runs, device)
    ranks.wait()
    vae = trained_vae(with_constants(config, runs), runs, device)
    folder = runs / "latents"
    folder.mkdir(exist_ok=True)
    for index, shard in enumerate(data.shards):
        if index % ranks.world() == ranks.rank():
            encode_shard(vae, config, shard, folder, device)
    ranks.wait()
    known = [np.load(folder / f"{shard.name}.npz") for shard in data.shards]
    latents = np.concatenate([part["latents"] for part in known])
    return FilmData(
        latents=latents,
        portraits=np.concatenate([part["portraits"] for part in known]),
        face=data.all("face_box"),
        mouth=data.all("mouth_box"),
        eyes=data.all("eye_boxes"),
        features=clip_features(config, data.all("audio"), latents.shape[1], runs, device),
        velocity=data.all("velocity"),
        path=None if config.sampler.path is None else head_path(data.all("pose"), data.meta["pose"], config.sampler.path),
    )


def head_path(poses: np.ndarray, names: list[str], units: PathConfig) -> np.ndarray:
    """What the noise carries of poses (..., 10), in the units of the pack: (..., 4)."""
    scale = {"yaw": 1 / units.degrees, "pitch": 1 / units.degrees, "roll": 1 / units.degrees, "blink": units.lids}
    path = np.stack([poses[..., names.index(name)] * factor for name, factor in scale.items()], axis=-1).astype(np.float32)
    if units.after_decoding and np.abs(path[..., :3]).max() > 0:
        raise ValueError("heads of these clips turn, but this pack turns them after decoding; draw the clips with --still")
    return path


def encode_shard(vae: Vae, config: ModelConfig, shard: Path, folder: Path, device: torch.device) -> None:
    """Normalised latents of one shard's frames and portraits, unless they are there."""
    file = folder / f"{shard.name}.npz"
    if file.exists():
        return
    frames, portraits = np.load(shard / "frames.npy", mmap_mode="r"), np.load(shard / "portrait.npy", mmap_mode="r")
    means = encode(vae, frames.reshape(-1, *frames.shape[2:]), device)
    latents = normalised(means, config).reshape(*frames.shape[:2], *means.shape[1:])
    part = folder / f"{shard.name}.part.npz"
    np.savez(part, latents=latents, portraits=normalised(encode(vae, portraits, device), config))
    part.rename(file)
    print(f"latents: {shard.name}", flush=True)


@torch.no_grad()
def clip_features(config: ModelConfig, waves: np.ndarray, frames: int, runs: Path, device: torch.device) -> np.ndarray:
    """Audio features (N, frames + 2m, features) f16 at the frame times -m..frames-1+m of each clip."""
    file = runs / f"features-{len(waves)}.npy"
    if file.exists():
        return np.load(file)
    net = Emo(config)
    load_audio_encoder(net, runs)
    encoder, mel, m = net.audio_encoder.to(device), LogMel(config.audio).to(device), config.audio_layers.window
    times = MARGIN_S + torch.arange(-m, frames + m, device=device) / FPS
    rows = []
    for wave in waves:
        features: Tensor = encoder(mel(torch.from_numpy(wave.copy())[None].to(device)))[0]
        rows.append(at_frame_times(features, times).half().cpu().numpy())
    part = runs / f"features-part-{ranks.rank()}.npy"
    np.save(part, np.stack(rows))
    part.rename(file)
    return np.load(file)


def load_audio_encoder(net: Emo, runs: Path) -> None:
    """Puts the encoder of stage ``audio`` into ``net``; the heads stay behind."""
    state = torch.load(runs / "audio.pt", map_location="cpu", weights_only=True)["ema"]
    part = {n.removeprefix("encoder."): v for n, v in state.items() if n.startswith("encoder.")}
    net.audio_encoder.load_state_dict(part)
    net.audio_encoder.eval()
