"""Writes the fixtures of the parity test: a tiny random copy of the whole network, its inputs and its outputs.

Run from the repository's root with the packages of ``training/requirements.txt``:

    PYTHONPATH=training python diffusion/tests/parity/export.py

Beside this script it writes ``model.toml`` (sizes of the tiny network) and ``fixtures.safetensors`` (all f32):

* ``weights.NAME``: the network's tensors, NAME as in a pack (``denoising_unet.conv_in.weight``, ...);
* ``input.CASE.NAME``: inputs of one case; ``golden.CASE`` or ``golden.CASE.NAME``: what PyTorch makes of them.

Layers that start at zero get random weights here, so that every branch counts. The cases and the modules they run:

case            | module (prefix of its weights)                                | inputs
----------------|---------------------------------------------------------------|------------------------------------
schedule        | ``alphas_cumprod``: golden.schedule (T,)                      |
resnet          | denoising_unet.down_blocks.1.resnets.0                        | x, time (N, 4 C0)
time            | denoising_unet.time_embedding                                 | t (N,) diffusion steps as f32
spatial         | denoising_unet.down_blocks.0.attentions.0                     | x (B*f), reference (B, hw, C)
spatial_ref     | reference_unet.down_blocks.0.attentions.0: .feature, .out     | x
audio_layer     | denoising_unet.down_blocks.0.audio_modules.0                  | x, audio (N, tokens, dim)
temporal        | denoising_unet.down_blocks.0.motion_modules.0                 | x (f), motion (1, n, hw, C), speed (1, f, dim)
temporal_mute   | the same without speed                                        | the same x and motion
speed           | speed_layers on the windows of a film                         | velocity (F,)
face            | face_locator                                                  | mask (1, 1, S, S)
projection      | audio_projection on the windows of a film                     | features (F, features)
mel             | log-mel frames (1, mels, K)                                   | wave (N,)
encoder         | audio_encoder on golden.mel (1, K, features)                  |
speech          | encode_speech at the times (F,), from input.mel.wave          | times
vae             | .encode (normalised latent), .decode (of that latent)         | picture (1, 3, S, S)
reference       | .0, .1, ...: ReferenceNet features, layer by layer            | latent (1, c, s, s)
denoiser        | .audio, .blind (zero audio tokens), .guided (guidance 1.5)    | noisy (1, f, c, s, s), t, latent, motion_latent (n, c, s, s), mask, features, velocity
film            | latents of 2 clips by DDIM (motion handed on; sampler.relative_scale), rounded to f16 | latent, mask, features (F, .), velocity (F,), shared (c, s, s), own (F, c, s, s)
"""

from __future__ import annotations

from pathlib import Path

import torch
from emofarm_training.network.audio_encoder import encode_speech
from emofarm_training.network.conditions import frame_windows
from emofarm_training.network.config import (
    AudioConfig,
    AudioLayersConfig,
    FaceLocatorConfig,
    ModelConfig,
    SamplerConfig,
    SpeedConfig,
    TemporalConfig,
    UNetConfig,
    VaeConfig,
)
from emofarm_training.network.denoiser import Conditions
from emofarm_training.network.emo import Emo
from emofarm_training.network.log_mel import LogMel
from emofarm_training.sampler import motion_maps, predict, prepare, sample_film
from emofarm_training.schedule import alphas_cumprod
from safetensors.torch import save_file
from torch import Tensor

HERE = Path(__file__).parent
TIMESTEP = 599
GUIDANCE = 1.5


def tiny() -> ModelConfig:
    """Sizes small enough for a repository, with every number different from its neighbours where that is possible."""
    return ModelConfig(
        picture_size=32,
        vae=VaeConfig(
            patch=2, channels=[8, 12], latent_channels=4, norm_groups=4,
            shift=[0.1, -0.2, 0.3, 0.0], scale=[1.5, 0.5, 2.0, 1.0],
        ),
        audio=AudioConfig(channels=12, mels=20, features=6, dilations=[1, 2]),
        unet=UNetConfig(channels=[16, 24], heads=2, norm_groups=4),
        audio_layers=AudioLayersConfig(token_dim=10),
        face_locator=FaceLocatorConfig(channels=[2, 4, 6]),
        temporal=TemporalConfig(clip_frames=6, motion_frames=2),
        speed=SpeedConfig(centres=[0.0, 0.5, 1.0], radii=[0.25, 0.5, 0.75], hidden=7, token_dim=14),
        sampler=SamplerConfig(steps=4, relative_scale=0.6),
    )


