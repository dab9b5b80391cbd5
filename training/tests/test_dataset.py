"""The data set on disk."""

from pathlib import Path

import numpy as np
import pytest
from emofarm_training.dataset import Recipe, generate, load, make_clip, write_shard
from emofarm_training.portraits import Pose
from emofarm_training.speech import CLASSES

CLIPS = Recipe("clips", rows=3, frames=6, size=32, seed=7, split="train")


def test_rows_depend_on_seed_split_and_number_only() -> None:
    one, two = make_clip(CLIPS, 1), make_clip(CLIPS, 1)
    assert all(np.array_equal(one[name], two[name]) for name in one)
    other = make_clip(Recipe("clips", 3, 6, 32, 7, "test"), 1)
    assert not np.array_equal(one["portrait"], other["portrait"])


def test_a_written_set_reads_back(tmp_path: Path) -> None:
    generate(CLIPS, tmp_path, workers=1)
    data = load(tmp_path)
    assert len(data) == 3
    want = make_clip(CLIPS, 2)
    assert all(np.array_equal(want[name], value) for name, value in data[2].items())
    assert data.all("viseme").shape == (3, 6, 5)
    assert data.row("audio", 0).shape == (int((6 / 25 + 1.0) * 16000),)
    assert data.meta["classes"] == list(CLASSES) and data.meta["pose"] == list(Pose.names())


def test_a_second_run_keeps_whole_shards_and_another_recipe_is_refused(tmp_path: Path) -> None:
    generate(CLIPS, tmp_path, workers=1)
    stamp = (tmp_path / "shard_00000" / "audio.npy").stat().st_mtime_ns
    generate(CLIPS, tmp_path, workers=1)
    assert (tmp_path / "shard_00000" / "audio.npy").stat().st_mtime_ns == stamp
    with pytest.raises(SystemExit, match="another recipe"):
        generate(Recipe("clips", 3, 6, 32, 8, "train"), tmp_path, workers=1)


def test_a_broken_off_shard_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("{}")
    (tmp_path / "shard_00000.part").mkdir()
    with pytest.raises(FileNotFoundError, match="no finished shard"):
        load(tmp_path)


def test_speech_rows_are_minutes_with_labels_in_step(tmp_path: Path) -> None:
    assert write_shard(Recipe("audio", 1, 0, 0, 3, "train"), tmp_path, 1, 0) == 1
    (tmp_path / "meta.json").write_text("{}")
    row = load(tmp_path)[0]
    assert row["audio"].shape == (960_000,) and row["viseme"].shape == (6000, 5)
    energy = np.sqrt((row["audio"].reshape(6000, 160).astype(float) ** 2).mean(1))
    voiced = row["viseme"][:, 0] > 0.5
    assert np.median(energy[voiced]) > 4 * np.median(energy[row["silence"]])
