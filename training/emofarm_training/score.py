"""Scores a film against the truth of its speech: ``python -m emofarm_training.score FILM.mp4 truth_i.json``.

Prints JSON: correlation of the measured mouth opening with the truth, the lag at which it is best (frames,
positive: the lips come late), and how still the background is (1/255). Decodes with the ffmpeg command.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from .measure import background_motion, best_lag, correlation, mouth_opening


def read_film(path: Path) -> tuple[np.ndarray, float]:
    """All frames ``[n, H, W, 3]`` uint8 RGB, and the frame rate."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height,r_frame_rate"]
    found = subprocess.run([*probe, "-of", "json", str(path)], check=True, capture_output=True, text=True)
    stream = json.loads(found.stdout)["streams"][0]
    width, height = int(stream["width"]), int(stream["height"])
    decode = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"]
    raw = subprocess.run([*decode, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True)
    frames = np.frombuffer(raw.stdout, np.uint8).reshape(-1, height, width, 3)
    return frames, float(Fraction(stream["r_frame_rate"]))


def truth_at(known: dict[str, object], count: int, fps: float) -> np.ndarray:
    """True opening at the film's own frame times; 0 after the end of the speech."""
    values = np.asarray(known["mouth_open"], float)
    return np.interp(np.arange(count) / fps, np.arange(len(values)) / float(known["fps"]), values, right=0.0)


def score(film: Path, truth: Path) -> dict[str, object]:
    """All figures of one film."""
    known = json.loads(truth.read_text())
    frames, fps = read_film(film)
    opening = mouth_opening(frames, tuple(known["mouth_box"]))
    wanted = truth_at(known, len(frames), fps)
    lag, best = best_lag(opening, wanted)
    size = (frames.shape[2], frames.shape[1])
    # A pixel of the film counts as background only if all of the mask under it does.
    mask = np.asarray(Image.open(truth.parent / known["mask"]).resize(size, Image.Resampling.BOX)) == 255
    portrait = np.asarray(Image.open(truth.parent / known["portrait"]).convert("RGB").resize(size, Image.Resampling.BOX))
    return {
        "film": film.name,
        "frames": len(frames),
        "fps": fps,
        "correlation": round(correlation(opening, wanted), 4),
        "lag_frames": lag,
        "correlation_at_lag": round(best, 4),
        "background": {k: round(v, 4) for k, v in background_motion(frames, mask, portrait).items()},
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Scores lip motion and background of a film against the truth.")
    parser.add_argument("film", type=Path)
    parser.add_argument("truth", type=Path)
    args = parser.parse_args()
    print(json.dumps(score(args.film, args.truth), indent=1))


if __name__ == "__main__":
    main()
