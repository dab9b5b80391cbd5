"""The whole network under one root, with the tensor names of a pack."""

from __future__ import annotations

from torch import nn

from .audio_encoder import AudioEncoder
from .conditions import AudioProjection, FaceLocator, SpeedLayers
from .config import ModelConfig
from .denoiser import DenoisingUNet
from .reference_net import ReferenceNet
from .vae import Vae


class Emo(nn.Module):
    """All parts; the name of a child is the prefix of its tensors in ``model.safetensors``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.denoising_unet = DenoisingUNet(config)
        self.reference_unet = ReferenceNet(config)
        self.face_locator = FaceLocator(config.face_locator, config.unet.channels[0])
        self.audio_projection = AudioProjection(config.audio, config.audio_layers)
        self.speed_layers = SpeedLayers(config.speed)
        self.vae = Vae(config.vae)
        self.audio_encoder = AudioEncoder(config.audio)
