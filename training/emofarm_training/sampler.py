"""The loop that turns speech features into a film's latents: clip after clip, motion frames handed on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .network.conditions import frame_windows
from .network.denoiser import Conditions
from .network.emo import Emo
from .schedule import add_path, alphas_cumprod, ddim_step, mixed_noise, trailing_timesteps, velocity_from_output


@dataclass
class FilmConditions:
    """What is the same for every clip, or known for the whole film: computed once.

    ``reference_latent`` (1, c, s, s), ``reference`` maps (1, hw, C) a layer, ``face`` (1, C0, s, s),
    ``audio`` tokens (F, tokens, token_dim), ``speed`` tokens (F, token_dim) or None.
    """

    reference_latent: Tensor
    reference: list[Tensor]
    face: Tensor
    audio: Tensor
    speed: Tensor | None


@torch.no_grad()
def prepare(net: Emo, latent: Tensor, mask: Tensor, features: Tensor, velocity: Tensor | None) -> FilmConditions:
    """Conditions of a film of F frames.

    ``latent`` (1, c, s, s) of the portrait, ``mask`` (1, 1, S, S), ``features`` (F, features) at the frame times,
    ``velocity`` (F,) degrees a frame or None.
    """
    windows = frame_windows(features, net.config.audio_layers.window)
    speed = None
    if velocity is not None:
        speed = net.speed_layers(frame_windows(velocity[:, None], net.config.speed.window)[..., 0])
    return FilmConditions(
        reference_latent=latent,
        reference=net.reference_unet(latent),
        face=net.face_locator(mask),
        audio=net.audio_projection(windows),
        speed=speed,
    )


@torch.no_grad()
def motion_maps(net: Emo, film: FilmConditions, last: Tensor | None) -> list[Tensor]:
    """Motion maps of the last latents (n, c, s, s) of the clip before, or zero maps for a first clip."""
    frames = net.config.temporal.motion_frames
    if last is None:
        return [f.new_zeros(1, frames, *f.shape[1:]) for f in film.reference]
    return [f[None] for f in net.reference_unet(last)]


@torch.no_grad()
def predict(net: Emo, noisy: Tensor, t: int, guidance: float, given: Conditions) -> Tensor:
    """Output with classifier-free guidance on audio: ``o_0 + guidance (o_audio - o_0)``; o_0 sees zero audio tokens.

    The output is v or the clean sample (``sampler.prediction``); guidance on one is guidance on the other.
    """
    timestep = torch.tensor([t], device=noisy.device)
    heard = net.denoising_unet(noisy, timestep, given)
    if guidance == 1.0:
        return heard
    blind = Conditions(**{**vars(given), "audio": torch.zeros_like(given.audio)})
    deaf = net.denoising_unet(noisy, timestep, blind)
    return deaf + guidance * (heard - deaf)


@torch.no_grad()
def sample_clip(net: Emo, noise: Tensor, given: Conditions, steps: int, guidance: float) -> Tensor:
    """Latents (1, f, c, s, s) of one clip from its noise; rounded to half precision, their canonical value.

    Small networks draw only what changes against the portrait (``relative_scale``): it is added at the end.
    """
    config = net.config.sampler
    alphas = alphas_cumprod(config)
    times = trailing_timesteps(config, steps)
    x = noise
    for index, t in enumerate(times):
        output = predict(net, x, t, guidance, given)
        v = velocity_from_output(output, x, alphas[t].float(), config.prediction)
        after = alphas[times[index + 1]] if index + 1 < steps else alphas.new_ones(())
        x = ddim_step(x, v, alphas[t].float(), after.float())
    if config.relative_scale > 0.0:
        x = given.reference_latent[:, None] + config.relative_scale * x
    return x.half().float()


@torch.no_grad()
def sample_film(
    net: Emo,
    film: FilmConditions,
    shared: Tensor,
    own: Tensor,
    steps: int | None = None,
    guidance: float | None = None,
    path: Tensor | None = None,
) -> Tensor:
    """Latents (F, c, s, s) of a film.

    ``shared`` (c, s, s) is the noise that all frames have in common, ``own`` (F, c, s, s) that of each frame, ``path``
    (F, 4) what both carry (:mod:`path`). The last clip is filled up with its last frame's conditions and noise, and cut.
    """
    config = net.config
    steps = steps or config.sampler.steps
    guidance = config.sampler.guidance if guidance is None else guidance
    frames, length = own.shape[0], config.temporal.clip_frames
    noise = mixed_noise(shared[None], own, config.sampler.noise_shared)
    if path is not None:
        noise = add_path(noise, path)
    done: list[Tensor] = []
    last = None
    for start in range(0, frames, length):
        index = torch.arange(start, start + length, device=own.device).clamp(max=frames - 1)
        given = Conditions(
            reference_latent=film.reference_latent,
            reference=film.reference,
            face=film.face,
            audio=film.audio[index][None],
            motion=motion_maps(net, film, last),
            speed=None if film.speed is None else film.speed[index][None],
        )
        clip = sample_clip(net, noise[index][None], given, steps, guidance)[0]
        last = clip[-config.temporal.motion_frames :]
        done.append(clip[: frames - start])
    return torch.cat(done)
