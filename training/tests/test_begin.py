"""Film stages go on from a pack alone, and what they do not train stays that of the pack."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from emofarm_training.begin import begin, steps_of
from emofarm_training.constants import recall
from emofarm_training.export import export
from emofarm_training.loop import stage_done

ROOT = Path(__file__).parents[2]
PACK, CONFIG = ROOT / "models/demo", ROOT / "training/demo.toml"


def test_a_pack_that_was_begun_with_and_not_trained_is_exported_as_it_was(tmp_path: Path) -> None:
    runs, out = tmp_path / "runs", tmp_path / "pack"
    begin(PACK, runs)
    assert stage_done(runs, "vae") and stage_done(runs, "audio") and not stage_done(runs, "image")
    known = tomllib.loads((PACK / "model.toml").read_text())
    assert recall(runs, "vae") == {key: known["vae"][key] for key in ("shift", "scale")}
    assert recall(runs, "audio") == {key: known["audio"][key] for key in ("mean", "std")}
    export(CONFIG, runs, out, {}, str(PACK))
    old, new = load_file(PACK / "model.safetensors"), load_file(out / "model.safetensors")
    assert old.keys() == new.keys()
    assert [name for name, value in old.items() if not torch.equal(value, new[name])] == []
    made = tomllib.loads((out / "model.toml").read_text())["pack"]["created_by"]
    assert made.endswith(f"begun with {known['pack']['name']} {known['pack']['version']}")
    assert steps_of(out) == {stage: steps_of(PACK)[stage] for stage in ("vae", "audio")}
    # What was begun with is whole: the rest alone is missing without the pack.
    export(CONFIG, runs, tmp_path / "alone", {})
    alone = load_file(tmp_path / "alone/model.safetensors")
    lost = {name.split(".")[0] for name, value in old.items() if not torch.equal(value, alone[name])}
    assert "vae" not in lost and "audio_encoder" not in lost and "denoising_unet" in lost


def test_finished_stages_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "vae.pt").touch()
    with pytest.raises(SystemExit, match=r"vae.pt already; choose an empty folder"):
        begin(PACK, tmp_path)
