"""Sizes of the network, read from and written to a pack's ``model.toml``.

Every number that the network's shape depends on is here, so that a pack describes itself and the Rust
implementation (crate ``diffusion``) can build the same network from the same table.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..path import PathConfig


@dataclass
class VaeConfig:
    """Sizes of the picture autoencoder (AutoencoderKL layout).

    ``patch`` folds patch x patch pixels into channels before the encoder (pixel-unshuffle) and unfolds them after
    the decoder; 1 gives the Stable Diffusion VAE. ``layers_per_block`` counts the encoder's resnets a level; the
    decoder has one more. ``latent = (mean - shift) * scale``, channel by channel.
    """

    patch: int = 2
    channels: list[int] = field(default_factory=lambda: [32, 64, 128])
    layers_per_block: int = 1
    latent_channels: int = 16
    norm_groups: int = 8
    shift: list[float] = field(default_factory=lambda: [0.0] * 16)
    scale: list[float] = field(default_factory=lambda: [1.0] * 16)

    @property
    def factor(self) -> int:
        """Picture pixels for one latent pixel, along one axis."""
        return self.patch * 2 ** (len(self.channels) - 1)


@dataclass
class AudioConfig:
    """Log-mel analysis and the audio encoder; ``mean`` and ``std`` normalise the log-mel values of this pack."""

    sample_rate: int = 16000
    n_fft: int = 512
    window: int = 400
    hop: int = 160
    mels: int = 64
    fmin: float = 60.0
    fmax: float = 7600.0
    floor: float = 1e-6
    mean: float = -6.0
    std: float = 4.0
    channels: int = 96
    kernel: int = 5
    dilations: list[int] = field(default_factory=lambda: [1, 2, 4, 1])
    features: int = 64

    @property
    def reach(self) -> int:
        """Log-mel frames on each side that one feature frame depends on (half the receptive field)."""
        return (self.kernel // 2) * (1 + sum(self.dilations))


@dataclass
class UNetConfig:
    """Sizes that the ReferenceNet and the denoising UNet share."""

    channels: list[int] = field(default_factory=lambda: [64, 96, 128])
    layers_per_block: int = 1
    heads: int = 4
    norm_groups: int = 16
    ff_mult: int = 2
    concat_reference: bool = True


@dataclass
class AudioLayersConfig:
    """Audio window of a frame: features of frames i-m..i+m (``window`` is m), one token of ``token_dim`` each."""

    window: int = 2
    token_dim: int = 128

    @property
    def tokens(self) -> int:
        """Audio tokens a frame."""
        return 2 * self.window + 1


@dataclass
class FaceLocatorConfig:
    """Widths of the Face Locator; each step from one width to the next halves the size."""

    channels: list[int] = field(default_factory=lambda: [8, 16, 32, 64])


@dataclass
class TemporalConfig:
    """Frames denoised together and motion frames that condition them."""

    clip_frames: int = 12
    motion_frames: int = 4


@dataclass
class SpeedConfig:
    """Velocity buckets of the Speed Layers: ``s_d = tanh(3 (w - centre_d) / radius_d)``, w in degrees a frame."""

    centres: list[float] = field(default_factory=lambda: [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6])
    radii: list[float] = field(default_factory=lambda: [0.2] * 9)
    window: int = 2
    hidden: int = 128
    token_dim: int = 128


@dataclass
class SamplerConfig:
    """Diffusion schedule (rescaled to zero terminal SNR, v-prediction, DDIM eta 0, trailing) and its settings.

    ``noise_shared`` is rho: the share of the noise's variance that all frames of a film have in common.
    With ``relative_scale`` above 0 the network draws the change against the portrait: the sampler's result d gives
    ``latent = reference_latent + relative_scale * d``. 0 is the paper's form: the result is the latent itself.
    ``head_speed`` in degrees a frame is what a film gets that asks for none. With ``path`` the noise carries the head path.
    """

    train_steps: int = 1000
    schedule: str = "scaled_linear"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    prediction: str = "v_prediction"
    steps: int = 10
    guidance: float = 1.5
    noise_shared: float = 0.9
    relative_scale: float = 0.0
    head_speed: float = 0.4
    path: PathConfig | None = None


@dataclass
class DetailConfig:
    """How the farm carries the portrait's own detail over into decoded frames; ``far`` 0: not at all.

    It does where a frame differs by less than ``far`` of 255 from the moved portrait, and wholly up to ``near``. PyTorch draws without it.
    """

    near: float = 0.0
    far: float = 0.0


@dataclass
class ModelConfig:
    """The whole network."""

    picture_size: int = 128
    vae: VaeConfig = field(default_factory=VaeConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    unet: UNetConfig = field(default_factory=UNetConfig)
    audio_layers: AudioLayersConfig = field(default_factory=AudioLayersConfig)
    face_locator: FaceLocatorConfig = field(default_factory=FaceLocatorConfig)
    temporal: TemporalConfig = field(default_factory=TemporalConfig)
    speed: SpeedConfig = field(default_factory=SpeedConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    detail: DetailConfig = field(default_factory=DetailConfig)

    @property
    def latent_size(self) -> int:
        """Side of the square latent picture."""
        return self.picture_size // self.vae.factor

    @staticmethod
    def from_table(table: dict[str, Any]) -> ModelConfig:
        """Builds the configuration from a parsed ``model.toml``; tables of other subjects (``pack``) are ignored."""
        parts: dict[str, Any] = {"picture_size": table["picture"]["size"]}
        for item in dataclasses.fields(ModelConfig):
            if item.name != "picture_size":
                part = item.default_factory  # type: ignore[misc]
                parts[item.name] = part(**table.get(item.name, {}))
        if isinstance(parts["sampler"].path, dict):
            parts["sampler"].path = PathConfig(**parts["sampler"].path)
        return ModelConfig(**parts)

    @staticmethod
    def read(path: str | Path) -> ModelConfig:
        """Reads the configuration from a TOML file."""
        return ModelConfig.from_table(tomllib.loads(Path(path).read_text()))

    def to_toml(self) -> str:
        """The tables of ``model.toml`` that describe the network."""
        lines = ["[picture]", f"size = {self.picture_size}"]
        for item in dataclasses.fields(self):
            if item.name == "picture_size" or (item.name == "detail" and self.detail.far <= 0.0):
                continue
            entries = dataclasses.asdict(getattr(self, item.name))
            inner = {key: entries.pop(key) for key, value in list(entries.items()) if value is None or isinstance(value, dict)}
            lines += ["", f"[{item.name}]", *(f"{key} = {toml_value(value)}" for key, value in entries.items())]
            for name, table in inner.items():
                if table is not None:
                    lines += ["", f"[{item.name}.{name}]", *(f"{key} = {toml_value(value)}" for key, value in table.items())]
        return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """One value as TOML text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, float):
        text = repr(value)
        return text if any(c in text for c in ".en") else text + ".0"
    return str(value)
