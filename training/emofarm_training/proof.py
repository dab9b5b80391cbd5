"""What stage ``image`` has learnt, on clips that it never trained on: does the head turn as the noise says, is a frame sharp after
one or two steps, does the mouth follow the speech?

``python -m emofarm_training.proof --config small.toml --data DATA --runs RUNS``. A configuration without ``[sampler.path]`` gives
the same network without the head path, to compare.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import laplace

from .dataset import Recipe, load
from .latents import film_data
from .loop import load_ema
from .measure import mouth_opening
from .network.config import ModelConfig
from .network.denoiser import Conditions
from .network.emo import Emo
from .portraits import Identity, Portraitist, Pose
from .sampler import sample_clip
from .schedule import add_path, mixed_noise
from .sheets import grid
from .stage_film import HELD_OUT
from .stage_samples import clip_conditions, frame_noise, frame_path, pictures
from .train import choose_device

YAWS = np.arange(-18.0, 18.1, 1.5)


def seen_yaw(frames: np.ndarray, artist: Portraitist, poses: list[Pose]) -> np.ndarray:
    """The yaw of each frame: that of the drawing which is nearest to it, all else as in the truth."""
    found = []
    for frame, pose in zip(frames, poses, strict=True):
        drawn = [artist.draw(replace(pose, yaw=float(yaw))) for yaw in YAWS]
        found.append(YAWS[int(np.argmin([np.abs(d.astype(int) - frame).mean() for d in drawn]))])
    return np.array(found)


def sharpness(frames: np.ndarray) -> float:
    """Standard deviation of the Laplacian of luma."""
    return float(np.mean([laplace(f.mean(axis=2)).std() for f in frames]))


def prove(config: ModelConfig, data: Path, runs: Path, device: torch.device) -> dict[str, dict[str, float]]:
    """Figures by number of steps; writes a sheet with the truth above what was drawn."""
    drawn, films = load(data / "train"), film_data(config, data / "train", runs, device)
    recipe = Recipe(**{k: drawn.meta[k] for k in ("kind", "rows", "frames", "size", "seed", "split")})
    net = Emo(config).to(device)
    for part, stage in ((net.vae, "vae"), (net, "image")):
        load_ema(part, runs / f"{stage}.pt")
    net.eval()
    result, rows = {}, []
    frames = recipe.frames
    for steps in (1, 2, 8):
        yaw, wanted, sharp, mouths, errors = [], [], [], [], []
        for clip in range(HELD_OUT):
            given = clip_conditions(net, films, clip, frames, device, speed=False)
            shared, own = frame_noise(net, frames, clip)
            noise = mixed_noise(shared[None], own, config.sampler.noise_shared).to(device)
            noise = noise if films.path is None else add_path(noise, frame_path(films, clip, frames, device))
            conditions = Conditions(given.reference_latent, given.reference, given.face, given.audio[None])
            made = np.stack(pictures(net, sample_clip(net, noise[None], conditions, steps, 1.0)[0]))
            true = drawn.row("frames", clip)
            coded = np.stack(pictures(net, torch.from_numpy(films.latents[clip]).float().to(device)))
            artist = Portraitist(Identity.sample(recipe.rng(clip)), recipe.size)
            poses = [Pose(*(float(v) for v in row)) for row in drawn.row("pose", clip)]
            yaw.append(seen_yaw(made, artist, poses))
            wanted.append([p.yaw for p in poses])
            sharp.append(sharpness(made) / sharpness(coded))
            errors.append(np.abs(made.astype(int) - true).mean())
            opened = [mouth_opening(x, tuple(films.mouth[clip])) for x in (made, true)]
            if min(o.std() for o in opened) > 1e-6:
                mouths.append(np.corrcoef(*opened)[0, 1])
            rows += [list(true[::3]), list(made[::3])] if steps == 2 and clip < 4 else []
        turn = np.corrcoef(np.concatenate(yaw), np.concatenate(wanted))[0, 1]
        figures = {"yaw": turn, "sharpness": np.mean(sharp), "mouth": np.mean(mouths), "error": np.mean(errors)}
        result[f"{steps} steps"] = {k: round(float(v), 3) for k, v in figures.items()}
    grid(rows).save(runs / "proof.png")
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Shows what stage image has learnt.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    config = ModelConfig.from_table(tomllib.loads(args.config.read_text()))
    print(json.dumps(prove(config, args.data, args.runs, choose_device(args.device)), indent=1))


if __name__ == "__main__":
    main()
