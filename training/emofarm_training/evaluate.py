"""Scores a pack on held-out portraits and speech, in PyTorch, before any codec:

``python -m emofarm_training.evaluate --pack models/demo --heldout DIR --out figures.json --sheet sheet.png``.

The folder comes from ``emofarm_training.heldout``. The truth is drawn: the same person, mouth, head path and blinks.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .heldout import held_out_identity
from .measure import background_motion, best_lag, correlation, mouth_opening, outside_error
from .network.emo import Emo
from .portraits import Identity, Portraitist, Pose
from .portraits.boxes import eye_boxes
from .sample import Order, draw_film, film_path, open_pack, read_portrait, read_speech
from .sheets import grid

CLOSED = 0.05
"""A mouth that shows less than this share of its full opening counts as closed."""
SILENCE_MARGIN = 3
"""Frames on both sides of a frame that must be silent too."""


def true_frames(net: Emo, identity: Identity, truth: dict[str, Any], seed: int, speed: float, count: int) -> np.ndarray:
    """What the film should show ``[count, S, S, 3]``."""
    times = np.arange(count) / truth["fps"]
    path = film_path(net, seed)
    rotation, lids = path.rotation(times, speed), path.closure(times)
    if path.config.after_decoding:  # the farm turns heads that PyTorch draws at rest
        rotation = np.zeros_like(rotation)
    artist = Portraitist(identity, net.config.picture_size)
    rows = zip(rotation, truth["shape"], lids, truth["brow"], strict=False)
    return np.stack([artist.draw(Pose(*turn, *shape, lid, brow)) for turn, shape, lid, brow in rows])


def silent(aperture: np.ndarray) -> np.ndarray:
    """Frames in whose neighbourhood nobody speaks."""
    loud = aperture > 0.01
    return ~np.convolve(loud, np.ones(2 * SILENCE_MARGIN + 1), "same").astype(bool)


def score_case(net: Emo, folder: Path, index: int, order: dict[str, Any]) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """Figures of one case, its true frames and the drawn ones."""
    truth = json.loads((folder / f"truth_{index}.json").read_text())
    size = net.config.picture_size
    identity = held_out_identity(truth["seed"], truth["index"])
    portrait = read_portrait(folder / truth["portrait"], size)
    wave = read_speech(folder / truth["speech"], net.config.audio.sample_rate)
    frames = draw_film(net, Order(portrait, wave, tuple(truth["face_box"]), seed=index, **order))
    speed = order["velocity"]
    true = true_frames(net, identity, truth, index, speed, len(frames))
    frames = frames[: len(true)]
    seen, wanted = (mouth_opening(x, tuple(truth["mouth_box"])) for x in (frames, true))
    lag, best = best_lag(seen, wanted)
    full = mouth_opening(Portraitist(identity, size).draw(Pose(open=1.0))[None], tuple(truth["mouth_box"]))[0]
    quiet = silent(np.asarray(truth["aperture"])[: len(frames)])
    mask = np.asarray(Image.open(folder / truth["mask"]).resize((size, size), Image.Resampling.BOX)) == 255
    figures = {
        "correlation": correlation(seen, wanted),
        "lag": lag,
        "at_lag": best,
        "closed": float((seen[quiet] < CLOSED * full).mean()) if quiet.any() else 1.0,
        "identity": outside_error(frames, true, [tuple(truth["mouth_box"]), *eye_boxes(identity)]),
        **background_motion(frames, mask, portrait),
    }
    return figures, true, frames


def summary(found: list[dict[str, float]], seconds: float) -> dict[str, Any]:
    """What the model card says."""

    def mean(name: str) -> float:
        return float(np.mean([f[name] for f in found]))

    each = [round(f["correlation"], 2) for f in found]
    return {
        "held-out films": len(found),
        "mouth opening, correlation with the drawing's truth: mean (each)": f"{mean('correlation'):.3f} ({each})",
        "lag of the mouth in frames, each": str([int(f["lag"]) for f in found]),
        "mouth closed in silence, share of frames": round(mean("closed"), 4),
        "colour error outside of mouth and eyes against the drawing in the same pose (of 255): mean (worst film)": (
            f"{mean('identity'):.2f} ({max(f['identity'] for f in found):.2f})"
        ),
        "background, mean change from frame to frame (of 255): mean (worst film)": (
            f"{mean('frame_to_frame'):.2f} ({max(f['frame_to_frame'] for f in found):.2f})"
        ),
        "background, mean difference from the portrait (of 255): worst frame": round(max(f["against_portrait"] for f in found), 2),
        "minutes to draw and score all (PyTorch)": round(seconds / 60, 1),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Scores a pack on held-out films.")
    parser.add_argument("--pack", type=Path, default=Path("models/demo"))
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--velocity", type=float, default=0.3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args()
    net = open_pack(args.pack).to(args.device)
    rows, found = [], []
    began = time.monotonic()
    for index in range(args.count):
        order = {"velocity": args.velocity, "steps": args.steps, "guidance": args.guidance}
        figures, true, frames = score_case(net, args.heldout, index, order)
        found.append(figures)
        rows += [list(x[20 : 20 + 10 * 6 : 6]) for x in (true, frames)]
        print(index, json.dumps({k: round(float(v), 3) for k, v in figures.items()}), flush=True)
    result = summary(found, time.monotonic() - began)
    args.out.write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))
    if args.sheet:
        grid(rows).save(args.sheet)


if __name__ == "__main__":
    main()
