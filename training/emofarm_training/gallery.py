"""The gallery: what goes into its films, the films, and strips of their frames.

``python -m emofarm_training.gallery --pack PACK --work DIR --out docs/gallery`` draws portraits and speech that training never
saw, renders each film with the farm's program and the pack, and writes a small film and a strip of twelve frames for each.
"""

from __future__ import annotations

import argparse
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .heldout import held_out_identity, padded, write_wav
from .portraits import Identity, Pose, draw
from .score import read_film
from .speech import SAMPLE_RATE, hush, recite
from .speech.voices import Voice

SEED = 77
SIZE = 512
SLT = Voice("flite", "slt", "en", 155, 50, 50, 1.0)
FAST = Voice("espeak", "en-us+f3", "en", 240, 55, 60, 1.0)
SLOW = Voice("espeak", "en-us+m3", "en", 158, 45, 50, 1.0)
SUNG = Voice("flite", "slt", "en", 52, 75, 50, 1.0)


@dataclass(frozen=True)
class Shot:
    """One film: a style, who speaks what (nothing: silence), and how fast the head moves."""

    name: str
    style: str
    texts: tuple[str, ...]
    voice: Voice | None
    speed: float
    seed: int = 1


SHOTS = (
    Shot("style-flat", "flat", ("Good morning. This portrait is made of flat colours and clean edges.",), SLT, 0.3),
    Shot("style-ink", "ink", ("Once upon a time, somebody drew me with a pen and a wash of colour.",), SLOW, 0.3),
    Shot("style-shaded", "shaded", ("Soft light falls from the left, and my shadow stays where it is.",), SLT, 0.3),
    Shot("long-vowels", "shaded", ("Oh my, far away. You are.",), SUNG, 0.4),
    Shot("fast-talker", "flat", ("I can talk quickly too, which needs a mouth that never rests, so watch my lips as they hurry.",), FAST, 0.4),
    Shot("silence", "ink", (), None, 0.3),
    Shot("slow-head", "shaded", ("My head moves slowly, as one listens to music.",), SLOW, 0.1),
    Shot("fast-head", "shaded", ("My head moves quickly, as one argues with a friend.",), SLOW, 1.0),
)


def person(shot: Shot, index: int) -> Identity:
    """The first held-out person in the style of the shot, another for each shot."""
    people = (held_out_identity(SEED, 100 * index + i) for i in range(100))
    return next(p for p in people if p.style == shot.style and p.eye_shape != "dot")


def write_sources(work: Path, shot: Shot, index: int) -> tuple[Path, Path]:
    """Portrait and speech of one shot."""
    portrait, speech = work / f"{shot.name}.png", work / f"{shot.name}.wav"
    Image.fromarray(draw(person(shot, index), Pose(), SIZE)).save(portrait)
    rng = np.random.default_rng([SEED, index])
    if shot.voice is None:
        spoken = hush(rng, 5.0)
    else:
        spoken = recite(list(shot.texts), shot.voice, rng)
        spoken = padded(spoken, np.ceil(len(spoken.samples) / SAMPLE_RATE * 2) / 2)
    write_wav(speech, spoken.samples)
    return portrait, speech


def make(emofarm: Path, pack: Path, work: Path, out: Path, index: int) -> None:
    """Renders one shot; writes ``NAME.mp4`` (256 pixels) and ``NAME.png``."""
    shot = SHOTS[index]
    portrait, speech = write_sources(work, shot, index)
    film = work / f"{shot.name}.mp4"
    order = ["--model", str(pack.resolve()), "--seed", str(shot.seed), "--head-speed", str(shot.speed), "--size", "256", "--overwrite"]
    subprocess.run([str(emofarm), "render", str(portrait), str(speech), "-o", str(film), *order], check=True)
    small = ["-c:v", "libx264", "-crf", "24", "-preset", "veryslow", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "48k", "-movflags", "+faststart"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(film), *small, str(out / film.name)], check=True)
    frames, _ = read_film(film)
    chosen = frames[np.linspace(0.06 * len(frames), 0.92 * len(frames), 12).astype(int)]
    strip = Image.fromarray(np.concatenate([np.concatenate(list(row), 1) for row in (chosen[:6], chosen[6:])], 0))
    strip = strip.resize((strip.width * 5 // 8, strip.height * 5 // 8), Image.Resampling.LANCZOS)
    strip.quantize(192, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(out / f"{shot.name}.png", optimize=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Makes the gallery of the demo model.")
    parser.add_argument("--emofarm", type=Path, default=Path("../target/release/emofarm"), help="the built program")
    parser.add_argument("--pack", type=Path, default=Path("../models/demo"))
    parser.add_argument("--work", type=Path, required=True, help="folder for portraits, speech and full films")
    parser.add_argument("--out", type=Path, default=Path("../docs/gallery"))
    args = parser.parse_args()
    for folder in (args.work, args.out):
        folder.mkdir(parents=True, exist_ok=True)
    for index in range(len(SHOTS)):
        make(args.emofarm, args.pack, args.work, args.out, index)


if __name__ == "__main__":
    main()
