"""Random single portraits for the picture autoencoder: every picture another identity and another pose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .portraits import Identity, Portraitist, Pose, face_box, mouth_box

IDENTITIES = 3000
POSES_PER_IDENTITY = 4


def random_pose(rng: np.random.Generator) -> Pose:
    """Any pose that a clip can show, mouths of all shapes, one in six with lids on the way down."""
    return Pose(
        yaw=float(rng.uniform(-18, 18)),
        pitch=float(rng.uniform(-10, 10)),
        roll=float(rng.uniform(-8, 8)),
        open=float(rng.choice([0.0, rng.random()], p=[0.2, 0.8])),
        wide=float(rng.uniform(-1, 1)),
        round=float(rng.choice([0.0, rng.random()])),
        teeth=float(rng.choice([0.0, rng.random()])),
        tongue=float(rng.choice([0.0, rng.random()])),
        blink=float(rng.choice([0.0, rng.random()], p=[0.84, 0.16])),
        brow=float(rng.uniform(-0.5, 1)),
    )


@dataclass
class Faces:
    """``pictures`` (N, S, S, 3) uint8, POSES_PER_IDENTITY in a row show one identity; one ``rest`` picture, ``face``
    and ``mouth`` box (x, y, w, h in [0, 1]) for each identity."""

    pictures: np.ndarray
    rest: np.ndarray
    face: np.ndarray
    mouth: np.ndarray


def draw_faces(folder: Path, size: int, seed: int, count: int = IDENTITIES) -> Faces:
    """Draws ``count`` identities; what is drawn is kept in ``folder`` for the next run."""
    file = folder / f"faces-{count}-{size}-{seed}.npz"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        pictures = np.zeros((count * POSES_PER_IDENTITY, size, size, 3), np.uint8)
        rest = np.zeros((count, size, size, 3), np.uint8)
        face, mouth = np.zeros((count, 4), np.float32), np.zeros((count, 4), np.float32)
        for index in range(count):
            identity = Identity.sample(rng)
            artist = Portraitist(identity, size)
            rest[index] = artist.draw(Pose())
            face[index], mouth[index] = face_box(identity), mouth_box(identity)
            for pose in range(POSES_PER_IDENTITY):
                pictures[index * POSES_PER_IDENTITY + pose] = artist.draw(random_pose(rng))
        np.savez(file, pictures=pictures, rest=rest, face=face, mouth=mouth)
    known = np.load(file)
    return Faces(known["pictures"], known["rest"], known["face"], known["mouth"])
