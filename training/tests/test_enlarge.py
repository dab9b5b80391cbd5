"""A pack that is made to draw twice the edge begins as the old one did."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
import torch.nn.functional as F

from emofarm_training.enlarge import enlarge, more_channels
from emofarm_training.network.config import ModelConfig
from emofarm_training.network.emo import Emo

SMALL = Path(__file__).parents[2] / "diffusion/tests/parity/model.toml"


def twice(config: ModelConfig, latent: int) -> ModelConfig:
    big = copy.deepcopy(config)
    big.picture_size, big.vae.patch, big.vae.latent_channels = 2 * config.picture_size, 2 * config.vae.patch, latent
    big.face_locator.channels = [config.face_locator.channels[0], *config.face_locator.channels]
    big.vae.shift, big.vae.scale = [0.0] * latent, [1.0] * latent
    return big


def test_a_doubled_pack_draws_the_old_pictures_twice_as_large() -> None:
    torch.manual_seed(1)
    config = ModelConfig.read(SMALL)
    old = Emo(config).eval()
    size, channels = config.picture_size, config.vae.latent_channels
    weights = enlarge(dict(old.state_dict()), config.vae.patch)
    big = Emo(twice(config, channels)).eval()
    big.load_state_dict(weights)
    wide = Emo(twice(config, channels + 4)).eval()
    wide.load_state_dict(more_channels(weights, channels + 4))
    picture = torch.rand(1, 3, size, size) * 2 - 1
    large = F.interpolate(picture, scale_factor=2.0)
    with torch.no_grad():
        mean, wanted = old.vae.posterior(picture)[0], old.vae.reconstruct(old.vae.posterior(picture)[0])
        found = big.vae.posterior(large)[0]
        assert torch.allclose(found, mean, atol=1e-5)
        assert torch.allclose(big.vae.reconstruct(found), F.interpolate(wanted, scale_factor=2.0), atol=1e-5)
        # More channels say nothing to the old ones, and little to the picture.
        more = wide.vae.posterior(large)[0]
        assert torch.allclose(more[:, :channels], mean, atol=1e-5)
        drawn = wide.vae.reconstruct(torch.cat([more[:, :channels], torch.zeros_like(more[:, channels:])], dim=1))
        assert torch.allclose(drawn, F.interpolate(wanted, scale_factor=2.0), atol=1e-5)
