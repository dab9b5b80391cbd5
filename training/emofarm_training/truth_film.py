"""Held-out films as the drawing itself would make them, to hold the measures of films to what is known.

``python -m emofarm_training.truth_film --set DIR --index 0 --out FOLDER --speed 0.6`` draws ``frame_00000.png`` and so on, and
``truth.json``: the truth of the case with ``pose`` and ``blink`` of each frame.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from .heldout import held_out_identity
from .portraits import Portraitist, Pose


def turns_of(rng: np.random.Generator, times: np.ndarray, speed: float) -> np.ndarray:
    """Yaw, pitch and roll in degrees ``[n, 3]``: slow waves whose root mean square speed is ``speed`` degrees in 1/25 s."""
    rates = rng.uniform(0.8, 3.0, (3, 4))
    waves = np.sin(rates[..., None] * times + rng.uniform(0.0, 2.0 * np.pi, (3, 4, 1)))
    share = np.array([0.80, 0.45, 0.40]) * 25.0 * speed / np.sqrt(0.5 * (rates**2).sum(axis=1))
    return np.clip((waves.sum(axis=1) * share[:, None]).T, -18.0, 18.0)


def lids_of(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Closure ``[n]``: a blink of 0.28 s somewhere in every three seconds."""
    places = 3.0 * np.arange(int(times[-1] / 3.0) + 1) + rng.uniform(0.2, 2.5, int(times[-1] / 3.0) + 1)
    since = np.abs(times[:, None] - places - 0.1)
    return np.clip(1.4 - since / 0.1, 0.0, 1.0).max(axis=1)


def draw_case(folder: Path, index: int, out: Path, speed: float, size: int) -> None:
    """All frames of one case, its head on a path of ``speed`` degrees a frame."""
    known = json.loads((folder / f"truth_{index}.json").read_text())
    artist = Portraitist(held_out_identity(known["seed"], known["index"]), size)
    rng = np.random.default_rng([known["seed"], 1, index, 4])
    shapes = known.get("shape") or [[opening, 0.0, 0.0, 0.0, 0.0] for opening in known["aperture"]]
    brows = known.get("brow") or [0.0] * len(shapes)
    times = np.arange(len(shapes)) / known["fps"]
    turns, lids = turns_of(rng, times, speed), lids_of(rng, times)
    out.mkdir(parents=True, exist_ok=True)
    for frame, (turn, lid, shape, brow) in enumerate(zip(turns, lids, shapes, brows, strict=True)):
        pose = Pose(*(float(v) for v in turn), *(float(v) for v in shape), blink=float(lid), brow=float(brow))
        Image.fromarray(artist.draw(pose)).save(out / f"frame_{frame:05}.png")
    files = {key: str((folder / known[key]).resolve()) for key in ("portrait", "speech", "mask")}
    told = {"pose": np.round(turns, 4).tolist(), "blink": np.round(lids, 4).tolist()}
    (out / "truth.json").write_text(json.dumps({**known, **files, **told}))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draws the film of a held-out case.")
    parser.add_argument("--set", type=Path, required=True)
    parser.add_argument("--index", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--speed", type=float, default=0.6)
    parser.add_argument("--size", type=int, default=256)
    args = parser.parse_args()
    draw_case(args.set, args.index, args.out, args.speed, args.size)


if __name__ == "__main__":
    main()
