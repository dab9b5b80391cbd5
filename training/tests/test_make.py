"""The whole recipe at a size that proves nothing but that its parts fit, and that it goes on where it stopped."""

import tomllib
from pathlib import Path

import pytest
import torch
from emofarm_training import make
from emofarm_training.loop import begin_from, load_ema
from emofarm_training.network.config import ModelConfig
from emofarm_training.network.emo import Emo
from emofarm_training.train import STAGES, settings_of

SMALL = Path(__file__).parents[1] / "small.toml"
TINY = {
    "size = 64": "size = 32", "channels = [64, 96]": "channels = [16, 16]", "clips = 150": "clips = 12", "speech_minutes = 5": "speech_minutes = 2",
    "people = 250": "people = 12", "channels = [8, 16, 32, 64]": "channels = [4, 4, 4, 4]",
}  # fmt: skip


def tiny(folder: Path) -> Path:
    """A configuration of two steps a stage."""
    text = SMALL.read_text()
    for old, new in TINY.items():
        assert old in text
        text = text.replace(old, new)
    lines = ["steps = 2" if line.startswith("steps = ") else line for line in text.splitlines()]
    file = folder / "tiny.toml"
    file.write_text("\n".join(lines))
    return file


def work(folder: Path, limit: float = 1e12, init: str = "") -> make.Work:
    return make.Work(tiny(folder), folder / "work", folder / "pack", torch.device("cpu"), 2, init, 1.0, limit)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("make")
    assert not make.make(work(folder, limit=0.0)), "no time is left, so it stops"
    assert make.make(work(folder))
    return folder


def test_the_recipe_ends_in_a_pack_with_figures(made: Path) -> None:
    table = tomllib.loads((made / "pack" / "model.toml").read_text())
    assert table["sampler"]["path"]["rate"] == pytest.approx(1.965)
    assert "held-out films" in (made / "pack" / "MODEL_CARD.md").read_text()
    assert all((made / "work" / "runs" / f"{stage}.pt").exists() for stage in STAGES)
    assert ModelConfig.read(made / "pack" / "model.toml").sampler.path is not None


def test_what_is_done_is_passed_over(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tomllib.loads(tiny(made).read_text())
    assert make.train(work(made), table, {})
    assert capsys.readouterr().out.count("done, passed over") == len(STAGES)


def test_a_network_begins_with_the_weights_of_a_pack_where_they_fit(made: Path) -> None:
    config = ModelConfig.read(made / "pack" / "model.toml")
    net, trained = Emo(config), Emo(config)
    begin_from(net, str(made / "pack"))
    load_ema(trained, made / "work" / "runs" / "speed.pt")
    name = "denoising_unet.conv_in.weight"
    torch.testing.assert_close(net.state_dict()[name], trained.state_dict()[name], atol=1e-3, rtol=1e-3)
    config.unet.channels = [16, 32]
    other = Emo(config)
    assert 0 < begin_from(other, str(made / "pack")) < len(other.state_dict())
    with pytest.raises(ValueError, match="no tensor of this pack fits"):
        begin_from(torch.nn.Linear(2, 2), str(made / "pack"))


def test_budgets_are_given_for_each_device() -> None:
    table = tomllib.loads((SMALL.parent / "demo.toml").read_text())
    cpu, gpu = (settings_of(table, "image", torch.device(name)) for name in ("cpu", "cuda"))
    assert cpu["minutes"] > 20 * gpu["minutes"] and gpu["batch"] > cpu["batch"]
    assert cpu["film"] == gpu["film"]
    whole = sum(settings_of(table, stage, torch.device("cuda"))["minutes"] for stage in STAGES)
    assert whole <= 7.0, "leaves two of nine minutes for drawing and scoring"
