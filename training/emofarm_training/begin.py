"""Film stages alone, from a pack that has the rest: ``python -m emofarm_training.begin PACK --runs RUNS``.

Writes the pack's autoencoder and audio encoder as finished stages into RUNS, with the numbers that they were measured with.
``train`` and ``make`` then pass these stages over; with ``--init-from PACK`` the film stages go on from the pack too.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from .constants import take_constants

PARTS = {"vae": ("vae.", ""), "audio": ("audio_encoder.", "encoder.")}
"""Finished stages: how a pack names their tensors, how a checkpoint does."""


def steps_of(pack: Path) -> dict[str, int]:
    """Steps of each stage, as the manifest tells them."""
    made_by = tomllib.loads((pack / "model.toml").read_text())["pack"].get("created_by", "")
    inner = re.search(r"\(steps: ([^)]*)\)", made_by)
    return {stage: int(steps) for stage, steps in re.findall(r"(\w+) (\d+)", inner[1] if inner else "")}


def begin(pack: Path, runs: Path) -> None:
    """Writes ``vae.pt``, ``audio.pt`` and ``constants.json``. Refuses a folder that has stages of its own."""
    weights, steps = load_file(pack / "model.safetensors"), steps_of(pack)
    runs.mkdir(parents=True, exist_ok=True)
    there = sorted(file.name for file in runs.iterdir())
    if there:
        raise SystemExit(f"{runs} has {', '.join(there)} already; choose an empty folder for --runs")
    missing = [stage for stage, (prefix, _) in PARTS.items() if not any(n.startswith(prefix) for n in weights)]
    if missing:
        raise SystemExit(f"{pack} has no {' and no '.join(missing)}; give a pack that has learnt it")
    for stage, (prefix, name) in PARTS.items():
        ema: dict[str, Tensor] = {name + n.removeprefix(prefix): v.float() for n, v in weights.items() if n.startswith(prefix)}
        state = {"step": steps.get(stage, 0), "seconds": 0.0, "weights": {}, "ema": ema, "optimizer": {}, "done": True}
        torch.save(state, runs / f"{stage}.pt")
    take_constants(str(pack), runs)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Takes autoencoder and audio encoder from a pack, so that the film stages can train alone.")
    parser.add_argument("pack", type=Path)
    parser.add_argument("--runs", type=Path, required=True)
    args = parser.parse_args()
    begin(args.pack, args.runs)


if __name__ == "__main__":
    main()
