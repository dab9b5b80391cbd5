"""A sheet of what the recipe draws: ``python -m emofarm_training.drawings --out docs/pictures/drawings.png``.

Two rows of people in the three styles, one person turning, and mouths.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from .heldout import held_out_identity
from .portraits import Identity, Portraitist, Pose
from .portraits.identity import STYLES
from .speech.visemes import VISEMES

SEED, SIZE, COLUMNS = 7, 144, 8
TURNS = (
    Pose(yaw=-18.0), Pose(yaw=-9.0, pitch=5.0), Pose(pitch=10.0, brow=1.0), Pose(pitch=-10.0, blink=0.5),
    Pose(roll=-9.0, blink=1.0), Pose(roll=9.0, open=0.4), Pose(yaw=9.0, pitch=-5.0), Pose(yaw=18.0),
)  # fmt: skip
SOUNDS = ("sil", "f", "th", "a", "e", "i", "o", "u")


def people(style: str) -> list[Identity]:
    """Held-out people of one style."""
    everybody = (held_out_identity(SEED, index) for index in range(200))
    return [person for person in everybody if person.style == style]


def sheet() -> np.ndarray:
    """The whole sheet, RGB uint8."""
    by_style = [people(style) for style in STYLES]
    crowd = [by_style[i % len(STYLES)][i // len(STYLES)] for i in range(2 * COLUMNS)]
    rest = [Portraitist(person, SIZE).draw(Pose()) for person in crowd]
    turning, speaking = Portraitist(by_style[1][6], SIZE), Portraitist(by_style[2][7], SIZE)
    rows = [rest[:COLUMNS], rest[COLUMNS:], [turning.draw(p) for p in TURNS]]
    rows.append([speaking.draw(Pose(0.0, 0.0, 0.0, *VISEMES[name].target())) for name in SOUNDS])
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draws a sheet of portraits.")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    picture = Image.fromarray(sheet()).quantize(224, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    picture.save(args.out, optimize=True)


if __name__ == "__main__":
    main()
