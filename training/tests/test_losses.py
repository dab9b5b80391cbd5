"""What the losses reward, where they look, and how the audio stage disturbs what it hears."""

import numpy as np
import torch
from emofarm_training.film_data import FilmData, latent_weights
from emofarm_training.network.config import AudioConfig
from emofarm_training.stage_audio import WARP, other_throat, warped_bands
from emofarm_training.stage_film import pseudo_huber


def best_guess(bend: float) -> float:
    """The one value that is least wrong for 0, 0 and 1."""
    truths = torch.tensor([0.0, 0.0, 1.0])
    guesses = torch.linspace(0, 1, 201)
    wrong = (guesses[:, None] - truths).reshape(-1, 3, 1, 1, 1)
    return guesses[pseudo_huber(wrong, bend).mean(dim=1).flatten().argmin()].item()


def test_squares_draw_the_mean_and_a_linear_norm_what_most_agree_on() -> None:
    assert abs(best_guess(0.0) - 1 / 3) < 0.01
    assert best_guess(0.05) < 0.06


def test_small_errors_count_squared() -> None:
    wrong = torch.full((1, 1, 4, 2, 2), 0.01)
    torch.testing.assert_close(pseudo_huber(wrong, 0.25), pseudo_huber(wrong, 0.0), rtol=1e-3, atol=1e-8)


def test_mouth_and_eyes_weigh_more_than_the_face_and_the_mean_is_one() -> None:
    latents = np.zeros((1, 1, 1, 16, 16), np.float16)
    data = FilmData(
        latents, latents[:, 0], face=np.array([[0.2, 0.2, 0.6, 0.6]]), mouth=np.array([[0.4, 0.6, 0.2, 0.15]]),
        eyes=np.array([[[0.28, 0.35, 0.13, 0.11], [0.6, 0.35, 0.13, 0.11]]]),
    )  # fmt: skip
    weight = latent_weights(data, 16)[0, 0, 0]
    corner, cheek, left, right, mouth = weight[0, 0], weight[8, 4], weight[6, 5], weight[6, 10], weight[10, 8]
    assert corner < cheek < left < mouth
    assert left == right
    assert abs(weight.mean().item() - 1) < 1e-6


def test_a_longer_throat_moves_a_tone_down_and_leaves_time_alone() -> None:
    config = AudioConfig()
    numbers = warped_bands(config, np.array([1.0, np.exp(WARP)]))
    np.testing.assert_allclose(numbers[0], np.arange(config.mels), atol=1e-6)
    assert (numbers[1] >= numbers[0]).all() and (np.diff(numbers) >= 0).all()
    assert numbers.min() >= 0 and numbers.max() <= config.mels - 1
    mel = torch.zeros(4, config.mels, 50)
    mel[:, 20:40, 30] = 8.0
    heard = other_throat(mel, config, np.random.default_rng(3))
    loud = heard[..., 30].sum(dim=1) - heard[..., 10].sum(dim=1)
    assert (loud > 60).all(), "the sound stays in its frame"
    sound = heard[..., 30] - heard[..., 10]
    middle = (sound * torch.arange(config.mels)).sum(dim=1) / sound.sum(dim=1)
    assert middle.std() > 0.3, "each crop has its own throat"
    silent = torch.cat([heard[..., :30], heard[..., 31:]], dim=-1)
    assert silent.std(dim=-1).max() < 1e-5, "tone and level do not change with time"
    assert heard[..., 10].std(dim=0).mean() > 0.1, "crops differ"


def test_the_disturbance_comes_from_the_seed_alone() -> None:
    config = AudioConfig()
    mel = torch.randn(2, config.mels, 20, generator=torch.Generator().manual_seed(1))
    one, same, other = (other_throat(mel, config, np.random.default_rng(seed)) for seed in (1, 1, 2))
    torch.testing.assert_close(one, same)
    assert not torch.allclose(one, other)
