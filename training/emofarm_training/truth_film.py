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
from .path import HeadPath, PathConfig
from .portraits import Portraitist, Pose


def draw_case(folder: Path, index: int, out: Path, speed: float, size: int) -> None:
    """All frames of one case, its head on a path of ``speed`` degrees a frame."""
    known = json.loads((folder / f"truth_{index}.json").read_text())
    artist = Portraitist(held_out_identity(known["seed"], known["index"]), size)
    path = HeadPath(PathConfig(), np.random.default_rng([known["seed"], 1, index, 4]))
    times = np.arange(len(known["shape"])) / known["fps"]
    turns, lids = path.rotation(times, speed), path.closure(times)
    out.mkdir(parents=True, exist_ok=True)
    for frame, (turn, lid, shape, brow) in enumerate(zip(turns, lids, known["shape"], known["brow"], strict=True)):
        pose = Pose(*(float(v) for v in turn), *(float(v) for v in shape), blink=float(lid), brow=float(brow))
        Image.fromarray(artist.draw(pose)).save(out / f"frame_{frame:05}.png")
    files = {key: str(Path("..") / folder.name / known[key]) for key in ("portrait", "speech", "mask")}
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
