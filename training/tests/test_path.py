"""The head path that the noise carries."""

import numpy as np
import pytest
import torch
from emofarm_training.path import HeadPath, PathConfig, spline_rate, spline_weights
from emofarm_training.schedule import add_path

CONFIG = PathConfig()


def path(seed: int = 0) -> HeadPath:
    return HeadPath(CONFIG, np.random.default_rng(seed))


def test_weights_sum_to_one_and_join_smoothly() -> None:
    u = np.linspace(0, 1, 11)
    assert spline_weights(u).sum(axis=1) == pytest.approx(np.ones(11))
    end, start = spline_weights(np.array([1.0, 0.0]))
    assert end[1:] == pytest.approx(start[:3]) and end[0] == start[3] == 0.0


def test_the_position_has_unit_variance_at_every_time() -> None:
    # Small speeds stay where tanh is straight, so that degrees over reach are the position itself.
    times = np.array([0.0, 0.17, 0.3, 0.59])
    reach = 0.01 * 25 * CONFIG.share[0] / CONFIG.rate
    seen = np.array([path(seed).rotation(times, 0.01)[:, 0] / reach for seed in range(4000)])
    assert seen.std(axis=0) == pytest.approx(np.ones(4), abs=0.05)


@pytest.mark.parametrize("speed", [0.1, 0.4])
def test_the_head_turns_as_fast_as_asked(speed: float) -> None:
    # The knots repeat after a while, so several paths are looked at.
    steps = np.concatenate([np.diff(path(s).rotation(np.arange(900) / 25, speed), axis=0) for s in range(20)])
    assert np.sqrt((steps**2).sum(axis=1).mean()) == pytest.approx(speed, rel=0.1)


def test_no_head_turns_further_than_the_limit() -> None:
    assert np.abs(path(3).rotation(np.arange(900) / 25, 3.0)).max() < CONFIG.limit


def test_the_rate_in_the_manifest_is_that_of_the_spline() -> None:
    assert CONFIG.rate == pytest.approx(spline_rate() / 0.6, rel=1e-3)
    assert PathConfig(knot_seconds=1.2).rate == pytest.approx(0.5 * CONFIG.rate, rel=1e-3)


def test_lids_shut_once_in_each_slot() -> None:
    lids = path(5).closure(np.arange(0, 40, 0.01))
    blinks = np.flatnonzero(np.diff((lids > 0.5).astype(int)) == 1)
    assert len(blinks) == 10
    assert lids.max() == 1.0 and (lids > 0).mean() == pytest.approx(0.28 / 4.0, abs=0.01)


def test_the_signal_stands_on_the_first_channels_of_the_noise() -> None:
    noise, signal = torch.randn(2, 3, 8, 4, 4), torch.randn(2, 3, 4)
    seen = add_path(noise, signal) - noise
    assert torch.allclose(seen[:, :, :4], signal[..., None, None].expand(2, 3, 4, 4, 4), atol=1e-6)
    assert not seen[:, :, 4:].any()
