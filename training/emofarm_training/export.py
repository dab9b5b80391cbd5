"""Writes a model pack: ``python -m emofarm_training.export --config training/demo.toml --runs DIR --out models/demo``.

``model.safetensors`` (half precision, EMA weights), ``model.toml`` (manifest with all sizes and checksums) and
``MODEL_CARD.md``. Takes the newest stages that exist; parts whose stage is missing are those of the pack that ``--init-from``
names, or else initial weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from .card import model_card
from .constants import take_constants, with_constants
from .latents import load_audio_encoder
from .loop import begin_from, load_ema
from .network.config import ModelConfig, toml_value
from .network.emo import Emo

LIMIT_BYTES = 40_000_000


def load_trained(config: ModelConfig, runs: Path, init: str = "") -> tuple[Emo, dict[str, dict[str, float]]]:
    """The network of the pack ``init`` with the EMA weights of all finished or running stages; steps and seconds of each."""
    torch.manual_seed(0)
    net = Emo(config)
    begin_from(net, init)
    taken: dict[str, dict[str, float]] = {}
    if (runs / "vae.pt").exists():
        taken["vae"] = load_ema(net.vae, runs / "vae.pt")
    if (runs / "decoder.pt").exists():
        taken["decoder"] = load_ema(net.vae, runs / "decoder.pt")
    if (runs / "audio.pt").exists():
        load_audio_encoder(net, runs)
        state = torch.load(runs / "audio.pt", map_location="cpu", weights_only=True)
        taken["audio"] = {"steps": state["step"], "seconds": state["seconds"]}
    for stage in ("image", "video", "speed"):
        if (runs / f"{stage}.pt").exists():
            taken[stage] = load_ema(net, runs / f"{stage}.pt")
    return net.eval(), taken


def pack_tables(table: dict[str, Any], taken: dict[str, dict[str, float]], init: str = "") -> str:
    """The ``[pack]`` table: name, version, licence, description, what made it, and from the weights of which pack."""
    stages = ", ".join(f"{name} {int(entry['steps'])}" for name, entry in taken.items())
    made_by = f"emofarm_training (steps: {stages})"
    if init:
        began = tomllib.loads((Path(init) / "model.toml").read_text())["pack"]
        made_by += f", begun with {began['name']} {began['version']}"
    entry = {**table["pack"], "created_by": made_by}
    return "\n".join(["[pack]", *(f"{k} = {toml_value(v)}" for k, v in entry.items())]) + "\n"


def export(config_file: Path, runs: Path, out: Path, figures: dict[str, Any], init: str = "") -> None:
    """Writes the pack; the manifest comes last, so that a pack with a manifest is whole."""
    table = tomllib.loads(config_file.read_text())
    if init:
        take_constants(init, runs)
    config = with_constants(ModelConfig.from_table(table), runs)
    net, taken = load_trained(config, runs, init)
    out.mkdir(parents=True, exist_ok=True)
    weights = {name: value.half().contiguous() for name, value in net.state_dict().items()}
    bad = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if bad:
        raise ValueError(f"not finite in half precision: {bad[:3]}; train again with a lower learning rate")
    save_file(weights, out / "model.safetensors")
    (out / "model.safetensors").chmod(0o644)
    size = (out / "model.safetensors").stat().st_size
    if size > LIMIT_BYTES:
        raise ValueError(f"{out / 'model.safetensors'} has {size} bytes, more than {LIMIT_BYTES}; choose smaller widths")
    (out / "MODEL_CARD.md").write_text(model_card(table, config, taken, figures, size))
    files = ["model.safetensors", "MODEL_CARD.md"]
    sums = [f"{toml_value(name)} = {toml_value(hashlib.sha256((out / name).read_bytes()).hexdigest())}" for name in files]
    manifest = pack_tables(table, taken, init) + "\n[checksums]\n" + "\n".join(sums) + "\n\n" + config.to_toml()
    (out / "model.toml").write_text(manifest)
    print(f"{out}: {size / 1e6:.1f} MB, stages {', '.join(taken) or 'none'}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Writes a model pack from the newest checkpoints.")
    parser.add_argument("--config", type=Path, default=Path("training/demo.toml"))
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("models/demo"))
    parser.add_argument("--figures", type=Path, help="JSON of emofarm_training.evaluate, for the model card")
    parser.add_argument("--init-from", default="", help="folder of the pack that the stages began with")
    args = parser.parse_args()
    figures = json.loads(args.figures.read_text()) if args.figures else {}
    export(args.config, args.runs, args.out, figures, args.init_from)


if __name__ == "__main__":
    main()
