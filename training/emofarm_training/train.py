"""The recipe: ``python -m emofarm_training.train --config training/demo.toml --runs DIR --data DIR``.

Runs the stages ``vae audio decoder image video speed`` in order, or the one that ``--stage`` names. Every stage goes on from
its newest checkpoint in ``--runs``; a stage whose budget is spent is passed over. Data come from
``emofarm_training.dataset``: talking clips in DATA/train, speech in DATA/audio.
"""

from __future__ import annotations

import argparse
import math
import tomllib
from pathlib import Path
from typing import Any

import torch

from . import ranks
from .constants import take_constants, with_constants
from .latents import film_data
from .loop import StageSettings, stage_done
from .network.config import ModelConfig
from .sheets import loss_curves
from .stage_audio import train_audio
from .stage_film import FilmRecipe, train_film
from .stage_samples import film_sheet, still_sheet
from .stage_vae import train_decoder, train_vae

STAGES = ("vae", "audio", "decoder", "image", "video", "speed")
BEFORE = {"image": ["vae"], "video": ["vae", "image"], "speed": ["vae", "image", "video"]}


def settings_of(table: dict[str, Any], stage: str, device: torch.device) -> dict[str, Any]:
    """The settings of a stage; values given for ``cpu`` and ``gpu`` apart become that of ``device``."""
    kind = "cpu" if device.type == "cpu" else "gpu"
    entries = table["training"][stage].items()
    return {k: v[kind] if isinstance(v, dict) and v.keys() == {"cpu", "gpu"} else v for k, v in entries}


def run_stage(
    stage: str, table: dict[str, Any], data: Path, runs: Path, device: torch.device, init: str = "", limit: float = math.inf, scale: float = 1.0
) -> None:
    """Trains one stage with the settings of its table in the configuration file.

    ``init``: folder of a pack to begin with; ``limit``: moment to break off at; ``scale``: budgets are so many times as long.
    """
    if init:
        take_constants(init, runs)
    config = with_constants(ModelConfig.from_table(table), runs)
    entry = settings_of(table, stage, device)
    recipe = FilmRecipe(**entry.pop("film", {}))
    entry["minutes"] *= scale
    settings = StageSettings(**entry, init=init, deadline=limit)
    if stage == "vae":
        train_vae(config, settings, runs, device)
    elif stage == "decoder":
        train_decoder(config, settings, runs, device)
    elif stage == "audio":
        train_audio(config, settings, data / "audio", runs, device)
    else:
        films = film_data(config, data / "train", runs, device)
        sheet = film_sheet if recipe.temporal else still_sheet
        train_film(stage, BEFORE[stage], config, recipe, settings, films, runs, device, sheet)


def choose_device(name: str) -> torch.device:
    """``auto`` takes a GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        torch.backends.cudnn.benchmark = True  # few sizes, each many times
        torch.set_float32_matmul_precision("high")
    return torch.device(name)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Trains the demo model.")
    parser.add_argument("--config", type=Path, default=Path("training/demo.toml"))
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and audio/ of emofarm_training.dataset")
    parser.add_argument("--runs", type=Path, required=True, help="checkpoints, logs and sample sheets")
    parser.add_argument("--stage", choices=("all", *STAGES), default="all")
    parser.add_argument("--minutes", type=float, help="budget of the stage in place of the configuration's")
    parser.add_argument("--init-from", default="", help="folder of a pack whose weights the stages begin with")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves the choice to PyTorch")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    ranks.join()
    table = tomllib.loads(args.config.read_text())
    device = choose_device(args.device)
    for stage in STAGES if args.stage == "all" else (args.stage,):
        if args.minutes is not None:
            table["training"][stage]["minutes"] = args.minutes
        if args.stage == "all" and stage_done(args.runs, stage):
            print(f"{stage}: done, passed over", flush=True)
            continue
        run_stage(stage, table, args.data, args.runs, device, args.init_from)
        if ranks.rank() == 0:
            loss_curves(args.runs, args.runs / "losses.png")


if __name__ == "__main__":
    main()
