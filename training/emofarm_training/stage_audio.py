"""Stage ``audio``: the audio encoder, supervised by mouth shapes and phonemes of synthetic speech.

The heads that read the labels from the features are dropped afterwards; the encoder stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import ranks
from .constants import recall, remember
from .dataset import load
from .loop import Loop, StageSettings, begin_from
from .network.config import AudioConfig, ModelConfig
from .network.emo import Emo
from .network.log_mel import LogMel
from .precision import autocast

CROP = 400
"""Label steps (100 Hz) of one training crop."""

VISEME_WEIGHT = 10.0
FEATURE_WEIGHT = 1e-3
HELD_OUT_ROWS = 4
"""Minutes at the start that are never trained on; at most half of all."""


HIDDEN_BANDS, HIDDEN_FRAMES = 10, 16
"""Most mel bands and log-mel frames that are hidden at once in training (SpecAugment, arXiv 1904.08779)."""


WARP, TILT, LEVEL = 0.16, 0.5, 0.3
"""Most that a crop's frequencies are stretched or squeezed (logarithm of the factor), and the spread of a smooth random tone and of
the loudness that are added to its log-mel bands, in standard deviations of the pack's normalisation."""
TONE_KNOTS = 6


def warped_bands(config: AudioConfig, factors: np.ndarray) -> np.ndarray:
    """For each factor (B,) and mel band the (broken) number of the band at factor times its frequency, within the bands there are: (B, mels)."""
    low, high = (2595.0 * np.log10(1.0 + f / 700.0) for f in (config.fmin, config.fmax))
    step = (high - low) / (config.mels + 1)
    hertz = 700.0 * (10.0 ** ((low + step * np.arange(1, config.mels + 1)) / 2595.0) - 1.0)
    numbers = (2595.0 * np.log10(1.0 + hertz * factors[:, None] / 700.0) - low) / step - 1.0
    return np.clip(numbers, 0.0, config.mels - 1.0)


def other_throat(mel: Tensor, config: AudioConfig, rng: np.random.Generator) -> Tensor:
    """Log-mel crops (B, mels, K) as of longer or shorter vocal tracts and other microphones: the frequencies of each crop are stretched by
    one factor (vocal tract length perturbation, Jaitly and Hinton 2013), then a smooth tone and a level are added."""
    place = warped_bands(config, np.exp(rng.uniform(-WARP, WARP, len(mel))))
    below = np.minimum(place.astype(np.int64), config.mels - 2)
    part = torch.from_numpy((place - below).astype(np.float32))[..., None].to(mel.device)
    row, below = torch.arange(len(mel), device=mel.device)[:, None], torch.from_numpy(below).to(mel.device)
    warped = mel[row, below] * (1 - part) + mel[row, below + 1] * part
    at, knots = np.linspace(0, config.mels - 1, TONE_KNOTS), rng.normal(0.0, TILT, (len(mel), TONE_KNOTS))
    tone = np.stack([np.interp(np.arange(config.mels), at, values) for values in knots]) + rng.normal(0.0, LEVEL, (len(mel), 1))
    return warped + torch.from_numpy(tone.astype(np.float32))[..., None].to(mel.device)


def hide(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Log-mel crops (B, mels, K) with a run of bands and two runs of frames set to the mean, 0, each of random place and length."""
    mel = mel.clone()
    for crop in mel:
        for axis, most in ((0, HIDDEN_BANDS), (1, HIDDEN_FRAMES), (1, HIDDEN_FRAMES)):
            length = int(rng.integers(0, most + 1))
            crop.narrow(axis, int(rng.integers(0, crop.shape[axis] - length + 1)), length).zero_()
    return mel


class Supervised(nn.Module):
    """Audio encoder with heads for mouth shape (open, wide, round, teeth), phoneme class and silence."""

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.encoder = Emo(config).audio_encoder
        features = config.audio.features
        self.shape = nn.Linear(features, 4)
        self.phoneme = nn.Linear(features, classes)
        self.silence = nn.Linear(features, 1)


def train_audio(config: ModelConfig, settings: StageSettings, data_dir: Path, runs: Path, device: torch.device) -> None:
    """Trains the encoder on one-minute rows of speech; also measures the log-mel normalisation of the pack."""
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed + 1000 * ranks.rank())
    data = load(data_dir)
    mel = LogMel(config.audio).to(device)
    frames = torch.stack([mel(torch.from_numpy(data.row("audio", i).copy())[None].to(device))[0] for i in range(len(data))])
    raw = frames * config.audio.std + config.audio.mean
    known = recall(runs, "audio")
    mean, std = known.get("mean") or round(raw.mean().item(), 3), known.get("std") or round(raw.std().item(), 3)
    remember(runs, "audio", {"mean": mean, "std": std})
    config.audio.mean, config.audio.std = mean, std
    frames = ((raw - mean) / std).to(device)
    shape = torch.from_numpy(data.all("viseme")[..., :4].copy()).to(device)
    phoneme = torch.from_numpy(data.all("phoneme").astype(np.int64)).to(device)
    steps, held = shape.shape[1], min(HELD_OUT_ROWS, len(data) // 2)
    net = Supervised(config, len(data.meta["classes"])).to(device)
    begin_from(net.encoder, settings.init, "audio_encoder.")
    loop = Loop("audio", net, settings, runs, device)

    def losses(rows: np.ndarray, starts: np.ndarray, length: int, disturbed: bool = False) -> tuple[dict[str, Tensor], Tensor]:
        def cut(values: Tensor, axis: int) -> Tensor:
            pieces = [values[r].narrow(axis, s, length) for r, s in zip(rows, starts, strict=True)]
            return torch.stack(pieces)

        heard = hide(other_throat(cut(frames, 1), config.audio, rng), rng) if disturbed else cut(frames, 1)
        with autocast(device):
            features = net.encoder(heard).float()
        # The ends of a crop see zeros where a film would see speech; they are left out of the loss.
        inner = slice(config.audio.reach, length - config.audio.reach)
        features = features[:, inner]
        want_shape, want_class = cut(shape, 0)[:, inner], cut(phoneme, 0)[:, inner]
        seen = net.shape(features)
        viseme = F.smooth_l1_loss(seen, want_shape, beta=0.1)
        classes = F.cross_entropy(net.phoneme(features).transpose(1, 2), want_class)
        silence = F.binary_cross_entropy_with_logits(net.silence(features)[..., 0], (want_class == 0).float())
        total = VISEME_WEIGHT * viseme + 0.5 * classes + 0.5 * silence + FEATURE_WEIGHT * features.square().mean()
        terms = {"loss": total, "viseme": viseme, "classes": classes, "silence": silence}
        return terms, torch.stack([seen[..., 0], want_shape[..., 0]])

    def loss_of() -> dict[str, Tensor]:
        rows = rng.integers(held, len(data), settings.batch)
        return losses(rows, rng.integers(0, steps - CROP, settings.batch), CROP, disturbed=True)[0]

    @torch.no_grad()
    def sample(step: int) -> None:
        terms, opened = losses(np.arange(held), np.zeros(held, int), steps)
        r = torch.corrcoef(opened.flatten(1).cpu())[0, 1].item()
        print(f"audio {step}: held-out mouth opening correlates {r:.3f}, loss {terms['loss'].item():.3f}", flush=True)

    loop.run(loss_of, sample)
