"""Scores a pack on held-out portraits and speech, in PyTorch, before any codec:

``python -m emofarm_training.evaluate --pack models/demo --heldout DIR --out figures.json --sheet sheet.png``.

The folder comes from ``emofarm_training.heldout``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .measure import background_motion, best_lag, correlation, mouth_opening
from .network.emo import Emo
from .sample import Order, draw_film, open_pack, read_portrait, read_speech
from .sheets import grid


def score_case(net: Emo, folder: Path, index: int, order: dict[str, Any]) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """Figures of one case, its portrait and its frames."""
    truth = json.loads((folder / f"truth_{index}.json").read_text())
    size = net.config.picture_size
    portrait = read_portrait(folder / truth["portrait"], size)
    wave = read_speech(folder / truth["speech"], net.config.audio.sample_rate)
    frames = draw_film(net, Order(portrait, wave, tuple(truth["face_box"]), seed=index, **order))
    true = np.asarray(truth["mouth_open"][: len(frames)])
    seen = mouth_opening(frames[: len(true)], tuple(truth["mouth_box"]))
    mask = np.asarray(Image.open(folder / truth["mask"]).resize((size, size), Image.Resampling.BOX)) == 255
    lag, best = best_lag(seen, true)
    background = background_motion(frames, mask, portrait)
    return {"correlation": correlation(seen, true), "lag": lag, "at_lag": best, **background}, portrait, frames


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Scores a pack on held-out films.")
    parser.add_argument("--pack", type=Path, default=Path("models/demo"))
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--velocity", type=float, default=0.4)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    args = parser.parse_args()
    net = open_pack(args.pack)
    rows, found = [], []
    began = time.monotonic()
    for index in range(args.count):
        order = {"velocity": args.velocity, "steps": args.steps, "guidance": args.guidance}
        figures, portrait, frames = score_case(net, args.heldout, index, order)
        found.append(figures)
        rows.append([portrait, *frames[20 : 20 + 11 * 4 : 4]])
        print(index, json.dumps({k: round(float(v), 3) for k, v in figures.items()}), flush=True)
    each = [round(f["correlation"], 2) for f in found]
    result = {
        "held-out films": args.count,
        "mouth opening, correlation with the drawing's truth: mean (each)": f"{np.mean(each):.2f} ({each})",
        "background, mean change from frame to frame (of 255): worst film": round(max(f["frame_to_frame"] for f in found), 2),
        "background, mean change of the most restless pixel (of 255): worst film": round(max(f["worst_pixel"] for f in found), 2),
        "background, mean difference from the portrait (of 255): worst frame": round(max(f["against_portrait"] for f in found), 2),
        "minutes to draw and score all (PyTorch)": round((time.monotonic() - began) / 60, 1),
    }
    args.out.write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))
    if args.sheet:
        grid(rows).save(args.sheet)


if __name__ == "__main__":
    main()