def randomise(net: Emo, generator: torch.Generator) -> None:
    """Random weights everywhere, also where training starts from zero, scaled so that activations stay near 1."""
    with torch.no_grad():
        for name, weight in net.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 1:
                is_norm_scale = name.endswith("weight")
                weight.copy_(0.1 * noise + (1.0 if is_norm_scale else 0.0))
            else:
                weight.copy_(noise / weight[0].numel() ** 0.5)


class Fixtures:
    """Collects named tensors; every tensor is stored as contiguous f32."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.generator = torch.Generator().manual_seed(20240217)

    def draw(self, name: str, *shape: int) -> Tensor:
        """A normal input, stored under ``input.NAME``."""
        return self.keep(f"input.{name}", torch.randn(shape, generator=self.generator))

    def keep(self, name: str, value: Tensor) -> Tensor:
        """Stores ``value`` under ``name`` and gives it back."""
        self.tensors[name] = value.detach().float().contiguous().clone()
        return value


def layer_cases(net: Emo, out: Fixtures) -> None:
    """One case for each kind of layer."""
    unet, config = net.denoising_unet, net.config
    first, wide = config.unet.channels
    size = config.latent_size
    films, frames, motion = 2, 3, config.temporal.motion_frames

    x = out.draw("resnet.x", 2, first, size // 2, size // 2)
    time = out.draw("resnet.time", 2, 4 * first)
    out.keep("golden.resnet", unet.down_blocks[1].resnets[0](x, time))
    assert wide == unet.down_blocks[1].resnets[0].conv1.out_channels
    t = out.keep("input.time.t", torch.tensor([0.0, 7.0, 999.0]))
    out.keep("golden.time", unet.time_embedding(t))

    x = out.draw("spatial.x", films * frames, first, size, size)
    reference = out.draw("spatial.reference", films, size * size, first)
    out.keep("golden.spatial", unet.down_blocks[0].attentions[0](x, reference))
    x = out.draw("spatial_ref.x", 1, first, size, size)
    feature, after = net.reference_unet.down_blocks[0].attentions[0].forward_reference(x)
    out.keep("golden.spatial_ref.feature", feature)
    out.keep("golden.spatial_ref.out", after)

    x = out.draw("audio_layer.x", frames, first, size, size)
    audio = out.draw("audio_layer.audio", frames, config.audio_layers.tokens, config.audio_layers.token_dim)
    out.keep("golden.audio_layer", unet.down_blocks[0].audio_modules[0](x, audio))

    length = config.temporal.clip_frames
    x = out.draw("temporal.x", length, first, size, size)
    maps = out.draw("temporal.motion", 1, motion, size * size, first)
    speed = out.draw("temporal.speed", 1, length, config.speed.token_dim)
    module = unet.down_blocks[0].motion_modules[0]
    out.keep("golden.temporal", module(x, maps, speed))
    out.keep("golden.temporal_mute", module(x, maps, None))


def condition_cases(net: Emo, out: Fixtures) -> None:
    """Conditions, audio and VAE."""
    config = net.config
    velocity = out.keep("input.speed.velocity", out.draw("speed.velocity", 7).abs())
    out.keep("golden.speed", net.speed_layers(frame_windows(velocity[:, None], config.speed.window)[..., 0]))
    out.keep("golden.face", net.face_locator(face_mask(config, out, "face")))
    features = out.draw("projection.features", 7, config.audio.features)
    out.keep("golden.projection", net.audio_projection(frame_windows(features, config.audio_layers.window)))

    wave = out.keep("input.mel.wave", 0.1 * out.draw("mel.wave", 8123))
    mel = LogMel(config.audio)
    frames = out.keep("golden.mel", mel(wave[None]))
    out.keep("golden.encoder", net.audio_encoder(frames))
    times = out.keep("input.speech.times", torch.arange(14) * (1001 / 30000))
    out.keep("golden.speech", encode_speech(mel, net.audio_encoder, wave, times))

    picture = out.keep("input.vae.picture", out.draw("vae.picture", 1, 3, config.picture_size, config.picture_size).tanh())
    latent = out.keep("golden.vae.encode", net.vae.encode(picture))
    out.keep("golden.vae.decode", net.vae.decode(latent))


def face_mask(config: ModelConfig, out: Fixtures, case: str) -> Tensor:
    """A face box that is not symmetric, as mask (1, 1, S, S)."""
    size = config.picture_size
    mask = torch.zeros(1, 1, size, size)
    mask[:, :, size // 5 : size * 3 // 4, size // 4 : size * 4 // 5] = 1.0
    return out.keep(f"input.{case}.mask", mask)


def network_cases(net: Emo, out: Fixtures) -> None:
    """ReferenceNet, one denoiser step, and two clips of a film."""
    config = net.config
    channels, size, length = config.vae.latent_channels, config.latent_size, config.temporal.clip_frames
    latent = out.draw("reference.latent", 1, channels, size, size)
    for index, feature in enumerate(net.reference_unet(latent)):
        out.keep(f"golden.reference.{index}", feature)

    latent = out.draw("denoiser.latent", 1, channels, size, size)
    noisy = out.draw("denoiser.noisy", 1, length, channels, size, size)
    last = out.draw("denoiser.motion_latent", config.temporal.motion_frames, channels, size, size)
    features = out.draw("denoiser.features", length, config.audio.features)
    velocity = out.keep("input.denoiser.velocity", out.draw("denoiser.velocity", length).abs())
    out.keep("input.denoiser.t", torch.tensor([float(TIMESTEP)]))
    film = prepare(net, latent, face_mask(config, out, "denoiser"), features, velocity)
    maps = motion_maps(net, film, last)
    given = Conditions(latent, film.reference, film.face, film.audio[None], maps, film.speed[None])
    blind = Conditions(**{**vars(given), "audio": torch.zeros_like(given.audio)})
    out.keep("golden.denoiser.audio", net.denoising_unet(noisy, torch.tensor([TIMESTEP]), given))
    out.keep("golden.denoiser.blind", net.denoising_unet(noisy, torch.tensor([TIMESTEP]), blind))
    out.keep("golden.denoiser.guided", predict(net, noisy, TIMESTEP, GUIDANCE, given))

    frames = 2 * length - 2
    latent = out.draw("film.latent", 1, channels, size, size)
    features = out.draw("film.features", frames, config.audio.features)
    velocity = out.keep("input.film.velocity", out.draw("film.velocity", frames).abs())
    shared = out.draw("film.shared", channels, size, size)
    own = out.draw("film.own", frames, channels, size, size)
    film = prepare(net, latent, face_mask(config, out, "film"), features, velocity)
    out.keep("golden.film", sample_film(net, film, shared, own, guidance=GUIDANCE))


@torch.no_grad()
def main() -> None:
    """Builds the network, runs all cases and writes both files."""
    torch.manual_seed(0)
    config = tiny()
    net = Emo(config).eval()
    out = Fixtures()
    randomise(net, out.generator)
    for name, weight in net.state_dict().items():
        out.keep(f"weights.{name}", weight)
    out.keep("golden.schedule", alphas_cumprod(config.sampler))
    layer_cases(net, out)
    condition_cases(net, out)
    network_cases(net, out)
    save_file(out.tensors, HERE / "fixtures.safetensors")
    (HERE / "model.toml").write_text(config.to_toml())
    size = (HERE / "fixtures.safetensors").stat().st_size
    print(f"{len(out.tensors)} tensors, {size / 1e6:.2f} MB")
    for name, value in out.tensors.items():
        if name.startswith("golden."):
            print(f"{name:28} {tuple(value.shape)!s:24} std {value.std():.3f}")


if __name__ == "__main__":
    main()
