"""Random single portraits for the picture autoencoder: every picture another identity and another pose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .portraits import Identity, Portraitist, Pose, face_box, mouth_box

IDENTITIES = 2500
POSES_PER_IDENTITY = 4


def random_pose(rng: np.random.Generator) -> Pose:
    """Any pose that a clip can show, mouths of all shapes, one in six with lids on the way down."""
    return Pose(
        yaw=float(np.clip(rng.normal(0, 9), -20, 20)),
        pitch=float(np.clip(rng.normal(0, 6), -20, 20)),
        roll=float(np.clip(rng.normal(0, 6), -20, 20)),
        open=float(rng.choice([0.0, rng.random()], p=[0.3, 0.7])),
        wide=float(rng.uniform(-1, 1) * rng.integers(0, 2)),
        round=float(rng.choice([0.0, rng.random()])),
        teeth=float(rng.choice([0.0, rng.random()])),
        tongue=float(rng.choice([0.0, rng.random()])),
        blink=float(rng.choice([0.0, rng.random()], p=[0.84, 0.16])),
        brow=float(rng.choice([0.0, rng.random()])),
    )


@dataclass
class Faces:
    """``pictures`` (N, S, S, 3) uint8, POSES_PER_IDENTITY in a row show one identity; ``face`` and ``mouth`` box
    (x, y, w, h in [0, 1]) for each identity."""

    pictures: np.ndarray
    face: np.ndarray
    mouth: np.ndarray


def draw_person(size: int, seed: int, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures of one person in random poses, face box, mouth box."""
    rng = np.random.default_rng([seed, 9, index])
    identity = Identity.sample(rng)
    artist = Portraitist(identity, size)
    pictures = np.stack([artist.draw(random_pose(rng)) for _ in range(POSES_PER_IDENTITY)])
    return pictures, np.array(face_box(identity), np.float32), np.array(mouth_box(identity), np.float32)


def draw_faces(folder: Path, size: int, seed: int, count: int = IDENTITIES, workers: int = 1) -> Faces:
    """Draws ``count`` people; what is drawn is kept in ``folder`` for the next run."""
    folder = folder / f"faces-{count}-{size}-{seed}"
    if not folder.exists():
        part = folder.with_suffix(".part")
        part.mkdir(parents=True, exist_ok=True)
        pictures = np.lib.format.open_memmap(part / "pictures.npy", "w+", np.uint8, (count * POSES_PER_IDENTITY, size, size, 3))
        face, mouth = np.zeros((count, 4), np.float32), np.zeros((count, 4), np.float32)
        with get_context("spawn").Pool(workers) as pool:
            people = pool.imap(partial(draw_person, size, seed), range(count), chunksize=20)
            for index, (drawn, face[index], mouth[index]) in enumerate(people):
                pictures[index * POSES_PER_IDENTITY : (index + 1) * POSES_PER_IDENTITY] = drawn
        pictures.flush()
        for name, values in {"face": face, "mouth": mouth}.items():
            np.save(part / f"{name}.npy", values)
        part.rename(folder)
    # Copy on write: torch takes only what may be written to.
    return Faces(*(np.load(folder / f"{name}.npy", mmap_mode="c") for name in ("pictures", "face", "mouth")))
