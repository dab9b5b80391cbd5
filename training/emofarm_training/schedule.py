"""Diffusion schedule with zero terminal SNR, and the algebra of v-prediction (arXiv 2305.08891, 2202.00512)."""

from __future__ import annotations

import torch
from torch import Tensor

from .network.config import SamplerConfig


def alphas_cumprod(config: SamplerConfig) -> Tensor:
    """Cumulative signal share a_t for t = 0..T-1, float64, a_{T-1} = 0 exactly.

    Betas are linear, or linear in their root (``scaled_linear``); the root of a_t is shifted so that the last is
    zero and scaled so that the first keeps its value.
    """
    low, high, steps = config.beta_start, config.beta_end, config.train_steps
    if config.schedule == "linear":
        betas = torch.linspace(low, high, steps, dtype=torch.float64)
    elif config.schedule == "scaled_linear":
        betas = torch.linspace(low**0.5, high**0.5, steps, dtype=torch.float64).square()
    else:
        raise ValueError(f"schedule {config.schedule!r}: known are 'linear' and 'scaled_linear'")
    root = (1 - betas).cumprod(0).sqrt()
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    return root.square()


def trailing_timesteps(config: SamplerConfig, steps: int) -> list[int]:
    """Steps of the sampler, falling, the first is T-1: round(T - i T / steps) - 1."""
    total = config.train_steps
    return [round(total - i * total / steps) - 1 for i in range(steps)]


def add_noise(clean: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
    """sqrt(a) x0 + sqrt(1-a) eps."""
    return alpha.sqrt() * clean + (1 - alpha).sqrt() * noise


def velocity(clean: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
    """v = sqrt(a) eps - sqrt(1-a) x0."""
    return alpha.sqrt() * noise - (1 - alpha).sqrt() * clean


def clean_from_velocity(noisy: Tensor, v: Tensor, alpha: Tensor) -> Tensor:
    """x0 = sqrt(a) x - sqrt(1-a) v."""
    return alpha.sqrt() * noisy - (1 - alpha).sqrt() * v


def noise_from_velocity(noisy: Tensor, v: Tensor, alpha: Tensor) -> Tensor:
    """eps = sqrt(a) v + sqrt(1-a) x."""
    return alpha.sqrt() * v + (1 - alpha).sqrt() * noisy


def velocity_from_output(output: Tensor, noisy: Tensor, alpha: Tensor, prediction: str) -> Tensor:
    """v of a network that predicts v (``v_prediction``) or the clean sample (``sample``): (sqrt(a) x - x0) / sqrt(1-a)."""
    if prediction == "v_prediction":
        return output
    if prediction == "sample":
        return (alpha.sqrt() * noisy - output) / (1 - alpha).sqrt()
    raise ValueError(f"prediction {prediction!r}: known are 'v_prediction' and 'sample'")


def ddim_step(noisy: Tensor, v: Tensor, alpha: Tensor, alpha_next: Tensor) -> Tensor:
    """One step of DDIM (arXiv 2010.02502) with eta 0 towards the signal share ``alpha_next`` (1 after the last step)."""
    return add_noise(clean_from_velocity(noisy, v, alpha), noise_from_velocity(noisy, v, alpha), alpha_next)


def mixed_noise(shared: Tensor, own: Tensor, rho: float) -> Tensor:
    """Noise with the part ``shared`` common to all frames (PYoCo, arXiv 2305.10474): variance stays 1."""
    return rho**0.5 * shared + (1 - rho) ** 0.5 * own


def add_path(noise: Tensor, signal: Tensor) -> Tensor:
    """Noise (..., c, s, s) with what it carries of the head path (..., 4) added to its first four channels, at every place."""
    count = signal.shape[-1]
    return torch.cat([noise[..., :count, :, :] + signal[..., None, None], noise[..., count:, :, :]], dim=-3)
