"""Pre-generated training data on disk.

Talking clips: ``python -m emofarm_training.dataset --out DIR --clips 2000 --frames 24 --size 256 --seed 1``.
Speech alone: ``python -m emofarm_training.dataset --audio-only --out DIR --minutes 120``.

A folder holds ``meta.json`` and shards, each a folder of ``.npy`` arrays with one row for each clip:

===========  ==========================  ==============================================================
array        shape, type                 meaning
===========  ==========================  ==============================================================
frames       [n, F, S, S, 3] uint8       RGB
portrait     [n, S, S, 3] uint8          the identity at rest, mouth closed, eyes open
audio        [n, A] float32              16 kHz, from clip start - 0.5 s to clip end + 0.5 s, zero padded;
                                         frame i is at sample (0.5 + i / 25) * 16000
mouth_open   [n, F] float32              area between the lips as a fraction of the face box area
viseme       [n, F, 5] float32           open 0..1 (the aperture), wide -1..1, round, teeth, tongue 0..1
phoneme      [n, F] uint8                class id (``meta.json`` lists the classes, 0 is silence)
velocity     [n, F] float32              head speed in degrees a frame that the path was drawn with
path         [n, F, 4] float32           what the noise carries: yaw, pitch, roll, lids (``path.py``)
pose         [n, F, 10] float32          ``Pose.names()``
blink        [n, F] float32              0 open, 1 shut
face_box     [n, 4] float32              x, y, w, h at rest in units of the edge
mouth_box    [n, 4] float32              likewise, around every mouth shape at rest
eye_boxes    [n, 2, 4] float32           likewise, around both eyes
===========  ==========================  ==============================================================

Speech alone has ``audio [n, 960000]``, ``viseme [n, 6000, 5]``, ``phoneme [n, 6000]``, ``silence
[n, 6000]``: one-minute rows of several utterances, labels at 100 Hz (label k is at sample 160 k).
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .clips import talking_clip
from .portraits import Identity, Portraitist, Pose, face_box, mouth_box
from .portraits.boxes import eye_boxes
from .speech import CLASSES, SAMPLE_RATE, hush, utter
from .speech.visemes import CHANNELS, classes_at
from .speech.visemes import RATE as CURVE_RATE
from .speech.voices import SPLITS

FPS = 25
MARGIN_S = 0.5
ROW_S = 60
LABEL_RATE = 100

Row = dict[str, np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """All that decides what a data set contains."""

    kind: str
    rows: int
    frames: int
    size: int
    seed: int
    split: str
    still: bool = False

    def rng(self, row: int) -> np.random.Generator:
        """The chance of one row: a function of kind, seed, split and row only."""
        return np.random.default_rng([self.seed, SPLITS.index(self.split), row, int(self.kind == "audio")])

    def meta(self) -> dict[str, object]:
        """What ``meta.json`` says."""
        names = {"fps": FPS, "sample_rate": SAMPLE_RATE, "margin_s": MARGIN_S, "label_rate": LABEL_RATE}
        columns = {"classes": CLASSES, "viseme": CHANNELS, "pose": Pose.names()}
        return {**self.__dict__, **names, **{k: list(v) for k, v in columns.items()}}


def make_clip(recipe: Recipe, row: int) -> Row:
    """One talking clip. One in ten shows silence: half of these nothing else, half an end of the speech."""
    rng = recipe.rng(row)
    identity = Identity.sample(rng)
    seconds = recipe.frames / FPS
    chance = float(rng.uniform())
    utterance = hush(rng, seconds + 0.5) if chance < 0.05 else utter(rng, recipe.split, seconds + 0.8)
    speed = float(1.2 * rng.uniform() ** 1.3)
    clip = talking_clip(identity, utterance, FPS, rng, speed)
    if recipe.still:
        clip = clip.held_still()
    last = len(clip.poses) - recipe.frames
    start = int(rng.integers(0, last + 1))
    if 0.05 <= chance < 0.10:
        start = 0 if chance < 0.075 else last
    chosen = slice(start, start + recipe.frames)
    poses = clip.poses[chosen]
    artist = Portraitist(identity, recipe.size)
    pose = np.array([p.as_tuple() for p in poses], np.float32)
    times = (start + np.arange(recipe.frames)) / FPS
    return {
        "frames": np.stack([artist.draw(p) for p in poses]),
        "portrait": artist.draw(Pose()),
        "audio": _window(utterance.samples, start * SAMPLE_RATE // FPS, recipe.frames * SAMPLE_RATE // FPS),
        "mouth_open": clip.mouth_open[chosen],
        "viseme": pose[:, [Pose.names().index(c) for c in CHANNELS]],
        "phoneme": classes_at(utterance.phonemes, times),
        "velocity": clip.velocity[chosen],
        "path": clip.path[chosen],
        "pose": pose,
        "blink": pose[:, Pose.names().index("blink")],
        "face_box": np.array(face_box(identity), np.float32),
        "mouth_box": np.array(mouth_box(identity), np.float32),
        "eye_boxes": np.array(eye_boxes(identity), np.float32),
    }


def make_speech(recipe: Recipe, row: int) -> Row:
    """One minute of speech by several voices, with labels at 100 Hz."""
    rng = recipe.rng(row)
    sound, shapes, classes = [], [], []
    length = 0
    while length < ROW_S * SAMPLE_RATE:
        utterance = hush(rng, 2.0) if rng.uniform() < 0.04 else utter(rng, recipe.split, 4.0)
        whole = int(utterance.duration * LABEL_RATE)  # cut to whole label steps, so that labels stay in phase
        sound.append(utterance.samples[: whole * SAMPLE_RATE // LABEL_RATE])
        shapes.append(utterance.mouth()[: whole * CURVE_RATE // LABEL_RATE : CURVE_RATE // LABEL_RATE])
        classes.append(classes_at(utterance.phonemes, np.arange(whole) / LABEL_RATE))
        length += len(sound[-1])
    phoneme = np.concatenate(classes)[: ROW_S * LABEL_RATE]
    return {
        "audio": np.concatenate(sound)[: ROW_S * SAMPLE_RATE],
        "viseme": np.concatenate(shapes)[: ROW_S * LABEL_RATE].astype(np.float32),
        "phoneme": phoneme,
        "silence": phoneme == 0,
    }


def _window(samples: np.ndarray, start: int, length: int) -> np.ndarray:
    """``samples`` from ``start`` with the margin on both sides, zeros outside."""
    margin = int(MARGIN_S * SAMPLE_RATE)
    out = np.zeros(length + 2 * margin, np.float32)
    low, high = max(0, start - margin), min(len(samples), start + length + margin)
    out[low - start + margin : high - start + margin] = samples[low:high]
    return out


def write_shard(recipe: Recipe, out: Path, per_shard: int, shard: int) -> int:
    """Makes one shard unless it is there; it gets its name only when it is whole. Returns its rows."""
    final = out / f"shard_{shard:05d}"
    rows = range(shard * per_shard, min((shard + 1) * per_shard, recipe.rows))
    if final.exists():
        return len(rows)
    part = final.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    make: Callable[[Recipe, int], Row] = make_speech if recipe.kind == "audio" else make_clip
    arrays: Row = {}
    for i, row in enumerate(rows):
        for name, value in make(recipe, row).items():
            if name not in arrays:
                shape = (len(rows), *value.shape)
                arrays[name] = np.lib.format.open_memmap(part / f"{name}.npy", "w+", value.dtype, shape)
            arrays[name][i] = value
    for array in arrays.values():
        array.flush()  # type: ignore[attr-defined]
    part.rename(final)
    return len(rows)


def generate(recipe: Recipe, out: Path, workers: int) -> None:
    """Writes all shards; shards that are there already are kept, if they come from the same recipe."""
    out.mkdir(parents=True, exist_ok=True)
    meta, text = out / "meta.json", json.dumps(recipe.meta(), indent=1)
    if meta.exists() and meta.read_text() != text:
        raise SystemExit(f"{meta} belongs to another recipe; choose another --out or remove the folder")
    meta.write_text(text)
    per_shard = 50 if recipe.kind == "clips" else 5
    shards = range((recipe.rows + per_shard - 1) // per_shard)
    job = partial(write_shard, recipe, out, per_shard)
    started, done = time.monotonic(), 0
    with get_context("spawn").Pool(workers) as pool:
        for rows in pool.imap(job, shards):
            done += rows
            print(f"{done}/{recipe.rows} rows, {time.monotonic() - started:.0f} s", flush=True)


class DataSet:
    """A generated folder; arrays are mapped from disk when they are read."""

    def __init__(self, folder: Path) -> None:
        self.meta = json.loads((folder / "meta.json").read_text())
        self.shards = sorted(p for p in folder.glob("shard_*") if not p.suffix)
        if not self.shards:
            raise FileNotFoundError(f"{folder} holds no finished shard; run emofarm_training.dataset first")
        self._open: dict[tuple[int, str], np.ndarray] = {}
        first = "audio"
        self._starts = np.cumsum([0] + [len(self._array(s, first)) for s in range(len(self.shards))])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def row(self, name: str, index: int) -> np.ndarray:
        """Array ``name`` of one clip, mapped: ``row("frames", 7)[10:22]`` reads twelve frames only."""
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._array(shard, name)[index - int(self._starts[shard])]

    def __getitem__(self, index: int) -> Row:
        names = [p.stem for p in self.shards[0].glob("*.npy")]
        return {name: self.row(name, index) for name in names}

    def all(self, name: str) -> np.ndarray:
        """Array ``name`` of all clips, in memory. Meant for labels; frames are gigabytes."""
        return np.concatenate([self._array(s, name) for s in range(len(self.shards))])

    def _array(self, shard: int, name: str) -> np.ndarray:
        key = (shard, name)
        if key not in self._open:
            self._open[key] = np.load(self.shards[shard] / f"{name}.npy", mmap_mode="r")
        return self._open[key]


def load(folder: str | Path) -> DataSet:
    """Opens what :func:`generate` wrote; shards still being written are not seen."""
    return DataSet(Path(folder))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draws talking clips or speech for training.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--audio-only", action="store_true")
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--still", action="store_true", help="heads do not turn: for a pack whose heads are turned after decoding")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    kind, rows = ("audio", args.minutes) if args.audio_only else ("clips", args.clips)
    recipe = Recipe(kind, rows, args.frames, args.size, args.seed, args.split, args.still)
    generate(recipe, args.out, args.workers)


if __name__ == "__main__":
    main()
