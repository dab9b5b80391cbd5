"""Numbers that training measures and a pack needs: normalisation of log-mel frames and of latents."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from .network.config import ModelConfig


def remember(runs: Path, table: str, values: dict[str, Any]) -> None:
    """Stores measured values of one table of ``model.toml`` in ``constants.json``."""
    runs.mkdir(parents=True, exist_ok=True)
    file = runs / "constants.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    known.setdefault(table, {}).update(values)
    file.write_text(json.dumps(known, indent=1))


def recall(runs: Path, table: str) -> dict[str, Any]:
    """The measured values of one table; empty before they are measured."""
    file = runs / "constants.json"
    return json.loads(file.read_text()).get(table, {}) if file.exists() else {}


def take_constants(pack: str, runs: Path) -> None:
    """Remembers the measured values of a pack, unless others are known: its film stages have learnt with these.

    A pack that was made for training only (:mod:`enlarge`) need not have them all."""
    table = tomllib.loads((Path(pack) / "model.toml").read_text())
    for name, keys in {"vae": ("shift", "scale"), "audio": ("mean", "std")}.items():
        if name in table and not recall(runs, name):
            remember(runs, name, {key: table[name][key] for key in keys})


def with_constants(config: ModelConfig, runs: Path) -> ModelConfig:
    """The configuration with all values that earlier stages measured."""
    file = runs / "constants.json"
    if file.exists():
        for table, values in json.loads(file.read_text()).items():
            for key, value in values.items():
                setattr(getattr(config, table), key, value)
    return config
