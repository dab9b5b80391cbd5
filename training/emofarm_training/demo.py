"""The demo that ships with the project: one portrait, one speech track of about eight seconds.

``python -m emofarm_training.demo --out demo`` writes ``portrait.png`` and ``speech.wav``; with ``--truth DIR``
also the truth files that :mod:`emofarm_training.score` reads.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from .heldout import held_out_identity, padded, truth, write_wav
from .portraits import Pose, background_mask, draw
from .speech import recite
from .speech.voices import Voice

IDENTITY_SEED, IDENTITY_INDEX = 7, 13
VOICE = Voice("flite", "slt", "en", 158, 50, 50, 1.0)
TEXTS = (
    "Hello! I am a drawing.",
    "One portrait and one voice, and the farm made this film of me.",
)
SECONDS = 8.0
SIZE = 512


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Writes the portrait and the speech of the shipped demo.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    identity = held_out_identity(IDENTITY_SEED, IDENTITY_INDEX)
    spoken = recite(list(TEXTS), VOICE, np.random.default_rng(5))
    print(f"{spoken.duration:.2f} s spoken")
    utterance = padded(spoken, SECONDS)
    Image.fromarray(draw(identity, Pose(), SIZE)).save(args.out / "portrait.png", optimize=True)
    write_wav(args.out / "speech.wav", utterance.samples)
    if args.truth is not None:
        args.truth.mkdir(parents=True, exist_ok=True)
        mask = background_mask(identity, SIZE)
        Image.fromarray((mask * 255).astype(np.uint8)).save(args.truth / "mask_demo.png")
        Image.fromarray(draw(identity, Pose(), SIZE)).save(args.truth / "portrait_demo.png")
        files = {"portrait": "portrait_demo.png", "mask": "mask_demo.png"}
        (args.truth / "truth_demo.json").write_text(json.dumps({**files, **truth(identity, utterance)}))


if __name__ == "__main__":
    main()
